"""The suite of `make faults` fails when a fault is lost, and the other tests do not collect it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers import ROOT
from helpers.crash_points import WRITERS, CrashPoints, Writer
from helpers.fault_copies import REFERENCE, FaultCopy
from helpers.fault_tally import Tally, table
from helpers.killed_writers import KilledWriters, write_in_place

LOCK = "stages: {simulate: {cmd: simulate, outs: [{path: data/maps.csv, md5: 0}]}}\n"


@pytest.fixture(scope="module")
def writers() -> Iterator[KilledWriters]:
    writers = KilledWriters()
    yield writers
    writers.close()


def test_a_fault_that_is_not_survived_is_counted_and_says_how_to_try_it_again() -> None:
    tally = Tally("test_of_a_disk", seed=7, seconds=0.0)
    (first,), (again,) = tally.draws(), tally.draws()
    assert first.random() == again.random()
    with tally.tried() as kinds:
        kinds += ["a kill", "a kill"]

    def lose() -> None:
        with tally.tried() as kinds:
            kinds.append("a kill")
            raise AssertionError

    with pytest.raises(AssertionError) as caught:
        lose()
    assert "make faults SEED=7 ONLY='test_of_a_disk'" in caught.value.__notes__[0]
    assert [line.split()[-2:] for line in table(tally.counts).splitlines()[1:]] == [["3", "2"]] * 2


def test_a_writer_that_is_not_whole_is_caught(writers: KilledWriters, tmp_path: Path) -> None:
    whole = CrashPoints(writers, WRITERS["a file"], tmp_path / "whole")
    torn = CrashPoints(writers, Writer(write_in_place, ("old",), ("new",)), tmp_path / "torn")
    assert whole.survived((1, 2), anew=False)
    with pytest.raises(AssertionError, match="output: .*b'n'"):
        torn.survived((1,), anew=False)


@pytest.fixture
def copy(tmp_path: Path) -> FaultCopy:
    """A project with one output."""
    copy = FaultCopy(tmp_path / "szmass")
    (copy.path / "data").mkdir(parents=True)
    (copy.path / "dvc.lock").write_text(LOCK)
    (copy.path / "data" / "maps.csv").write_text("whole")
    copy.log.write_text("what was printed")
    (copy.place / REFERENCE).write_text(json.dumps({"outputs": copy.outputs()}))
    copy.require_reference()
    return copy


def test_a_changed_output_and_what_is_left_beside_it_are_caught(copy: FaultCopy) -> None:
    left = copy.path / "data" / "maps.csv.writer"
    left.touch()
    with pytest.raises(AssertionError, match=r"left beside outputs: .*maps\.csv\.writer"):
        copy.require_reference()
    copy.require_reference(kept=(".writer",))
    left.unlink()
    (copy.path / "data" / "maps.csv").write_text("Whole")
    with pytest.raises(AssertionError, match=r"not the reference's: .*maps\.csv(.|\n)*printed"):
        copy.require_reference()


def test_a_process_that_is_left_is_caught_and_ended(
    copy: FaultCopy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helpers.fault_copies.MOST_SECONDS_TO_END", 0.1)
    left = subprocess.Popen([sys.executable, "-c", "input()"], cwd=copy.path, stdin=subprocess.PIPE)
    with left, pytest.raises(AssertionError, match="left running: .*input"):
        copy.require_reference()
    assert left.returncode
    copy.require_reference()


def test_other_runs_do_not_collect_the_suite(request: pytest.FixtureRequest) -> None:
    assert list((ROOT / "tests" / "faults").glob("test_*.py"))
    assert not [item for item in request.session.items if "faults" in item.path.parts]
