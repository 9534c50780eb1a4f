"""Measurements of the simulated y-maps that their expectations are about, one row a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from szmass.compton.checks.statistics import (
    ClusterStatistics,
    noise_error,
)
from szmass.compton.maps.clusters import CLUSTERS_OF_A_KIND, MOST_PER_DIGIT
from szmass.compton.maps.noise import NOISE_OF
from szmass.params import BaryonModel
from szmass.planck.stores import PARTITIONS, SHARD_ROWS
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import redshift_bin
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN
from szmass.validation.statistics import digests, names_of

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


def measure_maps(
    clean: MapStore,
    planck: MapStore,
    noise: tuple[np.ndarray, np.ndarray],
    *,
    bins: Mapping[str, Sequence[float]],
    mass_cuts_1e14: Mapping[str, float],
    baryon_models: Mapping[str, BaryonModel],
    cosmology: Cosmology,
    statistics: ClusterStatistics,
) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Measures every map.

    Args:
        clean: the clean maps.
        planck: those with noise.
        noise: the cutouts of noise `(n, pixels, pixels)`, and their partitions.
        bins: redshift bins by name.
        mass_cuts_1e14: lowest mass of each bin.
        baryon_models: by name, in the order of their flag.
        cosmology: of the clusters.
        statistics: of clean maps.

    Returns:
        One row a map; and for each `stack` of clean and of planck maps the sum of y / y500.
    """
    labels = {name: clean.read(name) for name in LABELS}
    rows = _label_columns(labels, bins, mass_cuts_1e14, baryon_models, cosmology)
    rows["labels_that_differ"] = sum(
        (planck.read(name) != values).astype(int) for name, values in labels.items()
    )
    noise_y, of_noise = noise
    noise_row = planck.read("noise_row")
    known = (noise_row >= 0) & (noise_row < len(of_noise))
    found = of_noise[np.where(known, noise_row, 0)]
    rows["noise_partition"] = names_of(PARTITIONS, np.where(known, found, -1))
    rows["noise_partition_asked"] = rows["partition"].map(NOISE_OF)
    numbers = [values for values in labels.values() if values.dtype.kind == "f"]
    wrong = np.sum([~((values > 0) & np.isfinite(values)) for values in numbers], axis=0)
    rows["unusable_values"] = wrong + ~known
    shards = [slice(start, start + SHARD_ROWS) for start in range(0, len(rows), SHARD_ROWS)]
    measure = partial(_measure_shard, clean, planck, noise_y, statistics, rows, noise_row)
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
    mass_cuts_1e14: Mapping[str, float],
    baryon_models: Mapping[str, BaryonModel],
    cosmology: Cosmology,
) -> pd.DataFrame:
    """Columns that follow from the labels of the maps alone."""
    redshift, mass = labels["redshift"], labels["m500c_msun"]
    positive = (mass > 0) & (redshift > 0) & np.isfinite(mass + redshift)
    # what the formulae cannot take is counted as unusable
    safe_mass, safe_z = np.where(positive, mass, MASS_UNIT_MSUN), np.where(positive, redshift, 1.0)
    index = redshift_bin(redshift, bins)
    number = labels["cluster"].astype(np.int64)
    asked = number // (CLUSTERS_OF_A_KIND * MOST_PER_DIGIT) % MOST_PER_DIGIT
    rows = pd.DataFrame(
        {
            "map": np.arange(len(mass)),
            "cluster": number,
            "projection": labels["projection"],
            "partition": names_of(PARTITIONS, labels["partition"]),
            "baryon_model": names_of(list(baryon_models), labels["baryon_model"]),
            "bin": names_of(list(bins), index),
            "bin_asked": names_of(list(bins), asked),
            "redshift": redshift,
            "m500c_1e14": mass / MASS_UNIT_MSUN,
            "theta500_arcmin": labels["theta500_arcmin"],
            "y500_cyl_arcmin2": labels["y500_cyl_arcmin2"],
        }
    )
    cuts = rows["bin"].map(dict(mass_cuts_1e14))
    rows["mass_over_cut"] = rows["m500c_1e14"] / cuts
    formula = cosmology.theta500_arcmin(safe_mass, safe_z)
    rows["theta500_over_formula"] = labels["theta500_arcmin"] / formula
    rows["m200c_over_formula"] = labels["m200c_msun"] / cosmology.m200c_msun(safe_mass, safe_z)
    expected = np.full(len(mass), np.nan)
    for number_of, model in enumerate(baryon_models.values()):
        of = labels["baryon_model"] == number_of
        relation = ScalingRelation.of(model)
        expected[of] = y_cyl_mpc2(safe_mass[of], safe_z[of], relation, cosmology)
    y_mpc2 = labels["y500_cyl_arcmin2"] * mpc2_per_arcmin2(safe_z, cosmology)
    rows["ln_y500_over_relation"] = np.log(np.where(y_mpc2 > 0, y_mpc2, np.nan) / expected)
    rows["ln_e_z"] = np.log(cosmology.e_z(safe_z))
    return rows


def _measure_shard(
    clean: MapStore,
    planck: MapStore,
    noise_y: np.ndarray,
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
    added = noise_y[noise_row[shard][usable]]
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
