"""Shows the residuals of all divisions of the redshifts together."""

from __future__ import annotations

from pathlib import Path

from szmass.compton.results.estimated import Estimated
from szmass.compton.results.mass_figures import residuals
from szmass.evaluation.charts import save
from szmass.evaluation.papers import read_paper
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.redshift_bins.settings import RedshiftBins
from szmass.studies.results import FIGURES, read_metrics, read_predictions, write_results

MOMENTS = ("bias_dex", "scatter_dex", "skewness", "kurtosis")
HEADER = ("intervals", *("mean [dex]", "std [dex]", "skewness (0)", "kurtosis (3)"))
NOTE = (
    "Moments of log10(M_CNN / M_true) over the test clusters of all redshifts, maps of the data\n"
    "set {data_set}, by the number of intervals that have a network of their own. The networks\n"
    "of a division have seen about {maps_seen} maps in equal shares. Beside them the paper's\n"
    "Supp. Table 1; in brackets what a Gaussian has.\n\n"
)


def report(study: RedshiftBins, *, de_andres_2022: Path, here: Path, run: Run) -> None:
    """Writes metrics, table and Supp. Fig. 8."""
    paper = read_paper(de_andres_2022, "moments")["moments"].get(study.data_set, {})
    metrics = read_metrics(here, study.items)
    predictions = read_predictions(here, study.items)
    rows, judged, moments = [], {}, {}
    for item, edges in study.items.items():
        intervals, table = len(edges) - 1, predictions[item]
        found = {name: metrics[item][f"{name}_ensemble"] for name in MOMENTS}
        label = f"{intervals} interval{'s' * (intervals > 1)}"
        estimate, truth = (table[name].to_numpy() for name in ("ensemble_msun", "m500c_msun"))
        judged[label] = Estimated(label, estimate, truth)
        moments[label] = found
        rows.append((str(intervals), *_cells(list(found.values()))))
        stated = paper.get(intervals, {})
        if set(MOMENTS) <= set(stated):
            rows.append(("paper", *_cells([stated[name] for name in MOMENTS])))
            metrics[item] |= {f"paper_{name}_ensemble": stated[name] for name in MOMENTS}
    save(residuals(judged, moments), here / FIGURES / "supp8_residuals.png")
    note = NOTE.format(data_set=study.data_set, maps_seen=study.maps_seen)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)


def _cells(moments: list[float]) -> list[str]:
    return [
        f"{value:+.4f}" if number == 0 else f"{value:.4f}" for number, value in enumerate(moments)
    ]
