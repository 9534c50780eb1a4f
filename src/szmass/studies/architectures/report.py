"""Shows the validation losses and errors of all networks beside those of the paper's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.compton.results.metrics import relative_error
from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.params import Cnn
from szmass.reporting import Run
from szmass.studies.architectures.settings import REPEATS, Architectures
from szmass.studies.figures import losses_and_errors
from szmass.studies.results import FIGURES, read_metrics, read_predictions, write_results

LOSS, RATE = "validation_loss_", "learning_rate"
HEADER = ("network", "parameters", "validation loss [dex^2]", "half-width of b", "median of b")
NOTE = (
    "Networks of other architectures and learning rates, {data_set} maps of\n"
    "{low:g} < z <= {high:g}; each has seen about {maps_seen} maps. Validation loss: the least\n"
    "mean square error of log10 M of any epoch; the least and the largest of networks that differ\n"
    "in their start alone. b = (M_CNN - M_true) / M_CNN of test clusters. What a name does not\n"
    "say is as in the pipeline.\n\n"
)


def report(cnn: Cnn, study: Architectures, *, here: Path, run: Run) -> None:
    """Writes metrics, table and Supp. Fig. 5."""
    names = study.names(cnn)
    metrics, predictions = read_metrics(here, names), read_predictions(here, names)
    losses = {name: _losses(metrics[name]) for name in names}
    errors = {
        name: relative_error(table["selected_msun"].to_numpy(), table["m500c_msun"].to_numpy())
        for name, table in predictions.items()
    }
    rows = [
        (
            name.partition("/")[2].replace("_", " "),
            f"{metrics[name]['parameters']:.0f}",
            " to ".join(f"{loss:.5f}" for loss in sorted({min(losses[name]), max(losses[name])})),
            f"{metrics[name]['relerr_half_width_selected']:.3f}",
            f"{metrics[name]['relerr_median_selected']:+.3f}",
        )
        for name in names
    ]
    grid = [name for name in names if not name.startswith(REPEATS) and RATE not in name]
    repeats = [name for name in names if name.startswith(REPEATS)]
    worst = max(grid, key=lambda name: max(losses[name]))
    figure = losses_and_errors(
        {"architectures": _joined(losses, grid), "repeats": _joined(losses, repeats)},
        {
            "repeats": _joined(errors, repeats),
            "all architectures": _joined(errors, grid),
            f"worst: {worst.partition('/')[2].replace('_', ' ')}": errors[worst],
        },
    )
    save(figure, here / FIGURES / "supp5_architectures.png")
    low, high = study.redshifts
    note = NOTE.format(data_set=study.data_set, low=low, high=high, maps_seen=study.maps_seen)
    write_results(here, metrics, note + markdown_table(HEADER, rows), run)


def _losses(metrics: Mapping[str, float]) -> np.ndarray:
    return np.array([value for name, value in metrics.items() if name.startswith(LOSS)])


def _joined(values: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    return np.concatenate([values[name] for name in names])
