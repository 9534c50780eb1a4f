"""The table of differences lists what differs, and is that of the committed metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from helpers import ROOT
from szmass.evaluation.agreement import DIFFERS, NOT_COMPARABLE
from szmass.report import differences
from szmass.report.differences import DIFFERENCES, Difference, write_differences
from szmass.report.results import ReportError


def lines_of(table: Path) -> list[str]:
    return [line for line in table.read_text().splitlines() if line.startswith("| ")][1:]


@pytest.mark.parametrize(
    ("ours", "error", "paper_error", "expected"),
    [
        (0.103, None, None, None),  # 3 % of 0.100
        (0.112, None, None, NOT_COMPARABLE),
        (0.112, 0.01, None, NOT_COMPARABLE),  # one error alone says nothing of the other
        (0.112, 0.01, 0.01, None),
        (0.130, 0.01, 0.01, DIFFERS),  # 2.1 standard errors
        (0.070, 0.01, 0.01, DIFFERS),
    ],
)
def test_a_number_is_listed_by_its_errors_or_by_a_tenth(
    tmp_path: Path,
    ours: float,
    error: float | None,
    paper_error: float | None,
    expected: str | None,
) -> None:
    known = {"width": ours, "paper_width": 0.1, "width_err": error, "paper_width_err": paper_error}
    numbers = {name: value for name, value in known.items() if value is not None}
    (tmp_path / "cnn.json").write_text(json.dumps({"all": numbers}))
    table = tmp_path / "table.md"
    write_differences(table, tmp_path, [Difference("width", "cnn.all", "width", "since")])
    marks = [line.split(" | ")[3].strip() for line in lines_of(table)]
    assert marks == ([] if expected is None else [expected])


def test_what_agrees_or_was_not_run_or_has_no_reason_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(differences, "STUDIES", tmp_path / "studies")
    found = {"a": 1.0, "paper_a": 1.05, "b": 2.0, "paper_b": 1.0, "b_err": 0.1, "paper_b_err": 0.2}
    (tmp_path / "cnn.json").write_text(json.dumps({"all": found}))
    candidates = [
        Difference("agrees", "cnn.all", "a", "-"),
        Difference("differs", "cnn.all", "b", "since"),
        Difference("not run", "one", "b", "-", study="bins"),
        Difference("of another sky", "cnn.all", "b", "-", only_with="c"),
    ]
    table = tmp_path / "table.md"
    write_differences(table, tmp_path, candidates)
    assert [line.split(" |")[0] for line in lines_of(table)] == ["| differs"]
    assert "2.000 +- 0.100" in lines_of(table)[0]
    assert "1.000 +- 0.200" in lines_of(table)[0]
    (tmp_path / "studies/bins").mkdir(parents=True)
    (tmp_path / "studies/bins/metrics.json").write_text(json.dumps({"one": found}))
    write_differences(table, tmp_path, candidates)
    assert len(lines_of(table)) == 2


def test_a_number_that_is_in_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cnn.json").write_text('{"all": {"a": 1.0}}')
    with pytest.raises(ReportError, match=r"cnn\.all: expected a and paper_a"):
        write_differences(tmp_path / "table.md", tmp_path, [Difference("x", "cnn.all", "a", "-")])


def test_the_committed_table_is_that_of_the_committed_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a study was run: `dvc repro -f -s summarise`, and `szmass summary --docs`."""
    monkeypatch.chdir(ROOT)
    write_differences(tmp_path / "table.md", Path("metrics"), DIFFERENCES)
    committed = (ROOT / "metrics" / "differences_table.md").read_text()
    assert (tmp_path / "table.md").read_text() == committed
