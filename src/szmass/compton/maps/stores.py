"""The stores of simulated y-maps: their arrays, and how to open them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from szmass.planck.stores import PARTITIONS, SHARD_ROWS
from szmass.sky.grid import PixelGrid
from szmass.storage.store import ArraySpec, MapStore, StoreSpec, flags

CLEAN_TITLE = "simulated Compton-y cutouts of clusters"
PLANCK_TITLE = "simulated Compton-y cutouts of clusters with Planck's noise"
ORIGINALS_TITLE = "simulated Compton-y maps of clusters at full resolution"
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


def open_clean_store(path: Path) -> MapStore:
    """Opens the clean maps for reading; see `MapStore` for what it refuses."""
    return MapStore(path, CLEAN_TITLE)


def open_planck_store(path: Path) -> MapStore:
    """Opens the maps with Planck's noise for reading; see `MapStore` for what it refuses."""
    return MapStore(path, PLANCK_TITLE)


def open_originals_store(path: Path) -> MapStore:
    """Opens the maps at full resolution for reading; see `MapStore` for what it refuses."""
    return MapStore(path, ORIGINALS_TITLE)


def baryon_model_names(store: MapStore) -> list[str]:
    """The names that the values of `baryon_model` stand for."""
    spec, _ = store.layout("baryon_model")
    return str(spec.attributes["flag_meanings"]).split()
