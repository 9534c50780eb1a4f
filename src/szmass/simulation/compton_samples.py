"""The stores of the Compton line: what they hold, and how they are opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from szmass.simulation.store import ArraySpec, MapStore, StoreSpec
from szmass.sky.grid import PixelGrid

CLEAN_TITLE = "simulated Compton-y cutouts of clusters"
PLANCK_TITLE = "simulated Compton-y cutouts of clusters with Planck's noise"
ORIGINALS_TITLE = "simulated Compton-y maps of clusters at full resolution"
PSZ2_TITLE = "Compton-y cutouts of the PSZ2 clusters"
NOISE_TITLE = "cutouts of Planck's noise at positions of clusters"
PARTITIONS = ("development", "test", "other_model")
SHARD_ROWS = 512
ORIGINALS_GRID = PixelGrid(1920, 5.0 / 60.0)


def clean_spec(maps: int, grid: PixelGrid, baryon_models: Sequence[str]) -> StoreSpec:
    """The contract of `data/compton/clean.zarr`.

    Args:
        maps: how many.
        grid: their pixels.
        baryon_models: names, in the order of params.yaml.
    """
    image, of_map = ("map", "y", "x"), ("map",)
    return StoreSpec(
        title=CLEAN_TITLE,
        sizes={"map": maps, "y": grid.pixels, "x": grid.pixels},
        shard_rows=SHARD_ROWS,
        arrays={
            "compton_y": ArraySpec(image, "float32", "1", "Compton y after the beam"),
            "m500c_msun": ArraySpec(of_map, "float64", "Msun", "true mass M500c"),
            "m200c_msun": ArraySpec(of_map, "float64", "Msun", "true mass M200c"),
            "redshift": ArraySpec(of_map, "float64", "1", "redshift"),
            "cluster": ArraySpec(of_map, "int32", "1", "number of the cluster"),
            "projection": ArraySpec(of_map, "int8", "1", "number of the line of sight"),
            "baryon_model": ArraySpec(
                of_map, "int8", "1", "model of the cluster's gas", flags(baryon_models)
            ),
            "theta500_arcmin": ArraySpec(of_map, "float64", "arcmin", "angle of R500c"),
            "y500_cyl_arcmin2": ArraySpec(
                of_map, "float64", "arcmin2", "y within theta500 on this line of sight, no beam"
            ),
            "partition": ArraySpec(of_map, "int8", "1", "what the map is for", flags(PARTITIONS)),
            "x": ArraySpec(("x",), "float64", "arcmin", "pixel centre from the cluster"),
            "y": ArraySpec(("y",), "float64", "arcmin", "pixel centre from the cluster"),
        },
    )


def planck_spec(maps: int, grid: PixelGrid, baryon_models: Sequence[str]) -> StoreSpec:
    """The contract of `data/compton/planck.zarr`; arguments as for `clean_spec`."""
    clean = clean_spec(maps, grid, baryon_models)
    of_noise = "row of the noise store whose cutout was added"
    arrays = {
        **clean.arrays,
        "compton_y": ArraySpec(
            ("map", "y", "x"), "float32", "1", "Compton y after the beam, and Planck's noise"
        ),
        "noise_row": ArraySpec(("map",), "int32", "1", of_noise),
    }
    return StoreSpec(PLANCK_TITLE, arrays, clean.sizes, clean.shard_rows)


def originals_spec(maps: int, grid: PixelGrid, baryon_models: Sequence[str]) -> StoreSpec:
    """The contract of `data/compton/originals.zarr`: as the clean maps, without the beam."""
    clean = clean_spec(maps, grid, baryon_models)
    image = ArraySpec(("map", "y", "x"), "float32", "1", "Compton y, no beam")
    return StoreSpec(ORIGINALS_TITLE, {**clean.arrays, "compton_y": image}, clean.sizes, 1)


def noise_spec(cutouts: int, grid: PixelGrid) -> StoreSpec:
    """The contract of `data/compton/noise.zarr`; its partitions share no realisation."""
    image, of_cutout = ("position", "y", "x"), ("position",)
    return StoreSpec(
        title=NOISE_TITLE,
        sizes={"position": cutouts, "y": grid.pixels, "x": grid.pixels},
        shard_rows=SHARD_ROWS,
        arrays={
            "noise_y": ArraySpec(image, "float32", "1", "noise of Planck's y-map"),
            "realisation": ArraySpec(of_cutout, "int8", "1", "number of the noise sky"),
            "partition": ArraySpec(
                of_cutout, "int8", "1", "maps that the noise is for", flags(PARTITIONS)
            ),
            "glon_deg": ArraySpec(of_cutout, "float64", "degrees", "galactic longitude"),
            "glat_deg": ArraySpec(of_cutout, "float64", "degrees", "galactic latitude"),
            "catalogue_row": ArraySpec(of_cutout, "int32", "1", "row of the PSZ2 catalogue"),
        },
    )


def psz2_spec(clusters: int, grid: PixelGrid) -> StoreSpec:
    """The contract of `data/compton/psz2.zarr`."""
    image, of_cluster = ("cluster", "y", "x"), ("cluster",)
    mass = "1e14 Msun"
    return StoreSpec(
        title=PSZ2_TITLE,
        sizes={"cluster": clusters, "y": grid.pixels, "x": grid.pixels},
        shard_rows=SHARD_ROWS,
        arrays={
            "compton_y": ArraySpec(image, "float32", "1", "Compton y of the map"),
            "compton_y_refilled": ArraySpec(
                image, "float32", "1", "Compton y, noise in place of point sources off the centre"
            ),
            "redshift": ArraySpec(of_cluster, "float64", "1", "redshift"),
            "msz_1e14_msun": ArraySpec(of_cluster, "float64", mass, "Planck's mass M500"),
            "msz_err_up_1e14_msun": ArraySpec(of_cluster, "float64", mass, "its upper error"),
            "msz_err_low_1e14_msun": ArraySpec(of_cluster, "float64", mass, "its lower error"),
            "m500c_true_msun": ArraySpec(
                of_cluster, "float64", "Msun", "true mass in a stand-in sky, else NaN"
            ),
            "glon_deg": ArraySpec(of_cluster, "float64", "degrees", "galactic longitude"),
            "glat_deg": ArraySpec(of_cluster, "float64", "degrees", "galactic latitude"),
            "golden": ArraySpec(of_cluster, "int8", "1", "1 in the golden sample"),
            "masked_fraction": ArraySpec(of_cluster, "float64", "1", "share of masked pixels"),
            "catalogue_row": ArraySpec(of_cluster, "int32", "1", "row of the PSZ2 catalogue"),
            "x": ArraySpec(("x",), "float64", "arcmin", "pixel centre from the cluster, to west"),
            "y": ArraySpec(("y",), "float64", "arcmin", "pixel centre from the cluster, to north"),
        },
    )


def flags(names: Sequence[str]) -> dict[str, object]:
    """The attributes that name the values of a flag."""
    return {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}


def open_clean_store(path: Path) -> MapStore:
    """Opens the clean maps for reading; see `MapStore` for what it refuses."""
    return MapStore(path, CLEAN_TITLE)


def open_planck_store(path: Path) -> MapStore:
    """Opens the maps with Planck's noise for reading; see `MapStore` for what it refuses."""
    return MapStore(path, PLANCK_TITLE)


def open_noise_store(path: Path) -> MapStore:
    """Opens the noise cutouts for reading; see `MapStore` for what it refuses."""
    return MapStore(path, NOISE_TITLE)


def open_originals_store(path: Path) -> MapStore:
    """Opens the maps at full resolution for reading; see `MapStore` for what it refuses."""
    return MapStore(path, ORIGINALS_TITLE)


def open_psz2_store(path: Path) -> MapStore:
    """Opens the cutouts for reading; see `MapStore` for what it refuses."""
    return MapStore(path, PSZ2_TITLE)


def partition_rows(
    store: MapStore, partition: str, edges: Sequence[float] | None = None
) -> np.ndarray:
    """Row numbers of one of `PARTITIONS`, ascending.

    Args:
        store: of clean maps, of maps with noise, or of originals.
        partition: one of `PARTITIONS`.
        edges: of a redshift bin, lo < z <= hi; all redshifts without.
    """
    wanted = store.read("partition") == PARTITIONS.index(partition)
    if edges is not None:
        redshift = store.read("redshift")
        wanted &= (redshift > edges[0]) & (redshift <= edges[1])
    return np.flatnonzero(wanted)


def row_of_each_cluster(store: MapStore, partitions: Sequence[str]) -> np.ndarray:
    """The first row of every cluster of some partitions, in the order of the clusters."""
    rows = np.concatenate([partition_rows(store, partition) for partition in partitions])
    _, first = np.unique(store.read("cluster", rows), return_index=True)
    return rows[first]


def baryon_model_names(store: MapStore) -> list[str]:
    """The names that the values of `baryon_model` stand for."""
    spec, _ = store.layout("baryon_model")
    return str(spec.attributes["flag_meanings"]).split()
