"""What weighing costs: one cutout and 1094 from the command's start to its end, 100 000 in a loop.

PYTHONPATH=src python benchmarks/predict.py

Needs nothing but the record that szmass comes with. The maps are noise with a bright spot in the
middle: what is in a map changes no time.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import numpy as np
from measured import keep, row

ROUNDS = 5
COMMAND = "from szmass.cli import main; main()"
CUTOUTS, AT_ONCE = 1094, 4_000
IN_A_LOOP = {"statistical interval": (False, 100_000), "both intervals": (True, 20_000)}
"""Whether the interval with what is known of the gas is computed too; how many maps are weighed."""
NOISE_Y, HEIGHT_Y, WIDTH_ARCMIN = 1.2e-6, 2e-5, 6.0


def seconds(*arguments: str) -> tuple[float, float]:
    """Seconds that the command takes, by the clock and of the processor."""
    before, started = _children_seconds(), perf_counter()
    subprocess.run([sys.executable, "-c", COMMAND, *arguments], check=True, capture_output=True)
    return perf_counter() - started, _children_seconds() - before


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turns(*commands: tuple[str, ...]) -> list[tuple[float, float]]:
    """Medians of the seconds of each command; the first round fills the disk's cache."""
    rounds = [[seconds(*command) for command in commands] for _ in range(ROUNDS + 1)][1:]
    return [
        (median(clock for clock, _ in taken), median(used for _, used in taken))
        for taken in zip(*rounds, strict=True)
    ]


def write_maps(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Writes a file a cutout, and a table of them; returns the maps and their redshifts."""
    from szmass.predict.released import released_record
    from szmass.weighing.record import Record

    grid = Record.read(released_record().path).facts.grid
    rng = np.random.default_rng(1)
    spot = HEIGHT_Y * np.exp(-0.5 * (grid.radius_arcmin / WIDTH_ARCMIN) ** 2)
    maps = rng.normal(0.0, NOISE_Y, (CUTOUTS, grid.pixels, grid.pixels)) + spot
    maps, redshift = maps.astype(np.float32), rng.uniform(0.05, 0.6, CUTOUTS)
    lines = ["file,redshift"]
    for number, (image, z) in enumerate(zip(maps, redshift, strict=True)):
        np.save(folder / f"{number}.npy", image)
        lines.append(f"{number}.npy,{z:.4f}")
    (folder / "cutouts.csv").write_text("\n".join(lines) + "\n")
    return maps, redshift


def loop(maps: np.ndarray, redshift: np.ndarray, *, total: bool, count: int) -> tuple[float, float]:
    """Maps a second that the library weighs, by the clock and of the processor."""
    from szmass.predict.released import released_record
    from szmass.weighing.record import Record
    from szmass.weighing.weigher import Weigher

    weigher = Weigher(Record.read(released_record().path))
    facts = weigher.record.facts
    rows = np.resize(np.arange(len(maps)), AT_ONCE)
    maps, redshift = maps[rows], redshift[rows]
    started, used = perf_counter(), process_time()
    for _ in range(count // AT_ONCE):
        inputs = weigher.inputs(maps, redshift)
        masses = weigher(inputs, prior=facts.survey_prior, gas=facts.reference_gas, total=total)
        weigher.novelty(inputs, masses["m500_msun"])
    clock, used = perf_counter() - started, process_time() - used
    return count / clock, count / used


def products_alone(*, total: bool) -> float:
    """Maps a second whose networks' matrix products and exponentials one core computes."""
    from threadpoolctl import threadpool_limits

    from szmass.predict.released import released_record
    from szmass.weighing.record import Record
    from szmass.weighing.weigher import AT_ONCE as ROWS
    from szmass.weighing.weigher import Weigher

    weigher = Weigher(Record.read(released_record().path))
    relations = len(weigher.nodes[1]) + 1 if total else 1
    kernels = [
        array for network in weigher.record.ensemble.weights for array in network if array.ndim == 2
    ]
    inputs = [np.ones((ROWS, len(kernel)), np.float32) for kernel in kernels]
    with threadpool_limits(1):
        started = process_time()
        for _ in range(relations):
            for values, kernel in zip(inputs, kernels, strict=True):
                np.exp(-(values @ kernel))
        return ROWS / (process_time() - started)


def main() -> None:
    """Measures the three, each beside its floor."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        maps, redshift = write_maps(folder)
        (one, one_used), (many, many_used), (start, _) = in_turns(
            ("predict", str(folder / "0.npy"), "--redshift", "0.3"),
            ("predict", "--table", str(folder / "cutouts.csv"), "--json"),
            ("predict", "--help"),
        )
    rates, floors = {}, {}
    for kind, (total, count) in IN_A_LOOP.items():
        rates[kind] = loop(maps, redshift, total=total, count=count)
        floors[kind] = products_alone(total=total)
    results = {
        "one_seconds": one,
        "one_cpu_seconds": one_used,
        "many_seconds": many,
        "many_cpu_seconds": many_used,
        "help_seconds": start,
        "clusters": CUTOUTS,
        "loop_maps_per_second": {kind: rate for kind, (rate, _) in rates.items()},
        "loop_maps_per_cpu_second": {kind: rate for kind, (_, rate) in rates.items()},
        "floor_maps_per_cpu_second": floors,
    }
    against = f"`szmass predict --help` {start:.1f} s"
    rows = [
        row(
            "`szmass predict`, one cutout",
            f"{one:.1f} s, {one_used:.1f} s of the processor",
            against,
            "1.5 s",
        ),
        row(
            f"`szmass predict`, {CUTOUTS} cutouts",
            f"{many:.1f} s, {many_used:.1f} s of the processor",
            against,
            "3 s",
        ),
    ]
    for kind, (rate, of_core) in rates.items():
        rows.append(
            row(
                f"{IN_A_LOOP[kind][1]:,} cutouts in a loop, {kind}",
                f"{rate:,.0f} maps/s, {of_core:,.0f} a second of the processor",
                f"the networks' products and exponentials alone {floors[kind]:,.0f}",
                "20 000 maps/s",
            )
        )
    print(json.dumps(results, indent=1))
    keep("predict", results, rows)


if __name__ == "__main__":
    main()
