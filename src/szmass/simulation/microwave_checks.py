"""What must hold of a microwave store, with ranges that follow from theory and map counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm
from threadpoolctl import threadpool_limits

from szmass.params import MicrowaveSets
from szmass.simulation.checks import (
    CheckedTable,
    Expectation,
    equal,
    every,
    increasing,
    mean,
    standard_deviation,
    unique,
)
from szmass.simulation.map_statistics import (
    MapStatistics,
    band_column,
    centre_mean,
    digests,
)
from szmass.simulation.samples import SETS, SHARD_ROWS, store_spec
from szmass.simulation.store import ArraySpec, MapStore
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

FALSE_ALARM = 1e-6
"""Probability that a faultless store fails an expectation, as for 4.9 sigma of a Gaussian; the
bound of single maps is this for all of them together. With 200 expectations one store in 5000 is
refused wrongly."""
GAUSSIAN_SIGMAS = float(norm.isf(FALSE_ALARM / 2.0))
LABEL_ROUNDING = 1e-6
"""Eight times the spacing of float32 numbers: how far a label may be from the formula."""
THREADS = 2
"""How many shards are measured at a time."""
AXIS_ROUNDING_ARCMIN = 1e-9
MASS_DRAWN_SETS = ("scatter_test", "no_scatter_test")
"""Sets whose masses are drawn from a range, so that no two of their clusters are alike."""
MEASURED_ARRAYS = ("temperature_uk", "sz_uk", "m200c_msun", "ln_amplitude")

ARRAY_MEANINGS = {
    "layout": "type, dimensions, units and flags of an array of the store",
    "axis_error_arcmin": "largest difference of an axis from the pixel centres",
}
GROUP_MEANINGS = {
    "maps": "number of maps of a set and mass",
    "asked": "number that microwave_sets asks for",
}
MASS_MEANINGS = {
    "peak_strength_uk": "central value of the label images without scatter, its sign dropped",
}
MAP_MEANINGS = {
    "unusable_values": "pixels and labels that are no number, a mass that no cluster has, or an "
    "empty label image; a map that has any is left out of all else",
    "map_digest": "digest of the bytes of temperature_uk",
    "sky_digest": "digest of the sky without the cluster, from its largest modes",
    "m200c_1e14": "mass label in 1e14 Msun",
    "ln_amplitude": "ln of the scatter's factor",
    "label_error": "largest difference of sz_uk from exp(ln_amplitude) times the model image of "
    "m200c, relative to the image's peak",
    "label_peak_uk": "mean of the four middle pixels of sz_uk / exp(ln_amplitude)",
    "chi2": "r^T C^-1 r of the residual r = temperature - taper * sz_uk, C its covariance",
    "amplitude": "weight of sz_uk in the map by the matched filter; 1 is expected",
    "amplitude_deviation_sigma": "amplitude's distance from 1 over its error",
    "largest_difference_sigma": "largest 2 x 2 pixel difference of the residual over its sigma",
    "temperature_mean_uk": "mean of the map",
    "temperature_square_uk2": "mean square of the map",
    "temperature_centre_uk": "mean of the four middle pixels",
    "difference_square_uk2": "mean square of the 2 x 2 pixel differences of the residual, which "
    "white noise dominates",
}


def microwave_tables(
    store: MapStore, sets: MicrowaveSets, statistics: MapStatistics
) -> list[CheckedTable]:
    """The tables that a microwave store is judged by.

    Args:
        store: the store.
        sets: which maps it shall hold.
        statistics: of the sky that its maps shall show.

    Returns:
        One row an array of the store; and, where these are as contracted, one row a set and
        mass, one a mass, and one a map.
    """
    arrays = _arrays_table(store, statistics.sky.grid)
    if (arrays.rows["layout"] != arrays.rows["asked"]).any():
        return [arrays]
    maps, signals = _measure(store, statistics)
    expectations = [
        *_expectations_of_each_map(len(maps), statistics),
        *_expectations_of_sets(maps, statistics, sets),
        *_expectations_of_clusters(maps, statistics, signals),
    ]
    bands = {
        band_column(band): f"mean power of the residual's unitary Fourier modes, {band[0]} <= |k| "
        f"< {band[1]} per map side"
        for band in statistics.bands
    }
    return [
        arrays,
        _groups_table(maps, sets),
        _masses_table(maps),
        CheckedTable("maps", maps, "map", expectations, MAP_MEANINGS | bands),
    ]


def _arrays_table(store: MapStore, grid: PixelGrid) -> CheckedTable:
    """One row an array, found or asked for."""
    found = {name: store.layout(name) for name in store.names}
    samples = found["set"][1][0] if "set" in found and found["set"][1] else 0
    spec = store_spec(samples, grid)
    asked = {
        name: _layout_text(array, tuple(spec.sizes[dim] for dim in array.dims))
        for name, array in spec.arrays.items()
    }
    rows = pd.DataFrame({"array": sorted(found.keys() | asked.keys())})
    rows["layout"] = [
        _layout_text(*found[name]) if name in found else "missing" for name in rows["array"]
    ]
    rows["asked"] = [asked.get(name, "no such array") for name in rows["array"]]
    rows["axis_error_arcmin"] = [
        float(np.abs(store.read(name) - grid.axis_arcmin).max())
        if name in ("x", "y") and layout == wanted
        else np.nan
        for name, layout, wanted in zip(rows["array"], rows["layout"], rows["asked"], strict=True)
    ]
    expectations = [
        equal("layout", "asked"),
        every("axis_error_arcmin", 0.0, AXIS_ROUNDING_ARCMIN, where=None),
    ]
    return CheckedTable("arrays", rows, "array", expectations, ARRAY_MEANINGS)


def _layout_text(array: ArraySpec, shape: tuple[int, ...]) -> str:
    names = array.dims or ("?",) * len(shape)
    dims = ", ".join(f"{dim} {length}" for dim, length in zip(names, shape, strict=True))
    flags = f" {json.dumps(dict(array.attributes), sort_keys=True)}" if array.attributes else ""
    return f"{array.dtype} ({dims}) in {array.units}{flags}"


def _measure(
    store: MapStore, statistics: MapStatistics
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """One row a map; and the mean signal in each mode (see `MapStatistics`) by clusters."""
    samples = len(store.read("set"))
    shards = [slice(start, start + SHARD_ROWS) for start in range(0, samples, SHARD_ROWS)]
    pieces: list[pd.DataFrame] = []
    sums: dict[str, np.ndarray] = {}
    # the last bits of a matrix product depend on its threads, and a verdict must not
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        for piece, signals in pool.map(partial(_measure_rows, store, statistics), shards):
            pieces.append(piece)
            for clusters, signal in signals.items():
                sums[clusters] = sums.get(clusters, 0.0) + signal
    maps = pd.concat(pieces, ignore_index=True)
    counts = maps.loc[maps["unusable_values"] == 0, "clusters"].value_counts()
    return maps, {clusters: total / counts[clusters] for clusters, total in sums.items()}


def _measure_rows(
    store: MapStore, statistics: MapStatistics, rows: slice
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """One row a map of a part of the store; and the sum of their signals by clusters."""
    maps = {name: store.read(name, rows) for name in MEASURED_ARRAYS}
    set_names = dict(enumerate(SETS))
    sets = [set_names.get(index, f"unknown_{index}") for index in store.read("set", rows).tolist()]
    table = pd.DataFrame({"map": rows.start + np.arange(len(sets)), "set": sets})
    table["m200c_1e14"] = maps["m200c_msun"] / MASS_UNIT_MSUN
    table["ln_amplitude"] = maps["ln_amplitude"].astype(float)
    drawn = table["set"].isin(MASS_DRAWN_SETS)
    mass = table["m200c_1e14"].map("{:g}e14".format)
    table["group"] = table["set"].where(drawn, table["set"] + " " + mass)
    table["clusters"] = "of " + table["set"].where(drawn, mass)
    table["unusable_values"] = statistics.unusable_values(maps)
    table["map_digest"] = digests(maps["temperature_uk"])
    usable = np.flatnonzero(table["unusable_values"] == 0)
    columns, signal = statistics.measure({name: values[usable] for name, values in maps.items()})
    clusters = table["clusters"].to_numpy()[usable]
    signals = {name: signal[clusters == name].sum(axis=0) for name in dict.fromkeys(clusters)}
    return table.join(pd.DataFrame(columns, index=usable)), signals


def _expectations_of_each_map(maps: int, statistics: MapStatistics) -> Iterator[Expectation]:
    """What holds of every map by itself."""
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


def _expectations_of_sets(
    maps: pd.DataFrame, statistics: MapStatistics, sets: MicrowaveSets
) -> Iterator[Expectation]:
    """What holds of the maps of each set: labels, noise and band powers."""
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


def _expectations_of_clusters(
    maps: pd.DataFrame, statistics: MapStatistics, signals: Mapping[str, np.ndarray]
) -> Iterator[Expectation]:
    """What holds of the maps of each mass: mean, mean square, central value, amplitude."""
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


def _groups_table(maps: pd.DataFrame, sets: MicrowaveSets) -> CheckedTable:
    """One row a set and mass, found or asked for."""
    asked = maps_asked(sets)
    found = maps["group"].value_counts(sort=False)
    groups = [*asked, *sorted(set(found.index) - set(asked))]
    rows = pd.DataFrame(
        {
            "group": groups,
            "maps": [int(found.get(group, 0)) for group in groups],
            "asked": [asked.get(group, 0) for group in groups],
        }
    )
    return CheckedTable("groups", rows, "group", [equal("maps", "asked")], GROUP_MEANINGS)


def maps_asked(sets: MicrowaveSets) -> dict[str, int]:
    """How many maps each set shall have of each mass, without those of which there are none."""
    training, other = sets.training_masses_1e14, sets.other_masses_1e14
    by_mass = {
        "train": (training, sets.train_maps),
        "validation": (training, sets.validation_maps),
        "test": (sorted(training + other), sets.test_maps),
        "spare": (other, sets.spare_maps),
    }
    asked = {
        f"{name} {mass:g}e14": count
        for name, (masses, count) in by_mass.items()
        for mass in masses
        if count
    }
    return asked | dict.fromkeys(MASS_DRAWN_SETS, sets.scatter_maps)


def _masses_table(maps: pd.DataFrame) -> CheckedTable:
    """One row a mass, ascending."""
    usable = maps[(maps["unusable_values"] == 0) & ~maps["set"].isin(MASS_DRAWN_SETS)]
    peaks_uk = usable.groupby("m200c_1e14")["label_peak_uk"].mean()
    rows = pd.DataFrame(
        {"m200c_1e14": peaks_uk.index.to_numpy(), "peak_strength_uk": peaks_uk.abs().to_numpy()}
    )
    expectations = [increasing("peak_strength_uk")]
    return CheckedTable("masses", rows, "m200c_1e14", expectations, MASS_MEANINGS)
