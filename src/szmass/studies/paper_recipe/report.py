"""Shows the network of the paper's recipe beside the pipeline's own and the exact posterior."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from szmass.evaluation.charts import save
from szmass.evaluation.tables import markdown_table
from szmass.microwave.results.metrics import mass_label
from szmass.reporting import Run
from szmass.studies.figures import Curve, curves
from szmass.studies.microwave.settings import BOUND, NETWORK
from szmass.studies.paper_recipe.settings import PaperRecipe
from szmass.studies.results import FIGURES, Metrics, read_metrics, write_results
from szmass.units import MASS_UNIT_MSUN

PARTS = {
    "running_averages": "paper's recipe, running averages",
    "measured_anew": "paper's recipe, measured anew",
}
PIPELINE = "the pipeline's"
SHOWN_1E14 = (1, 2, 3, 3.5, 4, 5, 6, 7, 8)
SCATTER = "scatter_ln_mass"
NOTE = (
    "The mResUNet by the recipe of scale `paper` (its stored maps, batch, dropout, labels and\n"
    "learning rates) at width {width} and {epochs} epochs, with batch normalisation as its\n"
    "running averages have it and measured anew on the training maps, beside the pipeline's own.\n"
    "Standard deviation of ln(M_est / M_true) over clusters even in mass between 2 and 7e14 Msun,\n"
    "the exact posterior's under the same prior, and the ratio of the two.\n\n"
)
MASSES_NOTE = (
    "\nMedian of M_est / M_true by true mass (1e14 Msun), and in brackets the distance of the\n"
    "median from that of the exact posterior, in the latter's half-widths.\n\n"
)


def report(study: PaperRecipe, *, microwave_metrics: Path, here: Path, run: Run) -> None:
    """Writes metrics, table and figure."""
    metrics = read_metrics(here, PARTS, "paper")
    rows: dict[str, Mapping[str, Metrics]] = {
        PIPELINE: json.loads(microwave_metrics.read_text()),
        **{label: _by_estimator(metrics[part]) for part, label in PARTS.items()},
    }
    scatter = markdown_table(
        ("mResUNet", "scatter", "exact posterior", "ratio"),
        [
            (
                label,
                *(_with_error(row[estimator]) for estimator in (NETWORK, BOUND)),
                f"{row[NETWORK][SCATTER] / row[BOUND][SCATTER]:.3f}",
            )
            for label, row in rows.items()
        ],
    )
    masses = markdown_table(
        ("mResUNet", *(f"{mass:g}" for mass in SHOWN_1E14)),
        [
            (label, *(_response(row[NETWORK], mass) for mass in SHOWN_1E14))
            for label, row in rows.items()
        ],
    )
    lines = {label: _curve(row[NETWORK]) for label, row in rows.items()}
    bound = next(reversed(rows.values()))[BOUND]
    lines["exact posterior, the paper's masses"] = _curve(bound, dashed=True)
    figure = curves(lines, "M200c [1e14 Msun]", "median of M_est / M_true")
    save(figure, here / FIGURES / "paper_recipe.png")
    note = NOTE.format(width=study.width, epochs=study.epochs)
    write_results(here, metrics, note + scatter + MASSES_NOTE + masses, run)


def _by_estimator(metrics: Metrics) -> dict[str, dict[str, float]]:
    """Metrics `<estimator>.<metric>` as a tree, as the pipeline's are."""
    tree: dict[str, dict[str, float]] = {}
    for name, value in metrics.items():
        estimator, _, key = name.partition(".")
        tree.setdefault(estimator, {})[key] = value
    return tree


def _with_error(metrics: Metrics) -> str:
    return f"{metrics[SCATTER]:.3f} +- {metrics[f'{SCATTER}_err']:.3f}"


def _ratio(metrics: Metrics, mass_1e14: float) -> float | None:
    median = metrics.get(f"median_1e14_{mass_label(mass_1e14 * MASS_UNIT_MSUN)}")
    return None if median is None else median / mass_1e14


def _response(metrics: Metrics, mass_1e14: float) -> str:
    """The median over the true mass, and its distance from the exact posterior's."""
    ratio = _ratio(metrics, mass_1e14)
    offset = metrics.get(f"offset_from_bound_sigma_{mass_label(mass_1e14 * MASS_UNIT_MSUN)}")
    return "" if ratio is None or offset is None else f"{ratio:.2f} ({offset:+.2f})"


def _curve(metrics: Metrics, *, dashed: bool = False) -> Curve:
    found = {mass: _ratio(metrics, mass) for mass in SHOWN_1E14}
    known = {mass: ratio for mass, ratio in found.items() if ratio is not None}
    return Curve(list(known), list(known.values()), dashed)
