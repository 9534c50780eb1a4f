"""Charts that several studies draw: bars, curves, densities of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

ERROR_BINS = 6
RELATIVE_ERROR = r"$(M_{\rm CNN} - M_{\rm true}) / M_{\rm CNN}$"


def paired_bars(
    labels: Sequence[str], bars: Mapping[str, Sequence[tuple[float, float]]], axis: str
) -> Figure:
    """Bars side by side, a group a label.

    Args:
        labels: of the groups.
        bars: by their name in the legend, a value with its error a group.
        axis: what the values are.
    """
    figure, axes = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
    width, position = 0.8 / len(bars), np.arange(len(labels))
    for number, (name, measured) in enumerate(bars.items()):
        shift = (number - (len(bars) - 1) / 2.0) * width
        values, errors = zip(*measured, strict=True)
        drawn = axes.bar(position + shift, values, width, yerr=errors, label=name)
        axes.bar_label(drawn, fmt="%.3f", fontsize=8)
    axes.set_xticks(position, labels)
    axes.set(ylabel=axis)
    axes.legend(loc="lower right")
    return figure


@dataclass(frozen=True)
class Curve:
    """A line through points."""

    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False
    """Such as what a theory says, beside what was found."""
    error: Sequence[float] | None = None
    """Of y."""


def curves(lines: Mapping[str, Curve], x_axis: str, y_axis: str, *, log_x: bool = False) -> Figure:
    """Lines through points, by their name in the legend."""
    figure, axes = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
    _lines(axes, lines)
    axes.set(xlabel=x_axis, ylabel=y_axis, xscale="log" if log_x else "linear")
    axes.set_ylim(0, None)
    axes.legend()
    return figure


def panels(groups: Mapping[str, Mapping[str, Curve]], y_axis: str, x_axis: str = "") -> Figure:
    """Lines through points, a panel a group; without a name for x the group's own names it."""
    columns = min(3, len(groups))
    rows = -(-len(groups) // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(4.0 * columns, 3.2 * rows), layout="constrained", squeeze=False
    )
    for axes in grid.ravel()[len(groups) :]:
        axes.set_axis_off()
    for axes, (name, lines) in zip(grid.ravel(), groups.items(), strict=False):
        _lines(axes, lines)
        axes.set(xlabel=x_axis or name, ylabel=y_axis, title=name if x_axis else "")
        axes.set_ylim(0, None)
    grid[0, 0].legend()
    return figure


def _lines(axes: Axes, lines: Mapping[str, Curve]) -> None:
    for name, line in lines.items():
        style = "s--" if line.dashed else "o-"
        axes.errorbar(line.x, line.y, line.error, fmt=style, label=name)


def losses_and_errors(losses: Mapping[str, np.ndarray], errors: Mapping[str, np.ndarray]) -> Figure:
    """Supp. Fig. 5 of de Andres et al. 2022.

    Args:
        losses: validation losses by group of networks, drawn as boxes.
        errors: the relative error b of test clusters by group of networks.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
    left.boxplot(list(losses.values()), tick_labels=list(losses), widths=0.5)
    left.set(ylabel="least validation loss [dex$^2$]")
    edges = np.linspace(-1.0, 0.8, 46).tolist()
    for name, values in errors.items():
        clipped = np.clip(values, edges[0], edges[-1])
        right.hist(clipped, edges, density=True, histtype="step", label=name)
    right.axvline(0, color="0.6", lw=1)
    right.set(xlabel=RELATIVE_ERROR, ylabel="density of clusters")
    figure.legend(loc="outside upper right", ncols=len(errors))
    return figure


def binned_errors(groups: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """Supp. Fig. 11 of de Andres et al. 2022: mean and standard deviation of b by mass.

    Args:
        groups: estimated masses in Msun and b, by name.
        title: of the figure.
    """
    figure, axes = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
    for number, (name, (mass_msun, error)) in enumerate(groups.items()):
        order = np.array_split(np.argsort(mass_msun), ERROR_BINS)
        bins = [rows for rows in order if len(rows)]
        middle = np.array([np.log10(mass_msun[rows]).mean() for rows in bins])
        mean = [error[rows].mean() for rows in bins]
        std = [error[rows].std() for rows in bins]
        shift = 0.006 * (number - (len(groups) - 1) / 2.0)
        axes.errorbar(middle + shift, mean, std, fmt="o-", label=name)
    axes.axhline(0, color="0.6", lw=1)
    axes.set(xlabel=r"$\log_{10}(M_{\rm CNN}/M_\odot)$", ylabel=RELATIVE_ERROR, title=title)
    axes.legend()
    return figure
