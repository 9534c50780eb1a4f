"""The figures of de Andres et al. 2022 (dA22) that show the maps and the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import AsinhNorm
from matplotlib.figure import Figure

from szmass.evaluation.charts import SIGNAL_COLOURS, log_mass_axis
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

MOCK_COLOUR, PSZ2_COLOUR = "C0", "C1"
LAYER_COLOURS = {"Conv2D": "C2", "MaxPooling2D": "C0", "Dense": "C1"}
LINEAR_Y_1E6 = 3.0
Y_TICKS_1E6 = (-30, -10, -3, -1, 0, 1, 3, 10, 30, 100, 300)
"""The scale of y in example maps is linear up to this many 1e-6, and logarithmic above."""
OTHER_LAYER_COLOUR = "0.5"


@dataclass(frozen=True)
class MassRedshift:
    """The masses and redshifts of a sample."""

    label: str
    m500c_msun: np.ndarray
    redshift: np.ndarray

    def nearest(self, m500c_msun: float, redshift: float) -> int:
        """The cluster nearest to a mass and a redshift; ten times the mass is as far as dz = 1."""
        dex = np.log10(self.m500c_msun / m500c_msun)
        return int(np.hypot(dex, self.redshift - redshift).argmin())

    def title(self, row: int) -> str:
        """The mass and the redshift of a cluster, in words."""
        mass_1e14 = self.m500c_msun[row] / MASS_UNIT_MSUN
        mass = rf"${mass_1e14:.1f} \times 10^{{14}}\,M_\odot$"
        return rf"{mass}, $z = {self.redshift[row]:.3f}$"


def mass_redshift(mocks: MassRedshift, observed: MassRedshift) -> Figure:
    """Supp. Fig. 1: mass against redshift of the mocks and of PSZ2, with marginals.

    Args:
        mocks: true masses, one a cluster.
        observed: PSZ2 masses, already divided by the factor that the figure names in its label.
    """
    figure, axes = plt.subplots(
        2,
        2,
        figsize=(6.4, 6),
        layout="constrained",
        sharex="col",
        sharey="row",
        width_ratios=(4, 1),
        height_ratios=(1, 4),
    )
    (top, corner), (main, right) = axes
    corner.remove()
    masses = np.concatenate([mocks.m500c_msun, observed.m500c_msun]) / MASS_UNIT_MSUN
    mass_edges = np.geomspace(masses.min(), masses.max(), 31).tolist()
    redshift_edges = np.linspace(0.0, max(1.0, mocks.redshift.max()), 31).tolist()
    for one, colour, size in ((mocks, MOCK_COLOUR, 2), (observed, PSZ2_COLOUR, 4)):
        main.plot(
            one.redshift,
            one.m500c_msun / MASS_UNIT_MSUN,
            ".",
            ms=size,
            color=colour,
            alpha=0.6,
            mew=0,
            label=one.label,
        )
        share = np.full(len(one.redshift), 1.0 / len(one.redshift))
        style = {"weights": share, "histtype": "step", "color": colour}
        top.hist(one.redshift, redshift_edges, **style)
        right.hist(one.m500c_msun / MASS_UNIT_MSUN, mass_edges, orientation="horizontal", **style)
    main.set_xlabel("redshift")
    log_mass_axis(main.yaxis, r"$M_{500\rm c}$")
    main.legend(loc="lower right", markerscale=4)
    top.set(yticks=[], ylabel="share")
    right.set(xticks=[], xlabel="share")
    return figure


@dataclass(frozen=True)
class ExampleRow:
    """One row of Supp. Fig. 2: the same kind of cluster in each of the sets."""

    titles: tuple[str, ...]
    maps: tuple[np.ndarray, ...]
    """Compton y, `(pixels, pixels)` each, one a column."""


def example_maps(columns: Sequence[str], rows: Sequence[ExampleRow], grid: PixelGrid) -> Figure:
    """Supp. Fig. 2: example maps of each set, all on one scale of y."""
    figure, panels = plt.subplots(
        len(rows),
        len(columns),
        figsize=(2.9 * len(columns) + 0.6, 2.9 * len(rows) + 0.3),
        layout="constrained",
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    images_1e6 = [[image * 1e6 for image in row.maps] for row in rows]
    everything = np.array(images_1e6)
    low, high = float(everything.min()), float(everything.max())
    norm = AsinhNorm(LINEAR_Y_1E6, vmin=low, vmax=high)
    half = grid.pixels * grid.pixel_arcmin / 2.0
    extent = (-half, half, -half, half)
    for row, images, axes in zip(rows, images_1e6, panels, strict=True):
        for panel, image, title in zip(axes, images, row.titles, strict=True):
            shown = panel.imshow(image, extent=extent, cmap=SIGNAL_COLOURS, norm=norm)
            panel.set_title(title, fontsize=8)
        axes[0].set_ylabel("y [arcmin]")
    for panel, name in zip(panels[-1], columns, strict=True):
        panel.set_xlabel(f"x [arcmin]\n{name}")
    ticks = [tick for tick in Y_TICKS_1E6 if low <= tick <= high]
    label = r"Compton $y$ [$10^{-6}$]"
    figure.colorbar(shown, ax=panels, shrink=0.6, label=label, ticks=ticks, format="%g")
    return figure


@dataclass(frozen=True)
class Layer:
    """One layer of a network, as built."""

    kind: str
    """Its class."""
    shape: tuple[int, ...]
    """Of its output, without the batch."""
    parameters: int


def architecture(layers: Sequence[Layer]) -> Figure:
    """Supp. Fig. 3: the layers from input to output, with the shape of what leaves each."""
    figure, axes = plt.subplots(figsize=(11, 4.2), layout="constrained")
    tallest = np.log1p(max(layer.shape[0] for layer in layers))
    for i, layer in enumerate(layers):
        height = float(np.log1p(layer.shape[0]) / tallest)
        colour = LAYER_COLOURS.get(layer.kind, OTHER_LAYER_COLOUR)
        axes.bar(i, height, 0.8, bottom=-height / 2, color=colour, alpha=0.35, edgecolor=colour)
        shape = " x ".join(map(str, layer.shape))
        axes.text(i, 0, shape, ha="center", va="center", fontsize=8, rotation=90)
        if layer.parameters:
            axes.text(i, 0.55, f"{layer.parameters:,}", ha="center", fontsize=7, rotation=45)
    axes.set_xticks(range(len(layers)), [layer.kind for layer in layers], rotation=45, ha="right")
    total = sum(layer.parameters for layer in layers)
    axes.set(ylim=(-0.55, 0.8), yticks=[], title=f"CNN, {total:,} parameters")
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.tick_params(bottom=False, top=False)
    return figure


@dataclass(frozen=True)
class PowerLaw:
    """A power law of E(z)^(-2/3) D_A^2 Y_500 in mass."""

    label: str
    m500c_msun: np.ndarray
    y_mpc2: np.ndarray


def scaling_relation(
    m500c_msun: np.ndarray,
    measured: Mapping[str, np.ndarray],
    relations: Sequence[PowerLaw],
    *,
    reference: str,
) -> Figure:
    """Y_500 of the originals against mass (dA22 Eq. 4), and its ratio to the reference.

    Args:
        m500c_msun: true masses, `(n,)`.
        measured: E(z)^(-2/3) D_A^2 Y in Mpc^2 by how it was measured, `(n,)` each.
        relations: lines to compare with.
        reference: one of `measured`, which the lower panel divides the others by.
    """
    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(5.6, 6.2), height_ratios=(3, 1), sharex=True, layout="constrained"
    )
    mass_1e14 = m500c_msun / MASS_UNIT_MSUN
    for (label, values), marker in zip(measured.items(), "so^v", strict=False):
        upper.plot(mass_1e14, values, marker, mfc="none", label=label)
        ratio = values / measured[reference] - 1.0
        lower.plot(mass_1e14, 100.0 * ratio, marker, mfc="none")
    for relation, style in zip(relations, ("-", "-.", ":"), strict=False):
        masses_1e14 = relation.m500c_msun / MASS_UNIT_MSUN
        upper.plot(masses_1e14, relation.y_mpc2, style, color="0.4", label=relation.label)
    upper.set(ylabel=r"$E(z)^{-2/3} D_{\rm A}^2 Y_{500}$ [Mpc$^2$]", yscale="log")
    upper.legend()
    lower.axhline(0, color="0.6", lw=1)
    lower.set_ylabel(f"difference from\n{reference} [%]")
    log_mass_axis(lower.xaxis, r"$M_{500\rm c}$")
    return figure
