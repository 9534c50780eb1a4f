"""Shows the residuals of all divisions of the redshifts together."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.compton.results.estimated import Estimated
from szmass.compton.results.mass_figures import residuals
from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.redshift_bins.settings import RedshiftBins
from szmass.studies.results import FIGURES, read_metrics, read_predictions, write_results

MOMENTS = ("bias_dex", "scatter_dex", "skewness", "kurtosis")
HEADER = ("intervals", *("mean [dex]", "std [dex]", "skewness (0)", "kurtosis (3)"))
PAPER: Mapping[int, tuple[float, float, float, float]] = {
    1: (-0.0002, 0.1078, 0.8842, 6.7942),
    2: (-0.0002, 0.0879, 0.3535, 5.6138),
    4: (-0.0014, 0.0710, 0.3978, 7.2888),
    8: (-0.0009, 0.0693, 0.4301, 7.8559),
}
"""dA22, Supp. Table 1: moments of log10(M_CNN / M_true) by number of redshift intervals."""
NOTE = (
    "Moments of log10(M_CNN / M_true) over the test clusters of all redshifts, maps of the data\n"
    "set {data_set}, by the number of intervals that have a network of their own. Each network\n"
    "has seen about {maps_seen} maps. Beside them the paper's Supp. Table 1; in brackets what a\n"
    "Gaussian has.\n\n"
)


def report(study: RedshiftBins, *, here: Path, run: Run) -> None:
    """Writes metrics, table and Supp. Fig. 8."""
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
        if intervals in PAPER:
            rows.append(("paper", *_cells(PAPER[intervals])))
            stated = zip(MOMENTS, PAPER[intervals], strict=True)
            metrics[item] |= {f"paper_{name}_ensemble": value for name, value in stated}
    save(residuals(judged, moments), here / FIGURES / "supp8_residuals.png")
    note = NOTE.format(data_set=study.data_set, maps_seen=study.maps_seen)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)


def _cells(moments: tuple[float, ...] | list[float]) -> list[str]:
    return [
        f"{value:+.4f}" if number == 0 else f"{value:.4f}" for number, value in enumerate(moments)
    ]
