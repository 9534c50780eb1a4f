"""The hydrodynamical test's maps: the store that holds them, and how a shard is made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from szmass.microwave.hydro.clusters import HydroCluster, SzImages
from szmass.microwave.maps.samples import SETS, store_spec
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.sky.grid import PixelGrid
from szmass.storage.store import ArraySpec, MapStore, StoreSpec, write_rows
from szmass.streams import HYDRO_SKIES

TITLE = "simulated 150 GHz cutouts of clusters like those of a hydrodynamical simulation"
SHARD_CLUSTERS = 10


def hydro_spec(clusters: int, realisations: int, grid: PixelGrid) -> StoreSpec:
    """The contract of `data/hydro.zarr`: the arrays of the microwave store, and which cluster.

    Rows are ordered by cluster, then by realisation of the sky.
    """
    microwave = store_spec(clusters * realisations, grid)
    sample = ("sample",)
    own = "y within R500 on this line of sight, no beam"
    more = {
        "cluster": ArraySpec(sample, "int32", "1", "number of the cluster"),
        "realisation": ArraySpec(sample, "int32", "1", "number of the sky over this cluster"),
        "redshift": ArraySpec(sample, "float64", "1", "redshift of the cluster"),
        "m500c_msun": ArraySpec(sample, "float64", "Msun", "true mass M500c"),
        "y500_cyl_arcmin2": ArraySpec(sample, "float64", "arcmin2", f"the cluster's own {own}"),
        "y500_light_cone_arcmin2": ArraySpec(
            sample, "float64", "arcmin2", f"the cluster's and unrelated haloes' {own}"
        ),
    }
    return StoreSpec(
        title=TITLE,
        arrays={**microwave.arrays, **more},
        sizes=microwave.sizes,
        shard_rows=SHARD_CLUSTERS * realisations,
    )


def write_labels(
    path: Path, clusters: Sequence[HydroCluster], realisations: int, images: SzImages
) -> None:
    """Writes what is known before any map is simulated."""
    own, light_cone = np.array([cluster.y500_arcmin2(images.tables) for cluster in clusters]).T
    by_cluster = {
        "cluster": np.arange(len(clusters), dtype=np.int32),
        "m200c_msun": np.array([cluster.m200c_msun for cluster in clusters]),
        "m500c_msun": np.array([cluster.m500c_msun for cluster in clusters]),
        "redshift": np.array([cluster.redshift for cluster in clusters]),
        "y500_cyl_arcmin2": own,
        "y500_light_cone_arcmin2": light_cone,
        "ln_amplitude": np.zeros(len(clusters), dtype=np.float32),
        "set": np.full(len(clusters), SETS.index("test"), dtype=np.int8),
    }
    labels = {name: np.repeat(values, realisations) for name, values in by_cluster.items()}
    labels["realisation"] = np.tile(np.arange(realisations, dtype=np.int32), len(clusters))
    axis = images.grid.axis_arcmin
    write_rows(path, slice(None), labels | {"x": axis, "y": axis})


Part = tuple[slice, Sequence[HydroCluster]]
"""The rows of a shard, and the clusters of these."""


def parts_of(spec: StoreSpec, clusters: Sequence[HydroCluster], realisations: int) -> list[Part]:
    """The tasks that fill a store, one a shard, which holds whole clusters."""
    return [
        (rows, clusters[rows.start // realisations : rows.stop // realisations])
        for rows in spec.shards()
    ]


def simulate_shard(
    part: Part, *, path: Path, seed: int, realisations: int, images: SzImages, sky: MicrowaveSky
) -> None:
    """Simulates and writes the maps of one shard.

    A sky is seeded by (seed, stream, cluster, realisation). The label image is the cluster's own
    signal; the map has the haloes' too.
    """
    rows, clusters = part
    numbers = range(rows.start // realisations, rows.stop // realisations)
    own = np.array([images(cluster.own) for cluster in clusters])
    haloes = np.array([images(cluster.haloes) for cluster in clusters])
    own_uk, all_uk = (
        np.repeat(image.astype(np.float32), realisations, axis=0) for image in (own, own + haloes)
    )
    rngs = [
        np.random.default_rng((seed, HYDRO_SKIES, number, realisation))
        for number in numbers
        for realisation in range(realisations)
    ]
    write_rows(path, rows, {"sz_uk": own_uk, "temperature_uk": sky.observe(all_uk, rngs)})


def open_hydro_store(path: Path) -> MapStore:
    """Opens a store of these maps for reading; see `MapStore` for what it refuses."""
    return MapStore(path, TITLE)
