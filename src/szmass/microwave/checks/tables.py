"""The tables, with their expectations, by which a microwave store is validated."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from szmass.microwave.checks.expectations import (
    MASS_DRAWN_SETS,
    expectations_of_clusters,
    expectations_of_each_map,
    expectations_of_sets,
)
from szmass.microwave.checks.statistics import MapStatistics, band_column
from szmass.microwave.maps.samples import SETS, SHARD_ROWS, store_spec
from szmass.params import MicrowaveSets
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore, StoreSpec
from szmass.units import MASS_UNIT_MSUN
from szmass.validation.expectations import CheckedTable, equal, increasing
from szmass.validation.layout import is_as_asked, layout_table
from szmass.validation.statistics import digests

THREADS = 2
"""How many shards are measured at a time."""
MEASURED_ARRAYS = ("temperature_uk", "sz_uk", "m200c_msun", "ln_amplitude")

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
    grid = statistics.sky.grid
    arrays = layout_table("arrays", store, _spec(store, grid), grid)
    if not is_as_asked(arrays):
        return [arrays]
    maps, signals = _measure(store, statistics)
    expectations = [
        *expectations_of_each_map(len(maps), statistics),
        *expectations_of_sets(maps, statistics, sets),
        *expectations_of_clusters(maps, statistics, signals),
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


def _spec(store: MapStore, grid: PixelGrid) -> StoreSpec:
    """The contract of a store of as many maps as this one."""
    shape = store.layout("set")[1] if "set" in store.names else ()
    return store_spec(shape[0] if shape else 0, grid)


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
