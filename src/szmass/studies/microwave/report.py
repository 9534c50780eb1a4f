"""Shows networks beside the exact posterior, along each quantity and for each training set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from szmass.evaluation.charts import save, with_unit
from szmass.evaluation.tables import markdown_table
from szmass.microwave.results.metrics import mass_label
from szmass.reporting import Run
from szmass.studies.figures import Curve, panels
from szmass.studies.microwave.settings import BOUND, NETWORK, MicrowaveStudy
from szmass.studies.results import FIGURES, read_metrics, read_predictions, write_results
from szmass.units import MASS_UNIT_MSUN

FILTER = "matched_filter"
SCATTER = "scatter_ln_mass"
WORDS = {BOUND: "exact posterior", FILTER: "matched filter", NETWORK: "mResUNet"}
AXES = {
    "noise_uk_arcmin": r"noise [$\mu$K arcmin]",
    "beam_fwhm_arcmin": "beam, full width at half maximum [arcmin]",
    "sz_scatter": r"scatter of $\ln Y$ at given mass",
    "patch_pixels": "pixels on a side of the map",
    "width": "width of the network",
    "epochs": "epochs of training",
}
"""Of the committed settings; another quantity has its own name."""
SHOWN_1E14 = (0.5, 1, 2.5, 4.5, 6.5, 8, 10)
NOTE = (
    "Standard deviation of ln(M_est / M_true) over clusters even in mass between {low:g} and\n"
    "{high:g}e14 Msun, with its bootstrap error, when one setting is changed; the exact posterior\n"
    "knows the setting. A network of width {width} has seen {seen} maps, unless that is what is\n"
    "changed: fewer than the pipeline's, so read how it approaches the bound.\n\n"
)
SETS_NOTE = (
    "\nThe same over the pipeline's test clusters with SZ scatter, by what a network was trained\n"
    "on, and the median of its masses at some true masses (1e14 Msun), beside the exact\n"
    "posterior's mean under the same prior. Training masses end at the prior's ends.\n\n"
)


def report(study: MicrowaveStudy, *, here: Path, run: Run) -> None:
    """Writes metrics, tables and figures."""
    names = [
        f"{item}/{item}_{value:g}"
        for item, quantity in study.quantities.items()
        for value in quantity.points
    ]
    metrics = read_metrics(here, names, "quantities")
    metrics |= read_metrics(here, study.training_sets, "training_sets")
    along = {item: [n for n in names if n.startswith(f"{item}/")] for item in study.quantities}
    quantities = {
        AXES.get(item, item.replace("_", " ")): _curves([metrics[name] for name in found])
        for item, found in along.items()
    }
    save(
        panels(quantities, r"standard deviation of $\ln M$"),
        here / FIGURES / "microwave_quantities.png",
    )
    sets = read_predictions(here, study.training_sets, "training_sets")
    responses = {name.replace("_", " "): _responses(table) for name, table in sets.items()}
    ratio = r"median of $M_{\rm est} / M_{\rm true}$"
    figure = panels(responses, ratio, x_axis=with_unit(r"$M_{200\rm c}$"))
    save(figure, here / FIGURES / "microwave_training_sets.png")
    rows = [
        (
            item.replace("_", " "),
            f"{metrics[name]['value']:g}",
            *(_with_error(metrics[name], estimator) for estimator in (NETWORK, BOUND, FILTER)),
        )
        for item, found in along.items()
        for name in found
    ]
    header = ("setting", "value", "mResUNet", "exact posterior", "matched filter")
    low, high = study.test_range_1e14
    seen = study.maps_per_epoch * study.epochs
    note = NOTE.format(low=low, high=high, width=study.width, seen=seen)
    shown = [f"{mass:g}" for mass in SHOWN_1E14]
    table = markdown_table(
        ("training set", "mResUNet", "exact posterior", *shown),
        [
            (
                name.replace("_", " "),
                *(_with_error(metrics[name], estimator) for estimator in (NETWORK, BOUND)),
                *(_medians(metrics[name], mass) for mass in SHOWN_1E14),
            )
            for name in study.training_sets
        ],
    )
    text = note + markdown_table(header, rows) + SETS_NOTE + table
    write_results(here, metrics, text, run)


def _curves(found: list[dict[str, float]]) -> dict[str, Curve]:
    """The scatter of each estimator along a quantity, where it was judged."""
    lines = {}
    for estimator, dashed in ((BOUND, True), (FILTER, True), (NETWORK, False)):
        here = [of for of in found if f"{estimator}.{SCATTER}" in of]
        x, y = [of["value"] for of in here], [of[f"{estimator}.{SCATTER}"] for of in here]
        error = [of[f"{estimator}.{SCATTER}_err"] for of in here]
        lines[WORDS[estimator]] = Curve(x, y, dashed, error)
    return lines


def _responses(table: pd.DataFrame) -> dict[str, Curve]:
    """Median of estimated over true mass at each mass of the test set."""
    test = table[table["set"] == "test"]
    true = np.unique(test["m200c_msun"])
    lines = {}
    for estimator, dashed in ((BOUND, True), (NETWORK, False)):
        ratio = test[f"{estimator}_msun"] / test["m200c_msun"]
        medians = [float(np.median(ratio[test["m200c_msun"] == mass])) for mass in true]
        lines[WORDS[estimator]] = Curve(list(true / MASS_UNIT_MSUN), medians, dashed)
    return lines


def _with_error(metrics: dict[str, float], estimator: str) -> str:
    name = f"{estimator}.{SCATTER}"
    return f"{metrics[name]:.3f} +- {metrics[f'{name}_err']:.3f}" if name in metrics else ""


def _medians(metrics: dict[str, float], mass_1e14: float) -> str:
    """The network's median at a mass, and in brackets the exact posterior's."""
    name = f"median_1e14_{mass_label(mass_1e14 * MASS_UNIT_MSUN)}"
    keys = [f"{estimator}.{name}" for estimator in (NETWORK, BOUND)]
    known = all(key in metrics for key in keys)
    return "{:.2f} ({:.2f})".format(*(metrics[key] for key in keys)) if known else ""
