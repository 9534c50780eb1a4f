"""Disks that fill while a stage runs: one line, and the old outputs stay whole."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Callable

import pytest

from helpers.fault_copies import FaultCopy, stages
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

        with tally.tried() as kinds:
            full = run(copy, stage, before=limit)
            kinds.append("a disk that fills" if full.returncode else "a disk with room enough")
            copy.require_reference(kept=(TRAINING,))
            if full.returncode:
                assert "Traceback" not in full.stderr, full.stderr
                line = full.stderr.splitlines()[-1]
                assert line.startswith(f"szmass {stage.replace('@', ' ')}: error: "), full.stderr
                again = run(copy, stage)
                assert again.returncode == 0, again.stderr
                copy.require_reference()


def run(
    copy: FaultCopy, stage: str, before: Callable[[], None] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs a stage as DVC does; what it prints goes through pipes, which are never full."""
    return subprocess.run(
        ["python", "-m", "szmass", *stage.split("@")], cwd=copy.path, check=False,
        env=copy.environment(PYTHONPATH="src"), capture_output=True, text=True, preexec_fn=before,
    )  # fmt: skip
