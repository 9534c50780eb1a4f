"""Numbers of what a stage wrote without reporting them: checks of verdicts, rows of tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

VERDICT = "_verdict"
"""Ends the keys of verdicts' paths in params.yaml."""


def checks_of_verdicts(paths: Mapping[str, Path]) -> dict[str, float]:
    """How many checks each verdict has that is there, and how many failed, as `<key>.checks`.

    Args:
        paths: of a stage, by their key in params.yaml.
    """
    numbers: dict[str, float] = {}
    for key, path in paths.items():
        if key.endswith(VERDICT) and path.is_file():
            verdict = json.loads(path.read_text())
            # the gate has `checks`, a validation of maps `results`
            checks = verdict.get("checks", verdict.get("results", []))
            failed = [check for check in checks if not check.get("passed", check.get("success"))]
            numbers |= {f"{key}.checks": len(checks), f"{key}.failed": len(failed)}
    return numbers


def rows_of_table(path: Path) -> dict[str, float]:
    """How many rows a CSV table has, and in how many each column of truth values is true."""
    table = pd.read_csv(path)
    truths = table.select_dtypes("bool").sum()
    return {
        f"{path.stem}.rows": len(table),
        **{f"{path.stem}.{name}": int(count) for name, count in truths.items()},
    }
