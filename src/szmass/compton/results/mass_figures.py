"""The figures of de Andres et al. 2022 (dA22) that show how well masses are recovered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from szmass.compton.results.estimated import Estimated, EstimatedT, Judged, together
from szmass.compton.results.metrics import (
    LEVELS,
    REDSHIFT_GROUPS,
    coverage,
    equal_count_groups,
    log10_ratio,
    passing_counts,
    within_cut,
)
from szmass.evaluation.charts import log_mass_axis, ordered_colours
from szmass.units import MASS_UNIT_MSUN

Colour = tuple[float, float, float, float]
M_CNN, M_TRUE = r"M_{\rm CNN}", r"M_{\rm true}"
FEWEST = 30
"""Clusters of a bin from which on its density is drawn; the legend names the others."""
FIGURE1_GROUPS = 19
"""As many mass bins as the paper's 18 266 test maps fill with 962 each."""
FIGURE1_POINTS = 200
FIGURE1_LIMIT = 0.6
COVERAGE_GROUPS = 10
RANK_BINS = 20


def relative_errors(panels: Mapping[str, Sequence[Judged]], *, seed: int) -> Figure:
    """Figure 1: b against estimated mass, a panel a data set.

    Squares and the band are the median and the 16th-84th percentiles of bins of equal number;
    points are `FIGURE1_POINTS` random maps of each redshift bin.
    """
    rng = np.random.default_rng(seed)
    figure, axes = _panels(len(panels))
    for panel, (title, bins) in zip(axes, panels.items(), strict=True):
        for colour, one in _coloured(bins):
            shown = rng.permutation(len(one.error))[:FIGURE1_POINTS]
            mass, error = one.estimate_msun[shown] / MASS_UNIT_MSUN, one.error[shown]
            panel.plot(mass, error, ".", ms=3, color=colour, alpha=0.5, label=one.label)
        everything = together(bins, "")
        middle, (low, median, high) = binned_percentiles(
            everything.estimate_msun / MASS_UNIT_MSUN, everything.error, FIGURE1_GROUPS
        )
        panel.fill_between(middle, low, high, color="0.5", alpha=0.35, lw=0, label="68 %")
        panel.plot(middle, median, "s-", color="k", lw=1, label="median")
        for level in (-0.2, 0.0, 0.2):
            panel.axhline(level, color="C1", ls="--", lw=0.8)
        panel.set(ylabel=relative_error(M_TRUE), title=title)
        panel.set_ylim(-FIGURE1_LIMIT, FIGURE1_LIMIT)
    axes[0].legend(loc="lower right", ncols=2, markerscale=1.5)
    log_mass_axis(axes[-1].xaxis, f"${M_CNN}$")
    return figure


def relative_error(truth: str) -> str:
    """The label of an axis of b, relative to a mass in TeX."""
    return f"$({M_CNN} - {truth}) / {M_CNN}$"


def binned_percentiles(
    x: np.ndarray, values: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Percentiles 16, 50, 84 of `values` in groups of equal number of `x`.

    Returns:
        The median of `x` in each group, `(groups,)`, and the percentiles, `(3, groups)`.
    """
    members = [rows for rows in equal_count_groups(x, groups) if len(rows)]
    middle = np.array([np.median(x[rows]) for rows in members])
    return middle, np.array([np.percentile(values[rows], [16, 50, 84]) for rows in members]).T


def error_densities(data_sets: Mapping[str, Sequence[Estimated]], truth: str = M_TRUE) -> Figure:
    """Supp. Fig. 6: densities of b by redshift bin; all masses above, M > 5e14 Msun below.

    Bins of fewer than `FEWEST` clusters are not drawn: their spikes would draw the eye.

    Args:
        data_sets: redshift bins by title, a column each.
        truth: the mass that the estimates are compared with, in TeX.
    """
    figure, grid = plt.subplots(
        2, len(data_sets), figsize=(4.6 * len(data_sets), 6.2), layout="constrained",
        squeeze=False, sharex=True,
    )  # fmt: skip
    edges = np.linspace(-1.0, 0.8, 46)
    for column, (title, bins) in zip(grid.T, data_sets.items(), strict=True):
        for axes, suffix, masses in zip(
            column,
            ("", "_above_5e14"),
            ("all masses", rf"${M_CNN} > 5 \times 10^{{14}}\,M_\odot$"),
            strict=True,
        ):
            everything = together(bins, "all redshifts")
            every: list[tuple[Colour | str, Estimated]] = [("0.75", everything), *_coloured(bins)]
            for colour, one in every:
                errors = one.error[within_cut(one.estimate_msun, suffix)]
                kind = "stepfilled" if one is everything else "step"
                label = f"{one.label}: {len(errors)}"
                if len(errors) >= FEWEST:
                    _density(axes, errors, edges, histtype=kind, color=colour, label=label)
                else:
                    axes.plot([], [], color=colour, ls=":", label=f"{label}, too few")
            axes.axvline(0, color="0.3", lw=1, ls=":")
            axes.set_ylabel("density of clusters")
            axes.set_title(f"{title}, {masses}")
            axes.legend(fontsize=7.5, loc="upper left", title="clusters", title_fontsize=7.5)
        column[-1].set_xlabel(relative_error(truth))
    return figure


def residuals(
    data_sets: Mapping[str, Estimated], moments: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Supp. Fig. 8: densities of log10(M_CNN / M_true) with their four moments.

    Args:
        data_sets: by label, the test clusters of all bins.
        moments: by label, `bias_dex`, `scatter_dex`, `skewness` and `kurtosis`.
    """
    figure, axes = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
    edges = np.linspace(-0.4, 0.4, 65)
    for number, (label, one) in enumerate(data_sets.items()):
        numbers = moments[label]
        shown = (
            f"{label}\nmean {numbers['bias_dex']:+.4f}, std {numbers['scatter_dex']:.4f}, "
            f"skewness {numbers['skewness']:+.2f}, kurtosis {numbers['kurtosis']:.2f}"
        )
        values = log10_ratio(one.estimate_msun, one.truth_msun)
        _density(axes, values, edges, histtype="step", color=f"C{number}", label=shown)
    axes.set(xlabel=rf"$\log_{{10}}({M_CNN} / {M_TRUE})$", ylabel="density of clusters")
    axes.set_title("all redshifts (a Gaussian has skewness 0 and kurtosis 3)")
    axes.set_ylim(0, 1.75 * axes.get_ylim()[1])
    axes.legend(fontsize=7, loc="upper left")
    return figure


def members_passing(
    data_sets: Mapping[str, Mapping[str, Sequence[float]]], threshold: float, members_of_paper: int
) -> Figure:
    """Supp. Fig. 4: how many networks have |mean b| below a threshold in every mass bin.

    Args:
        data_sets: by data set and redshift bin, each network's largest |mean b| over the mass
            bins, on its validation clusters.
        threshold: that a selected network passes.
        members_of_paper: how many networks of a bin the paper has.
    """
    figure, axes = _panels(len(data_sets))
    thresholds = np.linspace(0.0, 0.3, 301)
    for panel, (title, bins) in zip(axes, data_sets.items(), strict=True):
        for colour, (label, worst) in zip(ordered_colours(len(bins)), bins.items(), strict=True):
            counts = passing_counts(worst, thresholds)
            panel.step(thresholds, counts, color=colour, where="post", label=label)
        panel.axvline(threshold, color="0.4", ls="--", lw=1)
        members = max(map(len, bins.values()), default=0)
        panel.set(ylabel="networks that pass", ylim=(0, 1.05 * members))
        panel.set_title(f"{title}: {members} networks a bin (the paper: {members_of_paper})")
        panel.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].legend()
    axes[-1].set_xlabel(r"largest $|{\rm mean}\ b|$ allowed in a mass bin, validation clusters")
    return figure


def joint_density(
    log10_estimate: np.ndarray,
    log10_truth: np.ndarray,
    densities: Mapping[str, np.ndarray],
) -> Figure:
    """Supp. Fig. 7: the kernel density of estimated and true mass, a panel a redshift bin.

    Args:
        log10_estimate: axis, `(n,)`, of log10 M / Msun.
        log10_truth: axis, `(m,)`.
        densities: by bin, `(m, n)`.
    """
    count = len(densities)
    figure, grid = plt.subplots(
        1, count, figsize=(2.9 * count, 3.3), layout="constrained", squeeze=False, sharey=True
    )
    for axes, (label, density) in zip(grid[0], densities.items(), strict=True):
        levels = density.max() * np.linspace(0.02, 1.0, 12)
        axes.contourf(log10_estimate, log10_truth, density, levels, cmap="viridis")
        axes.plot(log10_truth, log10_truth, color="0.5", lw=1, ls="--")
        axes.set(xlabel=rf"$\log_{{10}}({M_CNN}/M_\odot)$", title=label)
        axes.set(xlim=log10_truth[[0, -1]], ylim=log10_truth[[0, -1]])
    grid[0, 0].set_ylabel(rf"$\log_{{10}}({M_TRUE}/M_\odot)$")
    return figure


def coverages(data_sets: Mapping[str, Sequence[Judged]]) -> Figure:
    """Measured minus promised coverage by redshift bin; of 68 % intervals by mass and redshift.

    Error bars are binomial.
    """
    figure, grid = plt.subplots(
        len(data_sets), 3, figsize=(11.5, 2.9 * len(data_sets)), layout="constrained",
        squeeze=False, sharex="col", sharey="col",
    )  # fmt: skip
    for (left, middle, right), (title, bins) in zip(grid, data_sets.items(), strict=True):
        for i, (colour, one) in enumerate(_coloured(bins)):
            excess = [100 * coverage(one.ranks, level) - level for level in LEVELS]
            error = [_binomial_error(level / 100, len(one.ranks)) for level in LEVELS]
            shifted = np.array(LEVELS) + 0.8 * (i - (len(bins) - 1) / 2)
            left.errorbar(shifted, excess, error, fmt="o", color=colour, label=one.label)
        left.axhline(0, color="0.6", lw=1)
        left.set(ylabel=f"{title}\n\nmeasured - stated [%]")
        everything = together(bins, "")
        masses = everything.estimate_msun / MASS_UNIT_MSUN
        _coverage_along(middle, masses, everything.ranks, COVERAGE_GROUPS, "k")
        for colour, one in _coloured(bins):
            _coverage_along(right, one.redshift, one.ranks, REDSHIFT_GROUPS, colour)
        middle.set_ylabel("within the 68 % interval [%]")
    left, middle, right = grid[-1]
    left.set_xlabel("stated probability of the interval [%]")
    right.set_xlabel("redshift")
    log_mass_axis(middle.xaxis, "estimated mass")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    return figure


def _coverage_along(
    axes: Axes, values: np.ndarray, ranks: np.ndarray, groups: int, colour: Colour | str
) -> None:
    """Coverage of 68 % intervals in groups of equal number along some values."""
    parts = [rows for rows in equal_count_groups(values, groups) if len(rows)]
    axes.errorbar(
        [np.median(values[rows]) for rows in parts],
        [100 * coverage(ranks[rows], 68) for rows in parts],
        [_binomial_error(0.68, len(rows)) for rows in parts],
        fmt="s",
        color=colour,
    )
    axes.axhline(68, color="0.6", lw=1)


def rank_histograms(data_sets: Mapping[str, Sequence[Judged]]) -> Figure:
    """Histograms of the posterior probability below the true mass; flat where intervals hold."""
    figure, axes = _panels(len(data_sets))
    edges = np.linspace(0.0, 1.0, RANK_BINS + 1)
    for panel, (title, bins) in zip(axes, data_sets.items(), strict=True):
        share, maps = 1.0 / RANK_BINS, min(len(one.ranks) for one in bins)
        error = 2.0 * np.sqrt(share * (1.0 - share) / maps) / share
        panel.axhspan(1.0 - error, 1.0 + error, color="0.92", label="95 % of the steps, if flat")
        farthest = error
        for colour, one in _coloured(bins):
            density, _ = np.histogram(one.ranks, edges, density=True)
            panel.stairs(density, edges, color=colour, label=one.label, lw=1.2)
            farthest = max(farthest, float(np.abs(density - 1.0).max()))
        panel.set(ylabel="density of clusters", title=title)
        panel.set(xlim=(0, 1), ylim=(max(0.0, 1.0 - 1.1 * farthest), 1.0 + 1.1 * farthest))
    axes[0].legend(loc="upper center", ncols=3)
    axes[-1].set_xlabel("posterior probability of a mass below the true one")
    return figure


def _panels(count: int) -> tuple[Figure, list[Axes]]:
    """Panels one above the other, of the same x."""
    figure, grid = plt.subplots(
        count,
        1,
        figsize=(6.2, 3.0 * count),
        layout="constrained",
        squeeze=False,
        sharex=True,
    )
    return figure, list(grid[:, 0])


def _coloured(bins: Sequence[EstimatedT]) -> list[tuple[Colour, EstimatedT]]:
    """The redshift bins with their colours."""
    return list(zip(ordered_colours(len(bins)), bins, strict=True))


def _density(axes: Axes, values: np.ndarray, edges: np.ndarray, **style: object) -> None:
    """A histogram of unit area; values outside the edges count in the outermost bins."""
    if len(values):
        clipped = np.clip(values, edges[0], edges[-1])
        axes.hist(clipped, edges.tolist(), density=True, alpha=0.9, **style)  # type: ignore[arg-type]


def _binomial_error(share: float, count: int) -> float:
    """Standard error of a share of `count` independent clusters, in per cent."""
    return 100.0 * float(np.sqrt(share * (1.0 - share) / max(count, 1)))
