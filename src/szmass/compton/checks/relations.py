"""Expectations of all simulated clusters together: the Y-M relation, and stacks of their maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from szmass.compton.checks.maps import FALSE_ALARM
from szmass.compton.maps.clusters import CLUSTERS_OF_A_KIND
from szmass.params import BaryonModel
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.units import MASS_UNIT_MSUN
from szmass.validation.expectations import CheckedTable, Expectation, every
from szmass.validation.statistics import linear_fit, sampling_error

SHIFT_OVER_MOMENT = 2.0
"""A point source behind the beam, moved by d, has a first moment of d / 2 times its zeroth."""
HALF_A_PIXEL = 0.5
RELATION_TERMS = ("normalisation", "slope", "evolution")

RELATION_MEANINGS = {
    "normalisation": "of D_A^2 y500 over the relation put in, without its scatter's mean",
    "slope": "d ln Y / d ln M500, fitted to all clusters of a baryon model",
    "evolution": "d ln Y / d ln E(z)",
    "scatter_ln_y": "of y500 about the relation: what two lines of sight have in common",
}
STACK_MEANINGS = {
    "peak_x_pixels": "brightest pixel of the mean of y / y500, from the map's centre; 0.5 is one "
    "of the middle four",
    "peak_y_pixels": "the same along y",
    "shift_x_arcmin": "mean position of the clusters, from first moments under the beam",
    "shift_y_arcmin": "the same along y",
}


def relations_table(maps: pd.DataFrame, baryon_models: Mapping[str, BaryonModel]) -> CheckedTable:
    """One row a baryon model: its Y-M relation, found again in the labels.

    With r = y500 / relation / exp(sigma^2 / 2), the mean of r is 1 at every mass and redshift,
    since a cluster's y500 is right in the mean over all directions; so a linear fit of r gives
    the departures from what was put in. Two lines of sight of a cluster depart from its mean
    independently, so the mean of r1 r2 is exp(sigma^2).

    Args:
        maps: of `measure_maps`.
        baryon_models: by name.
    """
    usable = maps[maps["unusable_values"] == 0]
    rows, expectations = [], []
    for name, model in baryon_models.items():
        members = usable[usable["baryon_model"] == name]
        ratio = np.exp(members["ln_y500_over_relation"] - model.sigma_lny**2 / 2.0)
        clusters = members.assign(ratio=ratio).groupby("cluster", sort=False)
        means = clusters[["ratio", "m500c_1e14", "ln_e_z"]].mean()
        if len(means) <= len(RELATION_TERMS):
            continue
        row: dict[str, object] = {"baryon_model": name}
        for term, found, asked, error in _terms(means, model):
            row[term] = found
            where = ("baryon_model", name)
            expectations.append(every(term, asked - error, asked + error, where=where))
        pairs = _pairs(clusters["ratio"])
        if len(pairs) > 1:
            row["scatter_ln_y"], expectation = _scatter(pairs, model, name)
            expectations.append(expectation)
        rows.append(row)
    table = pd.DataFrame(rows)
    return CheckedTable("relations", table, "baryon_model", expectations, RELATION_MEANINGS)


def _terms(means: pd.DataFrame, model: BaryonModel) -> Iterator[tuple[str, float, float, float]]:
    """Name, value found, value put in, and error of each term of the relation."""
    ln_mass = np.log(means["m500c_1e14"] * MASS_UNIT_MSUN / PIVOT_M500_MSUN).to_numpy()
    ln_e_z = means["ln_e_z"].to_numpy()
    centred = [ln_mass - ln_mass.mean(), ln_e_z - ln_e_z.mean()]
    design = np.stack([np.ones(len(means)), *centred], axis=1)
    found, errors = linear_fit(design, means["ratio"].to_numpy(), FALSE_ALARM)
    departure = np.array([found[0], *found[1:] / found[0]])
    put_in = np.array([0.0, model.alpha, 2.0 / 3.0])
    asked = [1.0, model.alpha, 2.0 / 3.0]
    yield from zip(RELATION_TERMS, departure + put_in, asked, errors / found[0], strict=True)


def _pairs(ratio: pd.api.typing.SeriesGroupBy) -> pd.DataFrame:
    """Of each cluster with more than one line of sight: mean of r, and of products of two r."""
    number, total = ratio.size(), ratio.sum()
    squares = ratio.apply(lambda values: float((values**2).sum()))
    several = number > 1
    product = (total**2 - squares) / (number * (number - 1)).where(several)
    return pd.DataFrame({"ratio": total / number, "product": product})[several]


def _scatter(pairs: pd.DataFrame, model: BaryonModel, name: str) -> tuple[float, Expectation]:
    """The scatter that lines of sight have in common, and its range about the one put in."""
    square = pairs["ratio"].mean() ** 2
    relative = pairs["product"].mean() / square
    influence = pairs["product"] / square - 2.0 * relative * pairs["ratio"] / np.sqrt(square)
    error = sampling_error(influence.to_numpy(), FALSE_ALARM)
    asked = np.exp(model.sigma_lny**2)
    low, found, high = (
        float(np.sqrt(np.log(max(value, 1.0))))
        for value in (asked - error, relative, asked + error)
    )
    return found, every("scatter_ln_y", low, high, where=("baryon_model", name))


def stacks_table(
    maps: pd.DataFrame, sums: Mapping[str, np.ndarray], grid: PixelGrid
) -> CheckedTable:
    """One row a stack of clean maps, or of maps with noise: where the clusters are.

    Args:
        maps: of `measure_maps`.
        sums: of `measure_maps`.
        grid: the pixels.
    """
    usable = maps[maps["unusable_values"] == 0]
    group = usable["partition"] + " " + usable["bin"]
    rows, expectations = [], []
    for stack, total in sums.items():
        kind, name = stack.split(" ", 1)
        members = usable[group == name]
        # clusters of other baryon models are the same ones with another gas
        twins = members.groupby(members["cluster"] % CLUSTERS_OF_A_KIND, sort=False)
        moments = twins[[f"{kind}_moment_{axis}" for axis in "0xy"]].mean().to_numpy()
        row, expected = stack_row(stack, total, moments, grid)
        rows.append(row)
        # noise moves the brightest pixel of a wide cluster further than its first moment
        expectations += [
            item for item in expected if kind == "clean" or item.column.startswith("shift")
        ]
    return CheckedTable("stacks", pd.DataFrame(rows), "stack", expectations, STACK_MEANINGS)


def stack_row(
    stack: str, total: np.ndarray, moments: np.ndarray, grid: PixelGrid
) -> tuple[dict[str, object], list[Expectation]]:
    """Where the clusters of one stack are, and where they may be.

    Args:
        stack: its name.
        total: sum of the maps, `(pixels, pixels)`.
        moments: `ClusterStatistics.moments` of independent clusters, `(n, 3)`.
        grid: the pixels.
    """
    peak = np.unravel_index(np.argmax(total), total.shape)[::-1]
    middle = (grid.pixels - 1) / 2.0
    row: dict[str, object] = {"stack": stack}
    expectations = []
    for axis, place, values in zip("xy", peak, moments.T[1:], strict=True):
        shift = SHIFT_OVER_MOMENT * values / moments[:, 0].mean()
        error = sampling_error(shift, FALSE_ALARM)
        row[f"peak_{axis}_pixels"] = float(place - middle)
        row[f"shift_{axis}_arcmin"] = float(shift.mean())
        beside = HALF_A_PIXEL + error / grid.pixel_arcmin
        where = ("stack", stack)
        expectations.append(every(f"peak_{axis}_pixels", -beside, beside, where=where))
        expectations.append(every(f"shift_{axis}_arcmin", -error, error, where=where))
    return row, expectations
