"""Figures 1 to 5 of Gupta & Reichardt 2020 (arXiv 2003.06135), and the training curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from szmass.evaluation.charts import (
    SIGNAL_COLOURS,
    SKY_COLOURS,
    sky_image,
    with_unit,
)
from szmass.evaluation.statistics import gaussian_width, half_width, ln_ratio
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

KIND_COLOURS = {"trained": "C2", "interpolated": "C0", "extrapolated": "C1"}
KELVIN = r"$\mu$K$_{\rm CMB}$"
M200 = r"M_{200\rm c}"
KIND_WORDS = {
    "trained": "trained on this mass",
    "interpolated": "between trained masses",
    "extrapolated": "outside the trained masses",
}


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
        colour = "C2" if block.name.startswith("encoder") else "C1"
        colour = "0.4" if block.name == "bridge" else colour
        axes.bar(i, height, width=0.5, color=colour, alpha=0.35, edgecolor=colour)
        axes.text(
            i,
            height / 2,
            rf"${block.pixels} \times {block.pixels}$" + "\n" + rf"$\times\ {block.filters}$",
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
                    "color": "C0",
                    "connectionstyle": f"arc3,rad={-0.9 / (i - start):.3f}",
                },
            )
    axes.set_xticks(range(len(blocks)), [block.name for block in blocks])
    axes.set(ylim=(0, 1.6), yticks=[], title=f"mResUNet, {parameters:,} parameters")
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(bottom=False, top=False)
    return figure


def map_and_profile(
    temperature_uk: np.ndarray, sz_uk: np.ndarray, grid: PixelGrid, m200c_msun: float
) -> Figure:
    """Figure 2: an observed map and the cluster's own signal in it."""
    figure, panels = plt.subplots(1, 2, figsize=(8.4, 3.7), layout="constrained", sharey=True)
    deviation_uk = temperature_uk - temperature_uk.mean()
    bound = float(np.abs(deviation_uk).max())
    drawn = (
        ("observed map, less its mean", deviation_uk, SKY_COLOURS, (-bound, bound)),
        ("the cluster's own signal", sz_uk, SIGNAL_COLOURS, (float(sz_uk.min()), 0.0)),
    )
    for axes, (title, image, colours, limits) in zip(panels, drawn, strict=True):
        shown = sky_image(axes, image, grid, colours, limits)
        figure.colorbar(shown, ax=axes, label=rf"$\Delta T$ [{KELVIN}]")
        axes.set(title=title, xlabel="x [arcmin]")
    panels[0].set_ylabel("y [arcmin]")
    figure.suptitle(_mass_in_words(m200c_msun), fontsize=10)
    return figure


def _mass_in_words(m200c_msun: float) -> str:
    return rf"${M200} = {m200c_msun / MASS_UNIT_MSUN:g} \times 10^{{14}}\,M_\odot$"


@dataclass(frozen=True)
class ProfileRow:
    """One mass of Figure 3."""

    m200c_msun: float
    example_uk: np.ndarray
    true_uk: np.ndarray
    """Mean of the true signals, `(pixels, pixels)`."""
    predicted_uk: np.ndarray
    """Mean of the predicted signals."""


def profiles(rows: Sequence[ProfileRow], grid: PixelGrid) -> Figure:
    """Figure 3: a map, true and predicted mean profile, and their difference; a scale a column."""
    figure, panels = plt.subplots(
        len(rows), 4, figsize=(11.5, 2.75 * len(rows) + 0.5), layout="constrained",
        squeeze=False, sharex=True, sharey=True,
    )  # fmt: skip
    deepest = min(float(row.true_uk.min()) for row in rows)
    examples = [row.example_uk - row.example_uk.mean() for row in rows]
    shares = [100.0 * (row.predicted_uk - row.true_uk) / row.true_uk.min() for row in rows]
    bound, largest = (max(float(np.abs(image).max()) for image in of) for of in (examples, shares))
    signal = (SIGNAL_COLOURS, (deepest, 0.0), rf"mean $\Delta T$ [{KELVIN}]")
    columns = (
        ("a map, less its mean", SKY_COLOURS, (-bound, bound), rf"$\Delta T$ [{KELVIN}]"),
        ("true SZ profile", *signal),
        ("predicted SZ profile", *signal),
        ("predicted less true", SKY_COLOURS, (-largest, largest), "% of the true peak"),
    )
    for row, axes, example, share in zip(rows, panels, examples, shares, strict=True):
        images = (example, row.true_uk, row.predicted_uk, share)
        for panel, image, (_, colours, limits, _) in zip(axes, images, columns, strict=True):
            sky_image(panel, image, grid, colours, limits)
        axes[0].set_ylabel(f"{_mass_in_words(row.m200c_msun)}\n\ny [arcmin]")
    for column, (title, _, _, label) in zip(panels.T, columns, strict=True):
        column[0].set_title(title)
        column[-1].set_xlabel("x [arcmin]")
        figure.colorbar(
            column[0].images[0], ax=list(column), label=label, location="bottom", shrink=0.85
        )
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
        2, 1, figsize=(5.6, 6.6), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    distinct = np.unique(truth_msun)
    masses_1e14 = distinct / MASS_UNIT_MSUN
    upper.plot(masses_1e14, masses_1e14, color="0.6", lw=1, label="true mass")
    for number, (name, estimates) in enumerate(estimates_msun.items()):
        by_mass = [estimates[truth_msun == mass] / MASS_UNIT_MSUN for mass in distinct]
        median = np.array([np.median(values) for values in by_mass])
        width = np.array([half_width(values) for values in by_mass])
        bias = (median - masses_1e14) / np.where(width > 0, width, np.nan)
        if number > 0:
            style = {"lw": 1.0, "ls": ("--", ":")[number % 2], "color": ("C3", "k")[number % 2]}
            upper.plot(masses_1e14, median, label=f"{name}: median", **style)
            lower.plot(masses_1e14, bias, **style)
            continue
        for kind, colour in KIND_COLOURS.items():
            here = np.array([kinds[mass] == kind for mass in distinct])
            if here.any():
                upper.errorbar(
                    masses_1e14[here],
                    median[here],
                    width[here],
                    fmt="o",
                    color=colour,
                    label=f"{name}: median and 68 %, {KIND_WORDS[kind]}",
                )
                lower.plot(masses_1e14[here], bias[here], "o", color=colour)
    lower.axhline(0, color="0.6", lw=1)
    lower.axhspan(-1, 1, color="0.92")
    lower.set(
        xlabel=with_unit(rf"true ${M200}$"), ylabel="(median - true)\n/ half-width", ylim=(-4, 4)
    )
    upper.set(ylabel=with_unit(rf"estimated ${M200}$"))
    upper.legend()
    return figure


@dataclass(frozen=True)
class ScatterPanel:
    """One set of maps of Figure 5."""

    title: str
    truth_msun: np.ndarray
    estimates_msun: Mapping[str, np.ndarray]
    """By estimator; the first is filled."""
    paper_width: float
    """Standard deviation of the Gaussian that the paper fits to ln(M_est / M_true)."""


def scatter(panels: Sequence[ScatterPanel]) -> Figure:
    """Figure 5: histograms of ln(M_est / M_true), the Gaussians fitted to them, and the paper's."""
    figure, grid = plt.subplots(1, len(panels), figsize=(8.6, 3.7), layout="constrained")
    edges, fine = np.linspace(-0.9, 0.9, 46), np.linspace(-0.9, 0.9, 400)
    for axes, panel in zip(np.atleast_1d(grid), panels, strict=True):
        for number, (name, estimate) in enumerate(panel.estimates_msun.items()):
            values = ln_ratio(estimate, panel.truth_msun)
            width, centre = gaussian_width(values), float(np.median(values))
            style = {"histtype": "step"} if number else {"histtype": "stepfilled", "alpha": 0.25}
            axes.hist(values, edges.tolist(), density=True, color=f"C{number}", **style)
            if width > 0:
                label = rf"{name}: $\sigma = {width:.3f}$"
                axes.plot(fine, _gaussian(fine - centre, width), color=f"C{number}", label=label)
        label = rf"the paper's network: $\sigma = {panel.paper_width:.3f}$"
        axes.plot(fine, _gaussian(fine, panel.paper_width), "k--", lw=1, label=label)
        axes.set(xlabel=r"$\ln(M_{\rm est} / M_{\rm true})$", title=panel.title)
        axes.set_ylim(0, 1.3 * axes.get_ylim()[1])
        axes.legend(loc="upper left")
    np.atleast_1d(grid)[0].set_ylabel("density of maps")
    return figure


def _gaussian(x: np.ndarray, width: float) -> np.ndarray:
    return np.asarray(np.exp(-0.5 * (x / width) ** 2) / (np.sqrt(2.0 * np.pi) * width))


def training_curve(maps_seen: np.ndarray, loss: np.ndarray, validation_loss: np.ndarray) -> Figure:
    """Loss against the number of maps seen."""
    figure, axes = plt.subplots(figsize=(5.6, 3.6), layout="constrained")
    axes.plot(maps_seen, loss, "o-", label="training")
    axes.plot(maps_seen, validation_loss, "s--", label="validation")
    axes.set(
        xlabel="maps seen", ylabel="mean square error", yscale="log", title="mResUNet training"
    )
    axes.legend()
    return figure
