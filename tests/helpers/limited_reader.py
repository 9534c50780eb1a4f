"""Reads files as `szmass predict` does, within limits of memory; a process of its own.

Of each line of its input, the options of a `Wanted` as JSON, it writes a line: the maps' sums and
redshifts, what was wrong with the others, the seconds, and by how many MiB the memory grew.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.command import Wanted, usable_maps
from szmass.sky.grid import PixelGrid

GRID, NSIDE = PixelGrid(16, 1.7), 16
MOST_BYTES = 2**33
"""Of addresses, most of which threads reserve and never use."""


def memory_mib(name: str) -> float:
    """An entry of Linux' /proc/self/status."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(f"{name}:"))
    return int(line.split()[1]) / 1024


def read(options: dict[str, Any]) -> dict[str, Any]:
    """What became of the files."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is the present from here on
    before, begun = memory_mib("VmRSS"), monotonic()
    wanted = Wanted(
        files=[Path(name) for name in options.pop("files", [])],
        redshift=options.pop("redshift", None),
        **{key: Path(name) for key, name in options.items()},  # type: ignore[arg-type]  # a path each
    )
    problems: list[str]
    try:
        maps = usable_maps(wanted, GRID, NSIDE)
        cutouts, redshifts, problems = maps.cutouts, maps.redshifts, maps.problems
    except SzmassError as error:
        cutouts, redshifts, problems = [], [], [str(error)]
    return {
        "cutouts": [np.asarray(cutout, dtype=float).ravel().tolist() for cutout in cutouts],
        "redshifts": redshifts,
        "problems": problems,
        "seconds": monotonic() - begun,
        "mib": memory_mib("VmHWM") - before,
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
    for line in sys.stdin:
        print(json.dumps(read(json.loads(line))), flush=True)
