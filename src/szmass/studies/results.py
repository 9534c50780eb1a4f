"""What a study leaves behind: metrics, a table and figures, in its folder and in its MLflow run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from szmass.reporting import Run

ITEMS, FIGURES = "items", "figures"
METRICS_FILE, TABLE_FILE, PREDICTIONS_FILE = "metrics.json", "table.md", "predictions.csv"
Metrics = Mapping[str, float]


def read_metrics(here: Path, items: Iterable[str], part: str = "") -> dict[str, dict[str, float]]:
    """The metrics of a study's items, by item.

    Args:
        here: the study's folder.
        items: which.
        part: folder of theirs, where a study has items of several kinds.
    """
    folder = here / ITEMS / part
    return {item: json.loads((folder / item / METRICS_FILE).read_text()) for item in items}


def read_predictions(here: Path, items: Iterable[str], part: str = "") -> dict[str, pd.DataFrame]:
    """The predictions of a study's items, by item; see `read_metrics`."""
    folder = here / ITEMS / part
    return {item: pd.read_csv(folder / item / PREDICTIONS_FILE) for item in items}


def write_results(here: Path, metrics: Mapping[str, Metrics], table: str, run: Run) -> None:
    """Writes a study's metrics by item and its table, and reports them and its figures.

    The figures lie in the study's folder `figures` already.
    """
    (here / METRICS_FILE).write_text(json.dumps(metrics, indent=1) + "\n")
    (here / TABLE_FILE).write_text(table)
    for name in (METRICS_FILE, TABLE_FILE):
        run.artifact(here / name)
    for figure in sorted((here / FIGURES).glob("*.png")):
        run.figure(figure)
