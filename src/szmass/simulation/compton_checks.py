"""What must hold of the simulated y-maps, clean and with Planck's noise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from szmass.params import BaryonModel, Compton
from szmass.simulation.checks import CheckedTable, Expectation, equal, every, mean, unique
from szmass.simulation.compton_clusters import cluster_number
from szmass.simulation.compton_samples import PARTITIONS, SHARD_ROWS
from szmass.simulation.compton_statistics import (
    ClusterStatistics,
    noise_error,
    sampling_error,
    theta500_arcmin,
)
from szmass.simulation.map_statistics import digests
from szmass.simulation.planck_noise import NOISE_OF
from szmass.simulation.store import MapStore
from szmass.sky.catalogue import redshift_bin
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.units import MASS_UNIT_MSUN

FALSE_ALARM = 1e-6
"""Probability that a faultless store fails an expectation that allows for chance; the bound of
single maps is this for all of them together."""
ROUNDING = 1e-6
"""Eight times the spacing of float32 numbers."""
MASS_CONVERSION_ERROR = 1e-4
"""Of `Cosmology.m200c_msun`, which interpolates."""
APERTURE_ERROR = 1e-3
"""Of y500 read off a map, by its pixels and its edge, where the beam hides nothing of it."""
THREADS = 2
LABELS = (
    "m500c_msun",
    "m200c_msun",
    "redshift",
    "cluster",
    "projection",
    "baryon_model",
    "theta500_arcmin",
    "y500_cyl_arcmin2",
    "partition",
)
OF_THE_CLUSTER = ("partition", "baryon_model", "m500c_1e14", "redshift", "theta500_arcmin")
NO_PARTITION = "none"

MAP_MEANINGS = {
    "unusable_values": "pixels and labels that are no number, or a mass, angle or y500 that is "
    "not positive; a map that has any is left out of all else",
    "labels_that_differ": "labels of the map with noise that are not those of the clean map",
    "map_digest": "digest of the bytes of the clean map",
    "planck_digest": "digest of the bytes of the map with noise",
    "bin": "redshift bin that the redshift lies in",
    "bin_asked": "redshift bin of the cluster's number",
    "mass_over_cut": "m500c over the lowest mass simulated in the bin",
    "theta500_over_formula": "theta500 over R500c / D_A of mass and redshift",
    "m200c_over_formula": "m200c over that of an NFW halo of the mean concentration",
    "ln_y500_over_relation": "ln of D_A^2 y500 over the Y-M relation of the baryon model",
    "lowest_over_highest": "lowest pixel of the clean map over its highest",
    "map_over_y500": "y500 read off the clean map behind its beam, over the label; missing where "
    "the disc does not lie well within the map",
    "distance_from_y500": "map_over_y500 - 1, its sign dropped, over the share of y500 within a "
    "resolution length of the edge of the disc",
    "noise_partition": "partition of the realisation of noise that was added",
    "noise_partition_asked": "development for development maps, test for all others",
    "noise_error": "largest difference of planck - clean from the noise that the map names, in "
    "the best of eight symmetries, over the largest pixel",
}
CLUSTER_MEANINGS = {
    "maps": "number of maps of the cluster",
    "asked": "number of lines of sight that compton asks for",
    "lines_of_sight": "number of different projections",
    "partitions": "number of different partitions of its maps",
    "labels": "number of different values of " + ", ".join(OF_THE_CLUSTER),
}
GROUP_MEANINGS = {
    "maps": "number of maps of a partition, redshift bin and baryon model",
    "asked": "number that compton asks for",
}


def measure_maps(
    clean: MapStore,
    planck: MapStore,
    noise: MapStore,
    *,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    statistics: ClusterStatistics,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Measures every map.

    Args:
        clean: the clean maps.
        planck: those with noise.
        noise: the cutouts of noise.
        bins: redshift bins by name.
        compton: names the cosmology.
        baryon_models: by name, in the order of their flag.
        statistics: of clean maps.

    Returns:
        One row a map; and for each `stack` of clean and of planck maps the sum of y / y500.
    """
    labels = {name: clean.read(name) for name in LABELS}
    rows = _label_columns(labels, bins, compton, baryon_models)
    rows["labels_that_differ"] = sum(
        (planck.read(name) != values).astype(int) for name, values in labels.items()
    )
    of_noise = noise.read("partition")
    noise_row = planck.read("noise_row")
    known = (noise_row >= 0) & (noise_row < len(of_noise))
    found = of_noise[np.where(known, noise_row, 0)]
    rows["noise_partition"] = np.where(known, names_of(PARTITIONS, found), NO_PARTITION)
    rows["noise_partition_asked"] = rows["partition"].map(NOISE_OF)
    wrong = np.sum([~(labels[name] > 0) for name in LABELS if labels[name].dtype.kind == "f"], 0)
    rows["unusable_values"] = wrong + ~known
    shards = [slice(start, start + SHARD_ROWS) for start in range(0, len(rows), SHARD_ROWS)]
    measure = partial(_measure_shard, clean, planck, noise, statistics, rows, noise_row)
    pieces: list[pd.DataFrame] = []
    sums: dict[str, np.ndarray] = {}
    # the last bits of a matrix product depend on its threads, and a verdict must not
    with threadpool_limits(1), ThreadPoolExecutor(THREADS) as pool:
        for piece, stacks in pool.map(measure, shards):
            pieces.append(piece)
            for name, stack in stacks.items():
                sums[name] = sums.get(name, 0.0) + stack
    measured = pd.concat(pieces)
    rows["unusable_values"] = measured.pop("unusable_values")
    return rows.join(measured), sums


def _label_columns(
    labels: Mapping[str, np.ndarray],
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
) -> pd.DataFrame:
    """What can be said of maps by their labels alone."""
    redshift, mass = labels["redshift"], labels["m500c_msun"]
    positive = (mass > 0) & (redshift > 0)
    # what the formulae cannot take is counted as unusable
    safe_mass, safe_z = np.where(positive, mass, MASS_UNIT_MSUN), np.where(positive, redshift, 1.0)
    cosmology = Cosmology(compton.cosmology, compton.concentration_model)
    names = [*bins, NO_PARTITION]
    index = redshift_bin(redshift, bins)
    number = labels["cluster"].astype(np.int64)
    asked = number // cluster_number(0, 0, 1, 0) // 10 % 10
    rows = pd.DataFrame(
        {
            "map": np.arange(len(mass)),
            "cluster": number,
            "projection": labels["projection"],
            "partition": names_of(PARTITIONS, labels["partition"]),
            "baryon_model": names_of(list(baryon_models), labels["baryon_model"]),
            "bin": names_of(names, index),
            "bin_asked": names_of(names, asked),
            "redshift": redshift,
            "m500c_1e14": mass / MASS_UNIT_MSUN,
            "theta500_arcmin": labels["theta500_arcmin"],
            "y500_cyl_arcmin2": labels["y500_cyl_arcmin2"],
        }
    )
    cuts = rows["bin"].map(dict(compton.mass_cuts_1e14))
    rows["mass_over_cut"] = rows["m500c_1e14"] / cuts
    formula = theta500_arcmin(safe_mass, safe_z, cosmology)
    rows["theta500_over_formula"] = labels["theta500_arcmin"] / formula
    rows["m200c_over_formula"] = labels["m200c_msun"] / cosmology.m200c_msun(safe_mass, safe_z)
    expected = np.full(len(mass), np.nan)
    for number_of, model in enumerate(baryon_models.values()):
        of = labels["baryon_model"] == number_of
        relation = ScalingRelation(model.alpha, model.log10_b)
        expected[of] = y_cyl_mpc2(safe_mass[of], safe_z[of], relation, cosmology)
    y_mpc2 = labels["y500_cyl_arcmin2"] * mpc2_per_arcmin2(safe_z, cosmology)
    rows["ln_y500_over_relation"] = np.log(np.where(y_mpc2 > 0, y_mpc2, np.nan) / expected)
    rows["ln_e_z"] = np.log(cosmology.e_z(safe_z))
    return rows


def _measure_shard(
    clean: MapStore,
    planck: MapStore,
    noise: MapStore,
    statistics: ClusterStatistics,
    rows: pd.DataFrame,
    noise_row: np.ndarray,
    shard: slice,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Columns of the maps of a shard; and the sums of y / y500 by stack."""
    part = rows.iloc[shard]
    images = {"clean": clean.read("compton_y", shard), "planck": planck.read("compton_y", shard)}
    bad = [np.count_nonzero(~np.isfinite(image), axis=(1, 2)) for image in images.values()]
    columns = pd.DataFrame(
        {
            "unusable_values": part["unusable_values"] + np.sum(bad, axis=0),
            "map_digest": digests(images["clean"]),
            "planck_digest": digests(images["planck"]),
        },
        index=part.index,
    )
    usable = np.flatnonzero(columns["unusable_values"] == 0)
    images = {name: image[usable] for name, image in images.items()}
    part = part.iloc[usable]
    y500 = part["y500_cyl_arcmin2"].to_numpy()
    maps = {"compton_y": images["clean"], "y500_cyl_arcmin2": y500}
    measured = statistics.measure(maps | {"theta500_arcmin": part["theta500_arcmin"].to_numpy()})
    wanted, inverse = np.unique(noise_row[shard][usable], return_inverse=True)
    added = noise.read("noise_y", wanted)[inverse]
    measured["noise_error"] = noise_error(images["planck"], images["clean"], added)
    stacks = {}
    for kind, image in images.items():
        scaled = image / y500[:, None, None]
        for name, moment in zip("0xy", statistics.moments(scaled).T, strict=True):
            measured[f"{kind}_moment_{name}"] = moment
        group = (part["partition"] + " " + part["bin"]).to_numpy()
        for name in dict.fromkeys(group):
            stacks[f"{kind} {name}"] = scaled[group == name].sum(axis=0, dtype=float)
    return columns.join(pd.DataFrame(measured, index=part.index)), stacks


def names_of(names: Sequence[str], index: np.ndarray) -> np.ndarray:
    """The name of each index; `unknown_5` for one that has none, the last for -1."""
    known = dict(enumerate(names)) | {-1: names[-1]}
    return np.array([known.get(i, f"unknown_{i}") for i in index.tolist()], dtype=object)


def maps_table(
    maps: pd.DataFrame, baryon_models: Mapping[str, BaryonModel], statistics: ClusterStatistics
) -> CheckedTable:
    """One row a map: what holds of each by itself, and of their means."""
    expectations = [
        every("unusable_values", 0, 0, where=None),
        every("labels_that_differ", 0, 0, where=None),
        unique("map_digest"),
        unique("planck_digest"),
        equal("bin", "bin_asked"),
        equal("noise_partition", "noise_partition_asked"),
        every("mass_over_cut", 1.0, np.inf, where=None),
        every("theta500_over_formula", 1.0 - ROUNDING, 1.0 + ROUNDING, where=None),
        every(
            "m200c_over_formula",
            1.0 - MASS_CONVERSION_ERROR,
            1.0 + MASS_CONVERSION_ERROR,
            where=None,
        ),
        every("lowest_over_highest", -ROUNDING, 1.0, where=None),
        every("distance_from_y500", 0.0, 1.0, where=None),
        every("noise_error", 0.0, ROUNDING, where=None),
        *_expectations_of_y500(maps, baryon_models, statistics),
    ]
    return CheckedTable("maps", maps, "map", expectations, MAP_MEANINGS)


def _expectations_of_y500(
    maps: pd.DataFrame, baryon_models: Mapping[str, BaryonModel], statistics: ClusterStatistics
) -> Iterator[Expectation]:
    """The scatter of y500 about the relation, map by map; y500 of the maps, in the mean."""
    sigmas = float(norm.isf(FALSE_ALARM / (2.0 * len(maps))))
    of_direction = np.log(statistics.all_over_y500())
    for name, model in baryon_models.items():
        if (maps["baryon_model"] == name).any():
            most = sigmas * model.sigma_lny + of_direction
            yield every("ln_y500_over_relation", -most, most, where=("baryon_model", name))
    for name, members in maps[maps["map_over_y500"].notna()].groupby("bin", sort=False):
        chance = sampling_error(members["map_over_y500"].to_numpy(), FALSE_ALARM)
        error = members["hidden_share"].mean() + APERTURE_ERROR + chance
        yield mean("map_over_y500", 1.0 - error, 1.0 + error, where=("bin", str(name)))


def clusters_table(maps: pd.DataFrame, compton: Compton) -> CheckedTable:
    """One row a cluster."""
    groups = maps.groupby("cluster", sort=False)
    rows = pd.DataFrame({"maps": groups.size()})
    first = groups["partition"].first()
    asked = dict.fromkeys(PARTITIONS, 1) | {"development": compton.development_projections}
    rows["asked"] = first.map(asked).fillna(0).astype(int)
    rows["lines_of_sight"] = groups["projection"].nunique()
    rows["partitions"] = groups["partition"].nunique()
    rows["labels"] = groups[list(OF_THE_CLUSTER)].nunique().max(axis=1)
    expectations = [
        equal("maps", "asked"),
        equal("lines_of_sight", "maps"),
        every("partitions", 1, 1, where=None),
        every("labels", 1, 1, where=None),
    ]
    rows = rows.reset_index()
    return CheckedTable("clusters", rows, "cluster", expectations, CLUSTER_MEANINGS)


def groups_table(
    maps: pd.DataFrame,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Sequence[str],
) -> CheckedTable:
    """One row a partition, redshift bin and baryon model, found or asked for."""
    names = maps["partition"] + " " + maps["bin"] + " " + maps["baryon_model"]
    found = names.value_counts(sort=False)
    asked = maps_asked(bins, compton, baryon_models)
    groups = [*asked, *sorted(set(found.index) - set(asked))]
    rows = pd.DataFrame(
        {
            "group": groups,
            "maps": [int(found.get(group, 0)) for group in groups],
            "asked": [asked.get(group, 0) for group in groups],
        }
    )
    return CheckedTable("groups", rows, "group", [equal("maps", "asked")], GROUP_MEANINGS)


def maps_asked(
    bins: Mapping[str, Sequence[float]], compton: Compton, baryon_models: Sequence[str]
) -> dict[str, int]:
    """How many maps there shall be of each partition, redshift bin and baryon model."""
    share, rest = divmod(compton.development_clusters, len(bins))
    asked = {}
    for index, name in enumerate(bins):
        clusters = share + (index < rest)
        asked[f"development {name} {compton.baryon_model}"] = (
            clusters * compton.development_projections
        )
        asked[f"test {name} {compton.baryon_model}"] = compton.test_clusters
        for model in baryon_models:
            if model != compton.baryon_model:
                asked[f"other_model {name} {model}"] = compton.other_model_clusters
    return {group: count for group, count in asked.items() if count}
