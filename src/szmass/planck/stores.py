"""The stores of Planck's noise and of the observed clusters: their arrays, and how to open them."""

from __future__ import annotations

from pathlib import Path

from szmass.sky.grid import PixelGrid
from szmass.storage.store import ArraySpec, MapStore, StoreSpec, flags

PSZ2_TITLE = "Compton-y cutouts of the PSZ2 clusters"


NOISE_TITLE = "cutouts of Planck's noise at positions of clusters"


PARTITIONS = ("development", "test", "other_model")


SHARD_ROWS = 512


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


def open_noise_store(path: Path) -> MapStore:
    """Opens the noise cutouts for reading; see `MapStore` for what it refuses."""
    return MapStore(path, NOISE_TITLE)


def open_psz2_store(path: Path) -> MapStore:
    """Opens the cutouts for reading; see `MapStore` for what it refuses."""
    return MapStore(path, PSZ2_TITLE)
