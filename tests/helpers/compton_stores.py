"""Small stores of the Compton line, of spherical clusters, and ensembles that were not trained."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import clean_spec, open_clean_store, originals_spec, planck_spec
from szmass.compton.masses.matched_filter import unit_images
from szmass.compton.network.cnn import cnn
from szmass.compton.network.ensemble import (
    ARCHITECTURE_FILE,
    ENSEMBLE_FILE,
    OUT_OF_FOLD_FILE,
    WEIGHTS_FILE,
)
from szmass.params import Params
from szmass.planck.stores import psz2_spec
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.sky.universal import UNIVERSAL_PRESSURE
from szmass.storage.store import StoreSpec, replacing, write_rows

BINS = {"z1": [0.0, 0.1], "z2": [0.1, 0.2]}
GRID = PixelGrid(32, 4.8)
FINE_GRID = PixelGrid(640, 0.25)
DEVELOPMENT, TEST, OTHER = 40, 60, 4
"""Clusters of each partition in a bin."""
MEMBERS = 2
SCATTER_LNY, NOISE_RMS = 0.11, 5e-7


def small(params: Params) -> Params:
    """The committed settings for these stores."""
    return replace(
        params,
        bins=BINS,
        compton=replace(
            params.compton,
            pixels=GRID.pixels,
            pixel_arcmin=GRID.pixel_arcmin,
            mass_cuts_1e14=dict.fromkeys(BINS, 1.0),
        ),
        cnn=replace(params.cnn, members=MEMBERS, m200_members=1),
        evaluation=replace(params.evaluation, bootstrap_draws=10),
    )


def list_labels() -> dict[str, np.ndarray]:
    """Labels of all maps in the order of the stores: partition, bin, cluster."""
    rng = np.random.default_rng(3)
    parts = []
    for partition, count in enumerate((DEVELOPMENT, TEST, OTHER)):
        for number, (low, high) in enumerate(BINS.values()):
            redshift = rng.uniform(low + 0.03, high, count)
            mass = 10 ** rng.uniform(14.2, 15.0, count)
            cluster = np.arange(count) + 1_000_000 * (10 * partition + number)
            flags = np.full(count, partition), np.full(count, number), cluster
            parts.append([redshift, mass, *flags])
    names = ("redshift", "m500c_msun", "partition", "bin", "cluster")
    return dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))


def write_stores(folder: Path, params: Params) -> dict[str, Path]:
    """Writes clean, planck, originals and psz2; returns their paths as params.yaml calls them."""
    labels = list_labels()
    del labels["bin"]
    cosmology = Cosmology.of(params.compton)
    model = params.baryon_models[params.compton.baryon_model]
    relation = ScalingRelation.of(model)
    mass, redshift = labels["m500c_msun"], labels["redshift"]
    rng = np.random.default_rng(4)
    y = y_cyl_mpc2(mass, redshift, relation, cosmology) / mpc2_per_arcmin2(redshift, cosmology)
    y *= np.exp(SCATTER_LNY * rng.standard_normal(len(mass)))
    theta = cosmology.theta500_arcmin(mass, redshift)
    images = unit_images(theta, GRID, params.compton.beam_fwhm_arcmin, UNIVERSAL_PRESSURE)
    labels |= {
        "m200c_msun": cosmology.m200c_msun(mass, redshift),
        "theta500_arcmin": theta,
        "y500_cyl_arcmin2": y,
        "compton_y": images * y[:, None, None],
        "x": GRID.axis_arcmin,
        "y": GRID.axis_arcmin,
    }
    names = list(params.baryon_models)
    noise = NOISE_RMS * rng.standard_normal(images.shape)
    paths = {key: folder / f"{key}.zarr" for key in ("clean_store", "planck_store")}
    noisy = labels | {"compton_y": labels["compton_y"] + noise}
    write_whole(paths["clean_store"], clean_spec(len(mass), GRID, names), labels)
    write_whole(paths["planck_store"], planck_spec(len(mass), GRID, names), noisy)
    return paths | {
        "originals_store": write_originals(folder, labels, names),
        "psz2_store": write_psz2(folder),
    }


def write_originals(folder: Path, labels: dict[str, np.ndarray], names: list[str]) -> Path:
    """Writes two maps at full resolution, Gaussians whose y500 is known."""
    path, maps = folder / "originals_store.zarr", 2
    few = {key: values[:maps] for key, values in labels.items() if key not in {"x", "y"}}
    theta, y500 = few["theta500_arcmin"][:, None, None], few["y500_cyl_arcmin2"][:, None, None]
    within = 2.0 * np.pi * theta**2 * (1.0 - np.exp(-0.5))
    few["compton_y"] = y500 / within * np.exp(-0.5 * (FINE_GRID.radius_arcmin / theta) ** 2)
    axes = {"x": FINE_GRID.axis_arcmin, "y": FINE_GRID.axis_arcmin}
    write_whole(path, originals_spec(maps, FINE_GRID, names), few | axes)
    return path


def write_psz2(folder: Path) -> Path:
    """Writes cutouts of twenty clusters, of which every second is golden."""
    path, count = folder / "psz2_store.zarr", 20
    rng = np.random.default_rng(6)
    arrays = {
        "compton_y": NOISE_RMS * rng.standard_normal((count, GRID.pixels, GRID.pixels)),
        "redshift": rng.uniform(0.02, 0.6, count),
        "msz_1e14_msun": rng.uniform(2, 9, count),
        "golden": np.arange(count) % 2,
    }
    write_whole(path, psz2_spec(count, GRID), arrays, sky="stand-in sky")
    return path


def write_whole(path: Path, spec: StoreSpec, arrays: dict[str, np.ndarray], **facts: str) -> None:
    """Writes a store, zeros where no array is given."""
    zeros = {
        name: np.zeros([spec.sizes[dim] for dim in of.dims], of.dtype)
        for name, of in spec.arrays.items()
    }
    with replacing(path, spec, facts) as unfinished:
        write_rows(unfinished, slice(None), zeros | arrays)


def write_ensembles(folder: Path, paths: dict[str, Path], params: Params) -> Path:
    """Writes ensembles of all bins: random networks, and masses out of fold that err by 0.07 dex.

    Returns:
        The folder of all.
    """
    rng = np.random.default_rng(5)
    network = cnn(GRID.pixels, params.cnn)
    store = open_clean_store(paths["clean_store"])
    for name, edges in BINS.items():
        rows = partition_rows(store, "development", edges)
        cluster = store.read("cluster", rows)
        for target in ("m500c", "m200c"):
            truth = np.log10(store.read(f"{target}_msun", rows))
            for data_set in ("clean", "planck"):
                count = MEMBERS if target == "m500c" else 1
                where = folder / name / data_set / target
                write_ensemble(where, network, cluster, truth, count=count, rng=rng)
    return folder


def write_ensemble(
    folder: Path,
    network: keras.Model,
    cluster: np.ndarray,
    log10_true: np.ndarray,
    *,
    count: int,
    rng: np.random.Generator,
) -> None:
    """Writes the files that a training leaves."""
    folder.mkdir(parents=True)
    (folder / ARCHITECTURE_FILE).write_text(network.to_json())
    scale = {"mean_y": 0.0, "std_y": 1e-6, "mean_log10_m": float(log10_true.mean())}
    tables = []
    for member in range(count):
        network.set_weights([0.05 * rng.standard_normal(w.shape) for w in network.get_weights()])
        network.save_weights(folder / WEIGHTS_FILE.format(member=member))
        predicted = log10_true + 0.07 * rng.standard_normal(len(log10_true))
        zero = np.zeros(len(cluster))
        tables.append(np.column_stack([zero + member, cluster, zero, log10_true, predicted]))
    np.savetxt(
        folder / OUT_OF_FOLD_FILE,
        np.concatenate(tables),
        delimiter=",",
        header="member,cluster,projection,log10_m_true,log10_m_pred",
        comments="",
    )
    members = [{"scale": scale, "max_abs_bias": 0.04 + 0.02 * member} for member in range(count)]
    facts = {"members": members, "selected": count - 1, "members_passing": 1}
    (folder / ENSEMBLE_FILE).write_text(json.dumps(facts))
