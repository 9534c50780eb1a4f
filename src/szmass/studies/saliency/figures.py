"""Supp. Figs. 9 and 10 of de Andres et al. 2022 (arXiv 2209.10333)."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Circle


def example_gradients(examples: Mapping[str, np.ndarray]) -> Figure:
    """Supp. Fig. 9: maps and gradients of well (left) and badly (right) predicted clusters.

    A circle marks R500. Each gradient is divided by its largest value.

    Args:
        examples: `compton_y` and `gradient` `(2 n, pixels, pixels)`, `theta500_arcmin`,
            `log10_true`, `log10_estimate` and `redshift` `(2 n,)`, the well predicted ones first;
            `half_side_arcmin` of the maps.
    """
    rows, half = len(examples["redshift"]) // 2, float(examples["half_side_arcmin"])
    figure, grid = plt.subplots(
        max(rows, 1), 4, figsize=(11, 2.8 * max(rows, 1)), layout="constrained", squeeze=False
    )
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    for number in range(2 * rows):
        row, kind = number % rows, number // rows
        left, right = grid[row, 2 * kind : 2 * kind + 2]
        extent = (-half, half, -half, half)
        gradient = examples["gradient"][number]
        left.imshow(examples["compton_y"][number] * 1e6, origin="lower", extent=extent)
        right.imshow(gradient / gradient.max(), origin="lower", extent=extent, cmap="magma")
        for axes in (left, right):
            radius = examples["theta500_arcmin"][number]
            axes.add_patch(Circle((0, 0), radius, fill=False, color="lime"))
        true, estimate, redshift = (
            examples[name][number] for name in ("log10_true", "log10_estimate", "redshift")
        )
        kinds = ("well predicted", "badly predicted")
        left.set_title(f"{kinds[kind]}: {true:.2f}, {estimate:.2f}, z {redshift:.2f}", fontsize=8)
        right.set_title("gradient", fontsize=8)
    figure.suptitle("log10 M_true, log10 M_CNN, redshift; circle: R500", fontsize=9)
    return figure


def stacked_profiles(
    profiles: Mapping[str, pd.DataFrame], range_r500: tuple[float, float]
) -> Figure:
    """Supp. Fig. 10: density of the gradient over the radius, stacked, a panel a redshift bin.

    Args:
        profiles: by bin, a row an annulus: `inner_r500`, `outer_r500`, and the percentiles
            `gradient_p16`, `_p50`, `_p84` and `even_p50`, what a gradient alike in all pixels has.
        range_r500: shaded.
    """
    figure, grid = plt.subplots(
        1, len(profiles), figsize=(3.3 * len(profiles), 3.6), layout="constrained", squeeze=False
    )
    for axes, (label, profile) in zip(grid[0], profiles.items(), strict=True):
        middle = (profile["inner_r500"] + profile["outer_r500"]) / 2.0
        axes.axvspan(*range_r500, color="0.92")
        axes.plot(middle, profile["gradient_p50"], "ko", ms=4, label="median")
        for percentile in (16, 84):
            label_of_line = "16th, 84th percentile" if percentile == 16 else None
            axes.plot(
                middle,
                profile[f"gradient_p{percentile}"],
                "--",
                color="tab:red",
                label=label_of_line,
            )
        axes.plot(middle, profile["even_p50"], ":", color="0.4", label="the same in all pixels")
        axes.set(xlabel="r / R500", title=label, ylim=(0, None))
    grid[0, 0].set_ylabel("density of the gradient [1 / R500]")
    grid[0, 0].legend(fontsize=7)
    return figure
