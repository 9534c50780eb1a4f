"""Figures 2, 3 and Supp. 6 of de Andres et al. 2022 (dA22): CNN masses beside Planck's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from szmass.compton.results.estimated import Estimated, together
from szmass.compton.results.mass_figures import (
    M_CNN,
    binned_percentiles,
    error_densities,
    relative_error,
)
from szmass.evaluation.charts import log_mass_axis, ordered_colours, save, typeset
from szmass.sky.redshift_bins import ALL_BINS
from szmass.units import MASS_UNIT_MSUN

GROUPS = 10
FIGURE2_RANGE, FIGURE3_RANGE = (-1.2, 0.8), (-0.3, 0.6)
M_SZ = r"M_{\rm SZ}"
PAPER = "de Andres et al. (2022), real sky"
RELATION_TITLES = {
    "alpha_1p63": r"mocks, $\alpha = 1.63$",
    "alpha_1p79": r"mocks, $\alpha = 1.79$, $Y / 1.2$",
    "alpha_1p63_in_planck_maps": r"mocks, $\alpha = 1.63$, $Y$ in the maps, $R_{500} > 5$ pixels",
}
"""Of Figure 3, by metric name of the relation."""


def draw(
    folder: Path,
    found: Mapping[str, np.ndarray],
    published_msun: np.ndarray,
    simulated: Sequence[Estimated],
    labels: Mapping[str, str],
    sky: str,
) -> None:
    """Draws Figures 2 and 3, and of Supp. Fig. 6 what is of PSZ2.

    Args:
        folder: of the figures.
        found: columns of the catalogue of masses.
        published_msun: the masses that the paper gives for the same clusters; NaN without one.
        simulated: test clusters, labelled by the metric name of the relation that gave MSZ.
        labels: of the redshift bins.
        sky: what was observed.
    """
    msz, golden = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["golden"]

    def by_bin(estimate_msun: np.ndarray, rows: np.ndarray) -> list[Estimated]:
        """Chosen clusters, redshift bin by redshift bin."""
        chosen = {
            label: rows & (found["bin"] == name)
            for name, label in typeset(labels).items()
            if name != ALL_BINS
        }
        return [Estimated(label, estimate_msun[at], msz[at]) for label, at in chosen.items()]

    everyone = by_bin(found["m500_msun"], np.ones(len(msz), bool))
    panels = {f"All PSZ2 clusters with a redshift, {sky}": everyone}
    if golden.any():
        panels[f"Golden sample, {sky}"] = by_bin(found["m500_golden_msun"], golden)
    stated = np.isfinite(published_msun)
    paper = Estimated(PAPER, published_msun[stated], msz[stated])
    save(planck_bias(panels, paper), folder / "figure2_planck_bias.png")
    save(error_densities(panels, M_SZ), folder / "supp6_densities.png")
    causes = bias_causes(simulated, together(everyone, f"PSZ2, {sky}"), paper)
    save(causes, folder / "figure3_bias_causes.png")


def planck_bias(panels: Mapping[str, Sequence[Estimated]], paper: Estimated) -> Figure:
    """Figure 2: b_P against the networks' mass, a panel a sample.

    Squares and band are the median and the 16th-84th percentiles in ten bins of equal number.

    Args:
        panels: redshift bins by title; the first has all clusters.
        paper: all clusters with the masses that the paper gives.
    """
    figure, grid = plt.subplots(
        len(panels), 1, figsize=(6.2, 3.2 * len(panels)), sharex=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axes, (title, bins) in zip(grid[:, 0], panels.items(), strict=True):
        for colour, one in zip(ordered_colours(len(bins)), bins, strict=True):
            if len(one.error):
                mass = one.estimate_msun / MASS_UNIT_MSUN
                axes.plot(mass, one.error, ".", alpha=0.5, color=colour, label=one.label)
        sample = together(bins, "")
        _median_and_band(axes, sample, "k", label="median and 68 %")
        for level in (-0.2, 0.0, 0.2):
            axes.axhline(level, color="C1", ls="--", lw=0.8)
        axes.set(ylabel=relative_error(M_SZ), ylim=FIGURE2_RANGE)
        axes.set_title(f"{title}: {len(sample.error)} clusters")
    _percentiles(grid[0, 0], paper, "C3", "D")
    grid[0, 0].legend(ncols=3, loc="lower center", fontsize=7.5)
    log_mass_axis(grid[-1, 0].xaxis, f"${M_CNN}$")
    return figure


def bias_causes(simulated: Sequence[Estimated], observed: Estimated, paper: Estimated) -> Figure:
    """Figure 3: the bias that a relation's slope makes on simulated clusters, beside the sky's.

    Args:
        simulated: test clusters, labelled by the relation that gave MSZ; lines with bands.
        observed: PSZ2 with the catalogue's MSZ, labelled by the sky; points with percentiles.
        paper: the same clusters with the masses that the paper gives.
    """
    figure, axes = plt.subplots(figsize=(6.2, 4.6), layout="constrained")
    styles = (("C1", "--"), ("C0", "-."), ("C2", ":"))
    for sample, (colour, line) in zip(simulated, styles, strict=False):
        _median_and_band(axes, sample, colour, line, RELATION_TITLES[sample.label])
    _percentiles(axes, observed, "k", "o")
    _percentiles(axes, paper, "C3", "D")
    axes.axhline(0, color="0.6", lw=1)
    axes.set(ylabel=relative_error(M_SZ), ylim=FIGURE3_RANGE)
    log_mass_axis(axes.xaxis, f"${M_CNN}$")
    axes.legend(loc="upper left", fontsize=7.5)
    return figure


def _percentiles(axes: Axes, sample: Estimated, colour: str, marker: str) -> None:
    """Median and 16th-84th percentiles in bins of equal number, as points."""
    middle, (low, median, high) = binned_percentiles(
        sample.estimate_msun / MASS_UNIT_MSUN, sample.error, GROUPS
    )
    axes.errorbar(
        middle, median, (median - low, high - median), fmt=marker, mfc="w", color=colour,
        label=sample.label,
    )  # fmt: skip


def _median_and_band(
    axes: Axes, sample: Estimated, colour: str, line: str = "s-", label: str | None = None
) -> None:
    mass = sample.estimate_msun / MASS_UNIT_MSUN
    middle, (low, median, high) = binned_percentiles(mass, sample.error, GROUPS)
    axes.fill_between(middle, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(middle, median, line, color=colour, label=label)
