"""Shows how the scatter falls with the number of clusters in training."""

from __future__ import annotations

from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.figures import Curve, curves
from szmass.studies.results import FIGURES, read_metrics, write_results
from szmass.studies.training_size.settings import TrainingSize

SHOWN = ("scatter_dex_ensemble", "relerr_half_width_ensemble", "bias_dex_ensemble")
HEADER = ("clusters", "training maps", "std [dex]", "half-width of b", "mean [dex]")
NOTE = (
    "Masses of test clusters at {low:g} < z <= {high:g} ({data_set} maps) by networks that were\n"
    "trained on maps of so many development clusters; each has seen about {maps_seen} maps.\n"
    "Std and mean are those of log10(M_CNN / M_true), b = (M_CNN - M_true) / M_CNN.\n\n"
)


def report(study: TrainingSize, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, study.items)
    rows = [
        (
            str(clusters),
            f"{metrics[item]['training_maps']:.0f}",
            *(f"{metrics[item][name]:.4f}" for name in SHOWN),
        )
        for item, clusters in study.items.items()
    ]
    lines = {
        label: Curve(
            list(study.items.values()), [metrics[item][f"{name}_ensemble"] for item in study.items]
        )
        for label, name in (
            ("half-width of b", "relerr_half_width"),
            ("std of log10(M_CNN / M_true)", "scatter_dex"),
        )
    }
    figure = curves(lines, "development clusters", "scatter", log_x=True)
    save(figure, here / FIGURES / "training_size.png")
    low, high = study.redshifts
    note = NOTE.format(low=low, high=high, data_set=study.data_set, maps_seen=study.maps_seen)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)
