"""Stages killed at random moments: one `dvc repro` gives what it would have given."""

from __future__ import annotations

from time import sleep

import pytest

from helpers.fault_copies import BESIDE, MOST_SECONDS, FaultCopy, stages
from helpers.fault_kills import kill_at_random
from helpers.fault_tally import Tally

START_S = 1.5
"""That DVC takes before the stage starts."""
MOST_KILLS = 12


@pytest.mark.share(2)
@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.replace("@", "."))
def test_a_killed_stage(copy: FaultCopy, tally: Tally, stage: str) -> None:
    seconds = START_S + copy.seconds[stage]
    for rng in tally.draws():
        with tally.tried() as kinds:
            if rng.random() < 0.5:
                copy.forget(stage)
            for _ in range(rng.integers(1, MOST_KILLS + 1)):
                repro = copy.start("dvc", "repro", "--force", "--single-item", stage)
                sleep(rng.uniform(0.0, seconds))
                if kind := kill_at_random(repro, rng):
                    kinds.append(kind)
                repro.wait(MOST_SECONDS)
                copy.require_quiet()
            kinds.extend(copy.mend_dvc())
            copy.repro(kept=BESIDE)
    # what no later run of the stage wrote over
    copy.repro("--force", "--single-item", stage)
