"""Disks that fill while a stage runs: one line, and the old outputs stay whole."""

from __future__ import annotations

import resource

import pytest

from helpers.fault_copies import MOST_SECONDS, FaultCopy, stages
from helpers.fault_tally import Tally
from szmass.files import TRAINING


@pytest.mark.share(3)
@pytest.mark.parametrize("lane", range(2))
def test_a_disk_that_fills_at_any_size(copy: FaultCopy, tally: Tally, lane: int) -> None:
    for rng in tally.draws():
        stage = str(rng.choice(stages()))
        size = int(10.0 ** rng.uniform(1.0, 7.0))

        def limit(size: int = size) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        command = ("python", "-m", "szmass", *stage.split("@"))
        with tally.tried() as kinds:
            kinds.append("a disk that fills")
            status = copy.start(*command, before=limit, PYTHONPATH="src").wait(MOST_SECONDS)
            copy.require_reference(kept=(TRAINING,))
            if status:
                last = copy.log_text().strip().rpartition("\n")[2]
                assert last.startswith(f"szmass {' '.join(command[3:])}: error: "), copy.log_text()
                assert "Traceback" not in copy.log_text()
                again = copy.start(*command, PYTHONPATH="src")
                assert again.wait(MOST_SECONDS) == 0, copy.log_text()
                copy.require_reference()
