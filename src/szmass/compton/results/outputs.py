"""Metrics and figures of the Compton line's test clusters, from the table of all estimates.

A row of the table is a test map: its `data_set` and redshift `bin`, and the columns that
`compton_metrics.judge` describes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from szmass.compton.network.selection import ENSEMBLE, SELECTED
from szmass.compton.results import map_figures, mass_figures
from szmass.compton.results.estimated import Judged, together
from szmass.compton.results.map_figures import ExampleRow, MassRedshift
from szmass.compton.results.metrics import PREDICTORS, judge
from szmass.compton.results.paper import beside_paper
from szmass.compton.results.tables import MOMENTS
from szmass.evaluation.charts import save
from szmass.sky.redshift_bins import ALL_BINS, redshift_range
from szmass.units import MASS_UNIT_MSUN

EXAMPLES = ((2e14, 0.05), (8e14, 0.08), (1e15, 0.5))
"""Mass in Msun and redshift of Supp. Fig. 2's rows: two near clusters, a massive distant one."""

Metrics = Mapping[str, Mapping[str, dict[str, float]]]
"""By data set and redshift bin, `all` the last."""
WorstBias = Mapping[str, Mapping[str, Sequence[float]]]
"""The largest |mean b| of each network, by data set and redshift bin."""


class Store(Protocol):
    """Maps with their labels."""

    def read(self, name: str, rows: slice | np.ndarray = ...) -> np.ndarray:
        """Some rows of an array."""


def measure(
    predictions: pd.DataFrame,
    bins: Mapping[str, Sequence[float]],
    members_passing: Mapping[str, Mapping[str, tuple[int, int]]],
    *,
    draws: int,
    seed: int,
) -> Metrics:
    """All metrics of each data set and bin, with the paper's beside them.

    Args:
        predictions: the table of all estimates.
        bins: edges of the redshift bins.
        members_passing: by data set and bin, how many networks may be selected, and of how many.
        draws: of the bootstrap over clusters.
        seed: of the bootstrap.
    """
    metrics: dict[str, dict[str, dict[str, float]]] = {}
    for data_set, passing in members_passing.items():
        here = predictions[predictions["data_set"] == data_set]
        metrics[data_set] = {}
        for name in (*bins, ALL_BINS):
            rows = here if name == ALL_BINS else here[here["bin"] == name]
            rng = np.random.default_rng(seed)
            measured = judge({key: rows[key].to_numpy() for key in rows}, draws=draws, rng=rng)
            if name in passing:
                passed, members = passing[name]
                measured["members_passing"] = passed
                measured["members_passing_share"] = passed / members
            metrics[data_set][name] = beside_paper(measured, data_set, redshift_range(bins, name))
    return metrics


def judged_bins(
    predictions: pd.DataFrame, data_set: str, labels: Mapping[str, str], predictor: str
) -> list[Judged]:
    """One predictor's masses of a data set by redshift bin, as the figures take them."""
    here = predictions[predictions["data_set"] == data_set]
    columns = f"{predictor}_msun", "m500c_msun", f"rank_{predictor}", "redshift"
    return [
        Judged(labels[name], *(rows[column].to_numpy() for column in columns))
        for name, rows in here.groupby("bin", sort=False)
    ]


def draw_masses(
    folder: Path,
    predictions: pd.DataFrame,
    metrics: Metrics,
    labels: Mapping[str, str],
    worst_bias: WorstBias,
    *,
    bias_threshold: float,
    seed: int,
) -> None:
    """Draws Figure 1, Supp. Figs. 4, 6 and 8, coverage and ranks."""
    shown = {
        predictor: {
            f"{data_set} mocks, {predictor}": judged_bins(predictions, data_set, labels, predictor)
            for data_set in metrics
        }
        for predictor in PREDICTORS
    }
    everything = {
        title: together(bins, "") for one in shown.values() for title, bins in one.items()
    }
    moments = {
        f"{data_set} mocks, {predictor}": {
            key: by_bin[ALL_BINS][f"{key}_{predictor}"] for key in MOMENTS
        }
        for predictor in PREDICTORS
        for data_set, by_bin in metrics.items()
    }
    worst = {
        data_set: {labels[name]: values for name, values in by_bin.items()}
        for data_set, by_bin in worst_bias.items()
    }
    figures = {
        "figure1": mass_figures.relative_errors(shown[SELECTED], seed=seed),
        "figure1_ensemble": mass_figures.relative_errors(shown[ENSEMBLE], seed=seed),
        "supp4_members_passing": mass_figures.members_passing(worst, bias_threshold),
        "supp6_densities": mass_figures.error_densities(shown[SELECTED]),
        "supp8_residuals": mass_figures.residuals(everything, moments),
        "coverage": mass_figures.coverages(shown[ENSEMBLE]),
        "ranks": mass_figures.rank_histograms(shown[ENSEMBLE]),
    }
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")


def draw_maps(
    folder: Path,
    stores: Mapping[str, Store],
    rows: np.ndarray,
    psz2: Store,
    *,
    sky: str,
    psz2_mass_factor: float,
) -> None:
    """Draws Supp. Figs. 1 and 2.

    Args:
        folder: of the figures.
        stores: of the same clusters by data set.
        rows: of these stores, one a cluster.
        psz2: the observed clusters.
        sky: what was observed.
        psz2_mass_factor: of Planck's masses over true ones.
    """
    mocks, observed = (
        MassRedshift("mocks, true mass", *_masses(next(iter(stores.values())), rows)),
        MassRedshift(
            f"PSZ2, MSZ / {psz2_mass_factor:g}",
            psz2.read("msz_1e14_msun") * MASS_UNIT_MSUN / psz2_mass_factor,
            psz2.read("redshift"),
        ),
    )
    figure = map_figures.mass_redshift(mocks, observed)
    save(figure, folder / "supp1_mass_redshift.png")
    examples = []
    for wanted in EXAMPLES:
        mock, real = mocks.nearest(*wanted), observed.nearest(*wanted)
        sources = (*((store, rows[mock]) for store in stores.values()), (psz2, real))
        maps = tuple(store.read("compton_y", np.array([row]))[0] for store, row in sources)
        titles = (*[mocks.title(mock)] * len(stores), observed.title(real))
        examples.append(ExampleRow(titles, maps))
    columns = (*(f"{name} mocks" for name in stores), f"PSZ2, {sky}")
    save(map_figures.example_maps(columns, examples), folder / "supp2_maps.png")


def _masses(store: Store, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return store.read("m500c_msun", rows), store.read("redshift", rows)
