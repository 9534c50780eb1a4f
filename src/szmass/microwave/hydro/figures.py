"""Figure 6 of Gupta & Reichardt 2020: masses of clusters like a hydrodynamical simulation's."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from szmass.evaluation.charts import with_unit
from szmass.evaluation.statistics import gaussian_width, half_width, ln_ratio
from szmass.microwave.hydro.metrics import mass_bins
from szmass.units import MASS_UNIT_MSUN


def hydro_masses(
    estimate_msun: np.ndarray,
    truth_msun: np.ndarray,
    factor: np.ndarray,
    *,
    title: str,
    stated: Mapping[str, float],
) -> Figure:
    """Figure 6: scaled estimates against true mass, and the histogram of their ratio.

    Args:
        estimate_msun: before the scaling, `(clusters, realisations)`.
        truth_msun: `(clusters,)`.
        factor: r of each cluster, `(clusters,)`.
        title: of the figure.
        stated: the paper's `mean_ln_ratio` and `scatter_ln_mass_gauss`.
    """
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(5.8, 7.4), height_ratios=(3, 2), layout="constrained"
    )
    scaled_1e14 = estimate_msun * factor[:, None] / MASS_UNIT_MSUN
    truth_1e14 = truth_msun / MASS_UNIT_MSUN
    ends = [truth_1e14.min(), truth_1e14.max()]
    upper.plot(ends, ends, color="k", lw=1, label="truth")
    upper.errorbar(
        truth_1e14,
        np.median(scaled_1e14, axis=1),
        [half_width(row) for row in scaled_1e14],
        fmt="o",
        ms=3,
        lw=0.6,
        color="C2",
        alpha=0.6,
        label="a cluster: median and 68 % over its skies",
    )
    for label, masses_1e14, colour in (
        ("with the factor $r$", scaled_1e14, "C0"),
        ("without", estimate_msun / MASS_UNIT_MSUN, "C1"),
    ):
        _binned(upper, truth_1e14, masses_1e14, label=label, colour=colour)
    mass = r"$M_{200\rm c}$"
    upper.set(xlabel=with_unit(f"true {mass}"), ylabel=with_unit(f"estimated {mass}"), title=title)
    upper.legend(loc="lower right")
    _histogram(
        lower, ln_ratio(estimate_msun * factor[:, None], truth_msun[:, None]).ravel(), stated
    )
    return figure


def _binned(
    axes: Axes, truth_1e14: np.ndarray, masses_1e14: np.ndarray, *, label: str, colour: str
) -> None:
    """Medians and half-widths of M_est / M_true over all maps, at the median mass of a bin."""
    bins = mass_bins(truth_1e14)
    middle = np.array([np.median(truth_1e14[rows]) for rows in bins])
    ratios = [(masses_1e14[rows] / truth_1e14[rows, None]).ravel() for rows in bins]
    axes.errorbar(
        middle,
        middle * [np.median(ratio) for ratio in ratios],
        middle * [half_width(ratio) for ratio in ratios],
        fmt="s-",
        ms=6,
        color=colour,
        label=f"all maps of a mass bin, {label}",
    )


def _histogram(axes: Axes, ratio: np.ndarray, stated: Mapping[str, float]) -> None:
    """ln(M_est / M_true) of all maps, the Gaussian fitted to it, and the paper's."""
    edges = np.linspace(-1.0, 1.0, 51)
    fine = np.linspace(-1.0, 1.0, 400)
    # a density over all maps, those beyond the edges too
    share = np.full(len(ratio), 1.0 / (len(ratio) * (edges[1] - edges[0])))
    axes.hist(ratio, edges.tolist(), weights=share, color="C2", alpha=0.3)
    ours = float(np.mean(ratio)), gaussian_width(ratio)
    paper = stated["mean_ln_ratio"], stated["scatter_ln_mass_gauss"]
    for name, (mean, width), colour in (("fit", ours, "C2"), ("the paper's", paper, "k")):
        if width > 0:
            height = 1.0 / (np.sqrt(2.0 * np.pi) * width)
            axes.plot(
                fine,
                height * np.exp(-0.5 * ((fine - mean) / width) ** 2),
                color=colour,
                ls="--",
                label=rf"{name}: mean {mean:.3f}, $\sigma = {width:.3f}$",
            )
    axes.set(xlabel=r"$\ln(r\,M_{\rm est} / M_{\rm true})$", ylabel="density of maps")
    axes.set_ylim(0, 1.25 * axes.get_ylim()[1])
    axes.legend(loc="upper left")
