"""Draws the figures of the Compton line's test clusters, from the table of all estimates.

A row of the table is a test map: its `data_set` and redshift `bin`, and the columns that
`results.metrics.judge` describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.masses.estimates import JudgedClusters
from szmass.compton.network.selection import ENSEMBLE, SELECTED
from szmass.compton.results import map_figures, mass_figures
from szmass.compton.results.estimated import Judged, together
from szmass.compton.results.map_figures import ExampleRow, Layer, MassRedshift, PowerLaw
from szmass.compton.results.metrics import PREDICTORS, Metrics
from szmass.compton.results.originals import RelationTest
from szmass.compton.results.tables import MOMENTS
from szmass.evaluation.charts import save
from szmass.sky.grid import PixelGrid
from szmass.sky.redshift_bins import ALL_BINS
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

EXAMPLES = ((2e14, 0.05), (8e14, 0.08), (1e15, 0.5))
"""Mass in Msun and redshift of Supp. Fig. 2's rows: two near clusters, a massive distant one."""


def judged_bins(
    predictions: pd.DataFrame, data_set: str, labels: Mapping[str, str], predictor: str
) -> list[Judged]:
    """One predictor's masses of a data set by redshift bin, as the figures take them."""
    here = predictions[predictions["data_set"] == data_set]
    columns = f"{predictor}_msun", "m500c_msun", "rank_posterior", "redshift"
    return [
        Judged(labels[name], *(rows[column].to_numpy() for column in columns))
        for name, rows in here.groupby("bin", sort=False)
    ]


def draw_masses(
    folder: Path,
    predictions: pd.DataFrame,
    metrics: Metrics,
    labels: Mapping[str, str],
    judged: Mapping[str, Mapping[str, JudgedClusters]],
    *,
    bias_threshold: float,
    members_of_paper: int,
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
        data_set: {labels[name]: one.worst_bias for name, one in by_bin.items()}
        for data_set, by_bin in judged.items()
    }
    figures = {
        "figure1": mass_figures.relative_errors(shown[SELECTED], seed=seed),
        "figure1_ensemble": mass_figures.relative_errors(shown[ENSEMBLE], seed=seed),
        "supp4_members_passing": mass_figures.members_passing(
            worst, bias_threshold, members_of_paper
        ),
        "supp6_densities": mass_figures.error_densities(shown[SELECTED]),
        "supp8_residuals": mass_figures.residuals(everything, moments),
        "coverage": mass_figures.coverages(shown[SELECTED]),
        "ranks": mass_figures.rank_histograms(shown[SELECTED]),
    }
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")


def draw_maps(
    folder: Path,
    stores: Mapping[str, MapStore],
    rows: np.ndarray,
    psz2: MapStore,
    grid: PixelGrid,
    *,
    psz2_mass_factor: float,
) -> None:
    """Draws Supp. Figs. 1 and 2.

    Args:
        folder: of the figures.
        stores: of the same clusters by data set.
        rows: of these stores, one a cluster.
        psz2: the observed clusters.
        grid: of the maps.
        psz2_mass_factor: of Planck's masses over true ones.
    """
    mocks, observed = (
        MassRedshift("mocks, true mass", *_masses(next(iter(stores.values())), rows)),
        MassRedshift(
            rf"PSZ2, $M_{{\rm SZ}} / {psz2_mass_factor:g}$",
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
    columns = (*(f"{name} mocks" for name in stores), f"PSZ2, {psz2.attributes['sky']}")
    save(map_figures.example_maps(columns, examples, grid), folder / "supp2_maps.png")


def _masses(store: MapStore, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return store.read("m500c_msun", rows), store.read("redshift", rows)


def draw_networks(
    folder: Path,
    judged: Mapping[str, JudgedClusters],
    labels: Mapping[str, str],
    axis_log10_msun: np.ndarray,
) -> None:
    """Draws Supp. Figs. 3 and 7: the layers of the network, and the kernel densities.

    Args:
        folder: of the figures.
        judged: the test clusters by redshift bin.
        labels: of the bins.
        axis_log10_msun: of the kernel densities.
    """
    axis = axis_log10_msun
    densities = {labels[name]: one.joint_density.T for name, one in judged.items()}
    figure = mass_figures.joint_density(axis, axis, densities)
    save(figure, folder / "supp7_kernel_density.png")
    layers = [Layer(*layer) for layer in next(iter(judged.values())).layers]
    save(map_figures.architecture(layers), folder / "supp3_network.png")


def draw_relation(folder: Path, tested: RelationTest) -> None:
    """Draws the Y-M relation of the maps at full resolution."""
    figure = map_figures.scaling_relation(
        tested.m500c_msun,
        tested.measured_mpc2,
        [PowerLaw(name, tested.line_msun, y) for name, y in tested.lines_mpc2.items()],
        reference="model",
    )
    save(figure, folder / "scaling_relation.png")
