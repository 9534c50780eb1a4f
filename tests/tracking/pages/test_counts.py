"""Numbers of verdicts and tables, which their stages write and do not report."""

from __future__ import annotations

import json
from pathlib import Path

from szmass.tracking.pages.counts import checks_of_verdicts, rows_of_table


def test_checks_of_a_validation_and_of_a_gate_are_counted(tmp_path: Path):
    verdicts = {
        "compton_verdict": {"results": [{"success": True}, {"success": False}]},
        "weighing_verdict": {"checks": [{"passed": True}] * 3},
    }
    paths = {name: tmp_path / f"{name}.json" for name in verdicts}
    for name, verdict in verdicts.items():
        paths[name].write_text(json.dumps(verdict))
    paths |= {"microwave_verdict": tmp_path / "not there yet.json", "planck_store": tmp_path}
    assert checks_of_verdicts(paths) == {
        "compton_verdict.checks": 2,
        "compton_verdict.failed": 1,
        "weighing_verdict.checks": 3,
        "weighing_verdict.failed": 0,
    }


def test_rows_of_a_table_and_its_truths_are_counted(tmp_path: Path):
    table = tmp_path / "masses.csv"
    table.write_text("name,golden,z\na,True,0.1\nb,False,0.2\nc,True,0.3\n")
    assert rows_of_table(table) == {"masses.rows": 3, "masses.golden": 2}
