"""Small stores of y-maps, blobs whose brightness follows their mass, for tests of the CNN."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.compton.maps.stores import clean_spec, planck_spec
from szmass.planck.stores import PARTITIONS
from szmass.sky.grid import PixelGrid
from szmass.storage.store import StoreSpec, replacing, write_rows

GRID = PixelGrid(24, 6.8)
CLUSTERS, PROJECTIONS = 40, 2
EDGES = [0.2, 0.4]
NOISE_Y = 1e-6


def store_paths(folder: Path) -> dict[str, Path]:
    """Where the stores of a folder lie, by their names in params.yaml."""
    return {"clean_store": folder / "clean.zarr", "planck_store": folder / "planck.zarr"}


def write_stores(folder: Path) -> dict[str, Path]:
    """Writes clean and noisy maps: development clusters in and out of `EDGES`, then test ones."""
    rng = np.random.default_rng(8)
    count = 4 * CLUSTERS
    partition = np.repeat([PARTITIONS.index(name) for name in ("development", "test")], count // 2)
    redshift = np.tile(np.repeat([0.1, 0.3], CLUSTERS), 2)
    mass = 10.0 ** rng.uniform(14.4, 15.1, count)
    labels = {
        "partition": np.repeat(partition, PROJECTIONS),
        "redshift": np.repeat(redshift, PROJECTIONS),
        "cluster": np.repeat(np.arange(count), PROJECTIONS),
        "projection": np.tile(np.arange(PROJECTIONS), count),
        "m500c_msun": np.repeat(mass, PROJECTIONS),
        "m200c_msun": np.repeat(1.5 * mass, PROJECTIONS),
    }
    blob = np.exp(-0.5 * (GRID.radius_arcmin / 12.0) ** 2)
    brightness = 2e-5 * (labels["m500c_msun"] / 6e14) ** (5.0 / 3.0)
    maps = (brightness[:, None, None] * blob).astype(np.float32)
    noise = NOISE_Y * rng.standard_normal(maps.shape).astype(np.float32)
    rows = len(maps)
    paths = store_paths(folder)
    _write(paths["clean_store"], clean_spec(rows, GRID, ["gadget_x"]), labels, maps)
    _write(paths["planck_store"], planck_spec(rows, GRID, ["gadget_x"]), labels, maps + noise)
    return paths


def _write(path: Path, spec: StoreSpec, labels: dict[str, np.ndarray], maps: np.ndarray) -> None:
    zeros = {
        name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
        for name, array in spec.arrays.items()
    }
    with replacing(path, spec, {}) as unfinished:
        write_rows(unfinished, slice(None), zeros | labels | {"compton_y": maps})
