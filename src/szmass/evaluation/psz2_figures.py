"""Figures 2, 3 and Supp. 6 of de Andres et al. 2022 (dA22): CNN masses beside Planck's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from szmass.evaluation.compton_figures import (
    COLOURS,
    Estimated,
    binned_percentiles,
    error_densities,
)
from szmass.evaluation.compton_metrics import relative_error
from szmass.evaluation.figures import log_mass_axis, save
from szmass.units import MASS_UNIT_MSUN

GROUPS = 10
FIGURE2_RANGE, FIGURE3_RANGE = (-1.2, 0.8), (-0.3, 0.6)
RELATION_TITLES = {
    "alpha_1p63": "mocks, alpha = 1.63",
    "alpha_1p79": "mocks, alpha = 1.79, Y / 1.2",
    "alpha_1p63_in_planck_maps": "mocks, alpha = 1.63, Y in the maps, R500 > 5 pixels",
}
"""Of Figure 3, by metric name of the relation."""


@dataclass(frozen=True)
class Weighed:
    """Clusters with two masses each."""

    estimate_msun: np.ndarray
    """By the networks."""
    msz_msun: np.ndarray
    """By the relation of Y and mass."""
    redshift_bin: np.ndarray
    """Label of each."""

    @property
    def bias(self) -> np.ndarray:
        """b_P = (M_CNN - MSZ) / M_CNN (dA22 Eq. 2)."""
        return relative_error(self.estimate_msun, self.msz_msun)

    def by_bin(self, labels: Iterable[str]) -> list[Estimated]:
        """The clusters of each redshift bin."""
        return [
            Estimated(label, self.estimate_msun[here], self.msz_msun[here])
            for label in labels
            for here in [self.redshift_bin == label]
        ]


def draw(
    folder: Path,
    found: Mapping[str, np.ndarray],
    simulated: Mapping[str, Weighed],
    labels: Mapping[str, str],
    sky: str,
) -> None:
    """Draws Figures 2 and 3, and of Supp. Fig. 6 what is of PSZ2.

    Args:
        folder: of the figures.
        found: columns of the catalogue of masses.
        simulated: test clusters by metric name of the relation that gave MSZ.
        labels: of the redshift bins.
        sky: what was observed.
    """
    msz, golden = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["golden"]
    names = np.array([labels[name] for name in found["bin"]], dtype=object)
    everyone = Weighed(found["m500_msun"], msz, names)
    panels = {"All PSZ2 clusters with a redshift": everyone}
    if golden.any():
        refilled = Weighed(found["m500_golden_msun"][golden], msz[golden], names[golden])
        panels["Golden sample"] = refilled
    save(planck_bias(panels, list(labels.values()), sky), folder / "figure2_planck_bias.png")
    binned = {f"{title}, {sky}": sample.by_bin(labels.values()) for title, sample in panels.items()}
    save(error_densities(binned, "MSZ"), folder / "supp6_densities.png")
    named = {RELATION_TITLES[name]: sample for name, sample in simulated.items()}
    save(bias_causes(named, everyone, sky), folder / "figure3_bias_causes.png")


def planck_bias(panels: Mapping[str, Weighed], labels: Sequence[str], sky: str) -> Figure:
    """Figure 2: b_P against the networks' mass, a panel a sample.

    Squares and band are the median and the 16th-84th percentiles in ten bins of equal number.

    Args:
        panels: samples by title.
        labels: of the redshift bins, in the order of their colours.
        sky: what was observed.
    """
    figure, grid = plt.subplots(
        len(panels), 1, figsize=(6.5, 3.4 * len(panels)), sharex=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axes, (title, sample) in zip(grid[:, 0], panels.items(), strict=True):
        for colour, label in zip(cycle(COLOURS), labels, strict=False):
            here = sample.redshift_bin == label
            if here.any():
                mass = sample.estimate_msun[here] / MASS_UNIT_MSUN
                axes.plot(mass, sample.bias[here], ".", ms=4, alpha=0.6, color=colour, label=label)
        _median_and_band(axes, sample, "k")
        for level in (-0.2, 0.0, 0.2):
            axes.axhline(level, color="tab:red", ls="--", lw=1)
        axes.set(ylabel="(M_CNN - MSZ) / M_CNN", ylim=FIGURE2_RANGE)
        axes.set_title(f"{title}, {sky}: {len(sample.bias)} clusters", fontsize=10)
    grid[0, 0].legend(fontsize=8)
    log_mass_axis(grid[-1, 0].xaxis, "M_CNN")
    return figure


def bias_causes(simulated: Mapping[str, Weighed], observed: Weighed, sky: str) -> Figure:
    """Figure 3: the bias that a relation's slope makes on simulated clusters, beside the sky's.

    Args:
        simulated: test clusters by what MSZ was computed with; drawn as lines with bands.
        observed: PSZ2 with the catalogue's MSZ; drawn as points with percentiles.
        sky: what was observed.
    """
    figure, axes = plt.subplots(figsize=(6.5, 4.8), layout="constrained")
    styles = (("tab:red", "--"), ("tab:blue", "-."), ("tab:green", ":"))
    for (label, sample), (colour, line) in zip(simulated.items(), styles, strict=False):
        _median_and_band(axes, sample, colour, line, label)
    middle, (low, median, high) = binned_percentiles(
        observed.estimate_msun / MASS_UNIT_MSUN, observed.bias, GROUPS
    )
    axes.errorbar(
        middle, median, (median - low, high - median), fmt="o", color="k", capsize=2, label=sky
    )
    axes.axhline(0, color="0.6", lw=1)
    axes.set(ylabel="(M_CNN - MSZ) / M_CNN", ylim=FIGURE3_RANGE)
    log_mass_axis(axes.xaxis, "M_CNN")
    axes.set_title(f"The bias by the slope of the Y-M relation; {sky}", fontsize=10)
    axes.legend(fontsize=8)
    return figure


def _median_and_band(
    axes: Axes, sample: Weighed, colour: str, line: str = "s-", label: str | None = None
) -> None:
    mass = sample.estimate_msun / MASS_UNIT_MSUN
    middle, (low, median, high) = binned_percentiles(mass, sample.bias, GROUPS)
    axes.fill_between(middle, low, high, color=colour, alpha=0.2, lw=0)
    axes.plot(middle, median, line, color=colour, ms=4, lw=1.2, label=label)
