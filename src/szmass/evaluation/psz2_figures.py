"""Figures 2 and 3 of de Andres et al. 2022 (dA22): CNN masses beside Planck's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from szmass.evaluation.compton_figures import COLOURS, binned_percentiles
from szmass.evaluation.compton_metrics import relative_error
from szmass.units import MASS_UNIT_MSUN

GROUPS = 10
FIGURE2_RANGE, FIGURE3_RANGE = (-1.2, 0.8), (-0.3, 0.4)


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


def planck_bias(panels: Mapping[str, Weighed], sky: str) -> Figure:
    """Figure 2: b_P against the networks' mass, a panel a sample.

    Squares and band are the median and the 16th-84th percentiles in ten bins of equal number.
    """
    figure, grid = plt.subplots(
        len(panels), 1, figsize=(6.5, 3.4 * len(panels)), sharex=True, layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for axes, (title, sample) in zip(grid[:, 0], panels.items(), strict=True):
        for number, label in enumerate(dict.fromkeys(sample.redshift_bin)):
            here = sample.redshift_bin == label
            mass = sample.estimate_msun[here] / MASS_UNIT_MSUN
            colour = COLOURS[number % len(COLOURS)]
            axes.plot(mass, sample.bias[here], ".", ms=4, alpha=0.6, color=colour, label=label)
        _median_and_band(axes, sample, "k")
        for level in (-0.2, 0.0, 0.2):
            axes.axhline(level, color="tab:red", ls="--", lw=1)
        axes.set(xscale="log", ylabel="(M_CNN - MSZ) / M_CNN", ylim=FIGURE2_RANGE)
        axes.set_title(f"{title}, {sky}: {len(sample.bias)} clusters", fontsize=10)
    grid[0, 0].legend(fontsize=8)
    grid[-1, 0].set_xlabel("M_CNN [1e14 Msun]")
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
    axes.set(xscale="log", xlabel="M_CNN [1e14 Msun]", ylabel="(M_CNN - MSZ) / M_CNN")
    axes.set_ylim(FIGURE3_RANGE)
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
