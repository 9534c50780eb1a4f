"""Ranges that theory expects of the maps of a microwave store, one by one and in sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from szmass.microwave.checks.statistics import MapStatistics, band_column
from szmass.params import MicrowaveSets
from szmass.sky.grid import centre_mean
from szmass.units import MASS_UNIT_MSUN
from szmass.validation.expectations import Expectation, every, mean, standard_deviation, unique
from szmass.validation.statistics import FALSE_ALARM

GAUSSIAN_SIGMAS = float(norm.isf(FALSE_ALARM / 2.0))
LABEL_ROUNDING = 1e-6
"""Eight times the spacing of float32 numbers: how far a label may be from the formula."""
MASS_DRAWN_SETS = ("scatter_test", "no_scatter_test")
"""Sets whose masses are drawn from a range, so that no two of their clusters are alike."""


def expectations_of_each_map(maps: int, statistics: MapStatistics) -> Iterator[Expectation]:
    """Expectations of each map by itself."""
    share = FALSE_ALARM / (2.0 * maps)
    sigmas = float(norm.isf(share))
    dof = statistics.used_modes
    largest = float(norm.isf(share / statistics.tests_per_map))
    yield every("unusable_values", 0, 0, where=None)
    yield unique("map_digest")
    yield unique("sky_digest")
    yield every("label_error", 0.0, LABEL_ROUNDING, where=None)
    yield every("chi2", chi2.ppf(share, dof), chi2.isf(share, dof), where=None)
    yield every("amplitude_deviation_sigma", -sigmas, sigmas, where=None)
    yield every("largest_difference_sigma", 0.0, largest, where=None)


def expectations_of_sets(
    maps: pd.DataFrame, statistics: MapStatistics, sets: MicrowaveSets
) -> Iterator[Expectation]:
    """Expectations of the maps of each set: labels, noise and band powers."""
    usable = maps[maps["unusable_values"] == 0]
    for name, count in usable["set"].value_counts(sort=False).items():
        where = ("set", str(name))
        if name in MASS_DRAWN_SETS:
            low, high = sets.scatter_range_1e14
            error = GAUSSIAN_SIGMAS * (high - low) / np.sqrt(12.0 * count)
            middle = (low + high) / 2.0
            yield every("m200c_1e14", low, high, where=where)
            yield mean("m200c_1e14", middle - error, middle + error, where=where)
        if name == "no_scatter_test":
            yield every("ln_amplitude", 0.0, 0.0, where=where)
        else:
            yield from _expectations_of_scatter(int(count), statistics.sky.ln_scatter, where)
        dof = statistics.used_modes * count
        sides = FALSE_ALARM / 2.0
        yield mean("chi2", chi2.ppf(sides, dof) / count, chi2.isf(sides, dof) / count, where=where)
        forms = {"difference_square_uk2": statistics.difference} | {
            band_column(band): form for band, form in statistics.bands.items()
        }
        for column, form in forms.items():
            yield mean(column, *form.range_of_mean(count, FALSE_ALARM), where=where)


def _expectations_of_scatter(
    count: int, ln_scatter: float, where: tuple[str, str]
) -> Iterator[Expectation]:
    """The scatter ln A is Gaussian of mean 0: its largest value, mean and standard deviation."""
    largest = ln_scatter * float(norm.isf(FALSE_ALARM / (2.0 * count)))
    error = ln_scatter * GAUSSIAN_SIGMAS / np.sqrt(count)
    yield every("ln_amplitude", -largest, largest, where=where)
    yield mean("ln_amplitude", -error, error, where=where)
    if count > 1:
        sides = np.array([FALSE_ALARM / 2.0, 1.0 - FALSE_ALARM / 2.0])
        low, high = ln_scatter * np.sqrt(chi2.ppf(sides, count - 1) / (count - 1))
        yield standard_deviation("ln_amplitude", low, high, where=where)


def expectations_of_clusters(
    maps: pd.DataFrame, statistics: MapStatistics, signals: Mapping[str, np.ndarray]
) -> Iterator[Expectation]:
    """Expectations of the maps of each mass: mean, mean square, central value, amplitude."""
    usable = maps[maps["unusable_values"] == 0]
    for clusters, members in usable.groupby("clusters", sort=False):
        where, count = ("clusters", str(clusters)), len(members)
        for column, label, variance in (
            ("temperature_mean_uk", "label_mean_uk", statistics.mean_variance_uk2),
            ("temperature_centre_uk", "label_centre_uk", statistics.centre_variance_uk2),
        ):
            expected = members[label].mean()
            error = GAUSSIAN_SIGMAS * np.sqrt(variance / count)
            yield mean(column, expected - error, expected + error, where=where)
        low, high = statistics.square.range_of_mean(count, FALSE_ALARM, signals[str(clusters)])
        yield mean("temperature_square_uk2", low, high, where=where)
        error = GAUSSIAN_SIGMAS * np.sqrt((members["amplitude_sigma"] ** 2).sum()) / count
        yield mean("amplitude", 1.0 - error, 1.0 + error, where=where)
        if members["set"].iloc[0] not in MASS_DRAWN_SETS:
            mass_msun = members["m200c_1e14"].iloc[:1].to_numpy() * MASS_UNIT_MSUN
            peak = float(centre_mean(statistics.sky.cluster_uk(mass_msun))[0])
            rounding = LABEL_ROUNDING * abs(peak)
            yield every("label_peak_uk", peak - rounding, peak + rounding, where=where)
