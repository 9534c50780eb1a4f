"""Every change of files of every way to replace an output, as the last one before a kill."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.crash_points import WRITERS, CrashPoints, Writer
from helpers.fault_tally import Tally
from helpers.killed_weights import write_weights
from helpers.killed_writers import NEVER, KilledWriters

ALL = WRITERS | {"weights": Writer(write_weights, (1.0,), (2.0,))}
MOST_CHANGES = 60


@pytest.fixture(scope="module")
def writers() -> Iterator[KilledWriters]:
    writers = KilledWriters()
    yield writers
    writers.close()


@pytest.mark.share(0.5)
@pytest.mark.parametrize("name", ALL, ids=lambda name: name.replace(" ", "-"))
def test_a_writer_killed_before_a_change_of_files(
    writers: KilledWriters, folder: Path, tally: Tally, name: str
) -> None:
    rng = np.random.default_rng(tally.seed)
    points = CrashPoints(writers, ALL[name], folder)
    for anew in (False, True):
        for change in range(NEVER):
            with tally.tried() as kinds:
                kinds.append(f"crash point of {name}")
                killed = points.survived((change, int(rng.integers(MOST_CHANGES))), anew=anew)
            if not killed:
                break
        assert change > 3
