"""Figures 1 to 5 of Gupta & Reichardt 2020 (arXiv 2003.06135), and the training curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from szmass.evaluation.charts import SIGNAL_COLOURS, SKY_COLOURS
from szmass.evaluation.statistics import gaussian_width, half_width, ln_ratio
from szmass.units import MASS_UNIT_MSUN

KIND_COLOURS = {"trained": "tab:green", "interpolated": "tab:blue", "extrapolated": "tab:red"}


@dataclass(frozen=True)
class NetworkBlock:
    """What Figure 1 draws of one block of the network."""

    name: str
    pixels: int
    filters: int
    skips_from: tuple[str, ...]
    """Blocks whose feature maps are concatenated here."""


def network(blocks: Sequence[NetworkBlock], parameters: int) -> Figure:
    """Figure 1: the blocks from left to right, their size as height, and the skips between them."""
    figure, axes = plt.subplots(figsize=(10, 4.2), layout="constrained")
    tallest = max(block.pixels for block in blocks)
    position = {block.name: i for i, block in enumerate(blocks)}
    for i, block in enumerate(blocks):
        height = block.pixels / tallest
        colour = "tab:green" if block.name.startswith("encoder") else "tab:red"
        colour = "0.4" if block.name == "bridge" else colour
        axes.bar(i, height, width=0.5, color=colour, alpha=0.35, edgecolor=colour)
        axes.text(
            i,
            height / 2,
            f"{block.pixels} x {block.pixels}\nx {block.filters}",
            ha="center",
            va="center",
            fontsize=9,
        )
        for source in block.skips_from:
            start = position[source]
            top = max(height, blocks[start].pixels / tallest) + 0.04
            axes.annotate(
                "",
                (i, top),
                (start, top),
                arrowprops={
                    "arrowstyle": "->",
                    "color": "tab:blue",
                    "connectionstyle": f"arc3,rad={-0.9 / (i - start):.3f}",
                },
            )
    axes.set_xticks(range(len(blocks)), [block.name for block in blocks])
    axes.set(ylim=(0, 1.6), yticks=[], title=f"mResUNet, {parameters:,} parameters")
    axes.spines[["left", "right", "top"]].set_visible(False)
    return figure


def map_and_profile(temperature_uk: np.ndarray, sz_uk: np.ndarray, title: str) -> Figure:
    """Figure 2: an observed map and the cluster's own signal in it."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    deviation_uk = temperature_uk - temperature_uk.mean()
    _image(figure, left, deviation_uk, SKY_COLOURS, "observed map, less its mean [uK]")
    _image(figure, right, sz_uk, SIGNAL_COLOURS, "SZ signal [uK]")
    figure.suptitle(title)
    return figure


@dataclass(frozen=True)
class ProfileRow:
    """One mass of Figure 3."""

    m200c_msun: float
    example_uk: np.ndarray
    true_uk: np.ndarray
    """Mean of the true signals, `(pixels, pixels)`."""
    predicted_uk: np.ndarray
    """Mean of the predicted signals."""


def profiles(rows: Sequence[ProfileRow]) -> Figure:
    """Figure 3: map, true and predicted mean profile, residual, and its share of the signal."""
    figure, grid = plt.subplots(
        len(rows), 5, figsize=(15, 2.9 * len(rows)), layout="constrained", squeeze=False
    )
    for row, axes in zip(rows, grid, strict=True):
        residual = row.predicted_uk - row.true_uk
        share = 100.0 * residual / row.true_uk.min()
        label = f"{row.m200c_msun / MASS_UNIT_MSUN:g}e14 Msun"
        deviation_uk = row.example_uk - row.example_uk.mean()
        _image(figure, axes[0], deviation_uk, SKY_COLOURS, f"{label}: a map, less its mean [uK]")
        _image(figure, axes[1], row.true_uk, SIGNAL_COLOURS, "true mean profile [uK]")
        limits = (float(row.true_uk.min()), float(row.true_uk.max()))
        _image(figure, axes[2], row.predicted_uk, SIGNAL_COLOURS, "predicted mean [uK]", limits)
        _image(figure, axes[3], residual, SKY_COLOURS, "predicted - true [uK]")
        _image(figure, axes[4], share, SKY_COLOURS, "residual [% of the peak]")
    return figure


def masses(
    truth_msun: np.ndarray,
    estimates_msun: Mapping[str, np.ndarray],
    kinds: Mapping[float, str],
) -> Figure:
    """Figure 4: estimated against true mass, and the bias in units of the scatter.

    Args:
        truth_msun: a few distinct masses, `(n,)`.
        estimates_msun: by estimator; the first is drawn with error bars, the others as lines.
        kinds: `trained`, `interpolated` or `extrapolated`, by true mass.
    """
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(6.5, 7.5), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    distinct = np.unique(truth_msun)
    masses_1e14 = distinct / MASS_UNIT_MSUN
    upper.plot(masses_1e14, masses_1e14, color="0.6", lw=1, label="truth")
    for number, (name, estimates) in enumerate(estimates_msun.items()):
        by_mass = [estimates[truth_msun == mass] / MASS_UNIT_MSUN for mass in distinct]
        median = np.array([np.median(values) for values in by_mass])
        width = np.array([half_width(values) for values in by_mass])
        bias = (median - masses_1e14) / np.where(width > 0, width, np.nan)
        if number > 0:
            upper.plot(masses_1e14, median, lw=1, ls="--", label=f"{name}, median")
            lower.plot(masses_1e14, bias, lw=1, ls="--")
            continue
        for kind, colour in KIND_COLOURS.items():
            here = np.array([kinds[mass] == kind for mass in distinct])
            if here.any():
                upper.errorbar(
                    masses_1e14[here],
                    median[here],
                    width[here],
                    fmt="o",
                    ms=4,
                    color=colour,
                    capsize=2,
                    label=f"{name}, {kind}",
                )
                lower.plot(masses_1e14[here], bias[here], "o", ms=4, color=colour)
    lower.axhline(0, color="0.6", lw=1)
    lower.axhspan(-1, 1, color="0.9")
    lower.set(xlabel="true M200c [1e14 Msun]", ylabel="(median - true) / sigma", ylim=(-5, 5))
    upper.set(ylabel="estimated M200c [1e14 Msun]")
    upper.legend(fontsize=8)
    return figure


def scatter(ratios: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str) -> Figure:
    """Figure 5: histograms of ln(M_est / M_true) with and without SZ scatter, Gaussians fitted.

    Args:
        ratios: by label, `(estimate_msun, truth_msun)`.
        title: of the figure.
    """
    figure, axes = plt.subplots(figsize=(6.5, 4.5), layout="constrained")
    edges = np.linspace(-0.9, 0.9, 61).tolist()
    fine = np.linspace(-0.9, 0.9, 400)
    for (label, (estimate, truth)), colour in zip(
        ratios.items(), ("tab:orange", "tab:pink", "tab:cyan", "tab:olive"), strict=False
    ):
        values = ln_ratio(estimate, truth)
        width, centre = gaussian_width(values), float(np.median(values))
        axes.hist(
            values,
            edges,
            density=True,
            histtype="step",
            color=colour,
            label=f"{label}: sigma = {width:.3f}",
        )
        if width > 0:
            peak = 1.0 / (np.sqrt(2.0 * np.pi) * width)
            axes.plot(
                fine, peak * np.exp(-0.5 * ((fine - centre) / width) ** 2), color=colour, ls="--"
            )
    axes.set(xlabel="ln(M_est / M_true)", ylabel="density", title=title)
    axes.legend(fontsize=8)
    return figure


def training_curve(maps_seen: np.ndarray, loss: np.ndarray, validation_loss: np.ndarray) -> Figure:
    """Loss against the number of maps seen."""
    figure, axes = plt.subplots(figsize=(6.5, 4), layout="constrained")
    axes.plot(maps_seen, loss, "o-", ms=3, label="training")
    axes.plot(maps_seen, validation_loss, "s--", ms=3, label="validation")
    axes.set(
        xlabel="maps seen", ylabel="mean square error", yscale="log", title="mResUNet training"
    )
    axes.legend()
    return figure


def _image(
    figure: Figure,
    axes: Axes,
    image: np.ndarray,
    colours: str,
    title: str,
    limits: tuple[float, float] | None = None,
) -> None:
    """One map with its colour bar; a diverging colour map is centred on zero."""
    if limits is None:
        bound = float(np.abs(image).max())
        diverging = colours == SKY_COLOURS
        limits = (-bound, bound) if diverging else (float(image.min()), float(image.max()))
    shown = axes.imshow(image, origin="lower", cmap=colours, vmin=limits[0], vmax=limits[1])
    figure.colorbar(shown, ax=axes, shrink=0.85)
    axes.set_title(title, fontsize=9)
    axes.set(xticks=[], yticks=[])
