"""Shows the scatter that each division would claim beside the true one."""

from __future__ import annotations

import math
from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.figures import paired_bars
from szmass.studies.leakage.settings import CLAIMED, ERROR, TRUE, Leakage
from szmass.studies.results import FIGURES, read_metrics, write_results

HEADER = ("maps", "divided", "claimed [dex]", "true [dex]", "claimed / true")
NOTE = (
    "Standard deviation of log10(M_CNN / M_true) on the maps that a training was validated on\n"
    "(claimed) and on clusters that it has not seen (true), by what was divided at random into\n"
    "training and validation: clusters with all their lines of sight, or maps. Errors are by\n"
    "bootstrap over clusters.\n\n"
)


def report(study: Leakage, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, study.items)
    claimed, true = (
        {item: (of[name], of[ERROR.format(scatter=name)]) for item, of in metrics.items()}
        for name in (CLAIMED, TRUE)
    )
    rows = [
        (
            division.data_set,
            division.divided,
            "{:.4f} +- {:.4f}".format(*claimed[item]),
            "{:.4f} +- {:.4f}".format(*true[item]),
            "{:.2f} +- {:.2f}".format(*_ratio(claimed[item], true[item])),
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


def _ratio(upper: tuple[float, float], lower: tuple[float, float]) -> tuple[float, float]:
    """The ratio of two independent values, with its error."""
    ratio = upper[0] / lower[0]
    return ratio, ratio * math.hypot(upper[1] / upper[0], lower[1] / lower[0])
