"""Shows the scatter that each division would claim beside the true one."""

from __future__ import annotations

from pathlib import Path

from szmass.evaluation.figures import save
from szmass.evaluation.report import markdown_table
from szmass.evaluation.study_figures import paired_bars
from szmass.reporting import Run
from szmass.studies.leakage.settings import CLAIMED, TRUE, Leakage
from szmass.studies.results import FIGURES, read_metrics, write_results

HEADER = ("maps", "divided", "claimed [dex]", "true [dex]", "claimed / true")
NOTE = (
    "Standard deviation of log10(M_CNN / M_true) on the maps that a training was validated on\n"
    "(claimed) and on clusters that it has not seen (true), by what was divided at random into\n"
    "training and validation: clusters with all their lines of sight, or maps.\n\n"
)


def report(study: Leakage, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, study.items)
    claimed = {item: metrics[item][CLAIMED] for item in study.items}
    true = {item: metrics[item][TRUE] for item in study.items}
    rows = [
        (
            division.data_set,
            division.divided,
            f"{claimed[item]:.4f}",
            f"{true[item]:.4f}",
            f"{claimed[item] / true[item]:.2f}",
        )
        for item, division in study.items.items()
    ]
    labels = [f"{d.data_set} maps,\n{d.divided} divided" for d in study.items.values()]
    bars = {
        "claimed: validation maps": list(claimed.values()),
        "true: clusters not seen": list(true.values()),
    }
    figure = paired_bars(labels, bars, "scatter of log10(M_CNN / M_true) [dex]")
    save(figure, here / FIGURES / "leakage.png")
    write_results(here, metrics, NOTE + markdown_table(HEADER, rows), run)
