"""Shows how the scatter falls with the clusters of a training, and with the maps it shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.reporting import Run
from szmass.studies.figures import Curve, panels
from szmass.studies.results import FIGURES, read_metrics, write_results
from szmass.studies.training_size.settings import TrainingSize

SHOWN = ("scatter_dex_ensemble", "relerr_half_width_ensemble", "bias_dex_ensemble")
HEADER = ("clusters", "training maps", "maps seen", "std [dex]", "half-width of b", "mean [dex]")
NOTE = (
    "Masses of test clusters at {low:g} < z <= {high:g} ({data_set} maps) by networks that were\n"
    "trained on maps of so many development clusters; each has seen so many maps in its training.\n"
    "Std and mean are those of log10(M_CNN / M_true), b = (M_CNN - M_true) / M_CNN.\n\n"
)
LINES = {
    "half-width of b": "relerr_half_width_ensemble",
    "std of log10(M_CNN / M_true)": "scatter_dex_ensemble",
}


def report(study: TrainingSize, *, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    sizes = study.sizes()
    metrics = read_metrics(here, sizes)
    rows = [
        (
            str(clusters),
            *(f"{metrics[item][name]:.0f}" for name in ("training_maps", "maps_seen")),
            *(f"{metrics[item][name]:.4f}" for name in SHOWN),
        )
        for item, (clusters, _) in sizes.items()
    ]
    most = max(study.items, key=study.items.__getitem__)
    trainings = sorted([most, *study.trainings], key=lambda item: sizes[item][1])

    def lines(items: Sequence[str], size: int) -> dict[str, Curve]:
        return {
            label: Curve([sizes[item][size] for item in items], [metrics[i][name] for i in items])
            for label, name in LINES.items()
        }

    groups = {
        f"development clusters, {study.maps_seen} maps seen": lines(list(study.items), 0),
        f"maps seen, {study.items[most]} development clusters": lines(trainings, 1),
    }
    save(panels(groups, "scatter"), here / FIGURES / "training_size.png")
    low, high = study.redshifts
    note = NOTE.format(low=low, high=high, data_set=study.data_set)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)
