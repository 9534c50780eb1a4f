"""Digests of a clone, beside the code that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from szmass.doctor import code
from szmass.doctor.finding import State


def test_digests_are_those_of_the_code(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code.digests(root).state is State.WRONG  # the szmass that runs is another clone's
    package = root / "src" / "szmass"
    package.mkdir(parents=True)
    monkeypatch.setattr("szmass.__file__", str(package / "__init__.py"))
    lines = {"train_cnn": "1", "report": "2"}
    monkeypatch.setattr(code, "digest_lines", lambda _: lines)
    (root / "digests").mkdir()
    for name, digest in lines.items():
        (root / "digests" / name).write_text(f"{digest}\n")
    assert code.digests(root).state is State.OK
    (root / "digests" / "report").write_text("3\n")
    found = code.digests(root)
    assert (found.state, found.remedy) == (State.NOTE, "dvc repro digests")
    assert "digests of report are" in found.text


WHOLE = "schema: '2.0'\nstages:\n  report:\n    cmd: python -m szmass report\n"


@pytest.mark.parametrize(
    ("content", "state"),
    [
        (WHOLE, State.OK),
        (WHOLE.partition("    cmd")[0], State.WRONG),
        (WHOLE + "  train_cnn:\n    md", State.WRONG),
        (WHOLE + "  train_cnn: [", State.WRONG),
        (WHOLE + "    outs:\n    - path: report.html\n", State.WRONG),
        ("", State.WRONG),
    ],
)
def test_a_lock_file_that_a_kill_has_cut_is_named(root: Path, content: str, state: State) -> None:
    (root / "dvc.lock").write_text(content)
    found = code.lock(root)
    assert found.state is state
    assert (found.remedy == "") == (state is State.OK)


def test_without_a_lock_file_nothing_has_run(root: Path) -> None:
    assert code.lock(root).state is State.NOTE


@pytest.mark.parametrize(("content", "state"), [("{}", State.OK), ("", State.WRONG)])
def test_an_rwlock_that_a_kill_has_cut_is_named(root: Path, content: str, state: State) -> None:
    assert code.rwlock(root).state is State.OK  # none is there
    (root / ".dvc" / "tmp" / "rwlock").write_text(content)
    assert code.rwlock(root).state is state
