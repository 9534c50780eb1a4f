"""The store of a user's own simulated clusters, which `szmass import-maps` writes.

A y-map of a cluster is kept in units of R500 with a Y of 1 within R500, beside what was measured of
it: its angle of R500 and its Y.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np

from szmass.params import BaryonModel
from szmass.sky.clusters.in_r500 import PIXELS
from szmass.sky.cosmology import Cosmology
from szmass.sky.measured_relation import MeasuredRelation
from szmass.storage.store import ArraySpec, MapStore, StoreError, StoreSpec, flags

TITLE = "clusters of a simulation, in units of R500"
PARTITIONS = ("training", "validation", "test")
SHARD_ROWS = 64
SAME_THETA500 = 1e-6
"""By how much theta500 of a store may differ from that of the cosmology in use."""


def imported_spec(maps: int) -> StoreSpec:
    """The contract of the store."""
    one = ("map",)
    return StoreSpec(
        title=TITLE,
        sizes={"map": maps, "y": PIXELS, "x": PIXELS},
        shard_rows=SHARD_ROWS,
        arrays={
            "shape": ArraySpec(("map", "y", "x"), "float32", "1", "y in units of Y and R500"),
            "m500c_msun": ArraySpec(one, "float64", "Msun", "mass M500c"),
            "redshift": ArraySpec(one, "float64", "1", "redshift"),
            "theta500_arcmin": ArraySpec(one, "float64", "arcmin", "angle of R500c"),
            "y500_cyl_arcmin2": ArraySpec(one, "float64", "arcmin2", "Y within R500 on the sky"),
            "cluster": ArraySpec(one, "int32", "1", "number of the cluster"),
            "partition": ArraySpec(one, "int8", "1", "what it is for", flags(PARTITIONS)),
        },
    )


@dataclass(frozen=True)
class ImportedClusters:
    """What is known of the clusters of a store, one value a map."""

    path: Path
    """Absolute."""
    m500c_msun: np.ndarray
    redshift: np.ndarray
    theta500_arcmin: np.ndarray
    y500_cyl_arcmin2: np.ndarray
    cluster: np.ndarray
    partition: np.ndarray
    """Index into `PARTITIONS`."""

    @classmethod
    def read(cls, path: Path, cosmology: Cosmology) -> Self:
        """Reads all but the images.

        Args:
            path: the store.
            cosmology: of R500.

        Raises:
            StoreError: as `MapStore` does, or another cosmology measured R500 and Y within it.
        """
        store = MapStore(path, TITLE)
        labels = {name: store.read(name) for name in store.names if name != "shape"}
        clusters = cls(path.absolute(), **labels)
        theta500 = cosmology.theta500_arcmin(clusters.m500c_msun, clusters.redshift)
        differs = np.abs(clusters.theta500_arcmin / theta500 - 1.0) > SAME_THETA500
        if differs.any():
            row = int(np.argmax(differs))
            raise StoreError(
                f"{path}: theta500_arcmin = {clusters.theta500_arcmin[row]:.6g} in row {row}: "
                f"expected {theta500[row]:.6g}, that of {cosmology.name}; import the maps again"
            )
        return clusters

    def relation(self, cosmology: Cosmology) -> MeasuredRelation:
        """The relation of those that are not for the test."""
        rows = self.partition != PARTITIONS.index("test")
        return MeasuredRelation.of(
            self.m500c_msun[rows], self.redshift[rows], self.y500_cyl_arcmin2[rows], cosmology
        )


def measured_gas(relation: MeasuredRelation, like: BaryonModel) -> BaryonModel:
    """A measured relation as a model of the gas.

    Args:
        relation: of Y and mass.
        like: has the cores, by which no imported cluster is made.
    """
    return replace(
        like, alpha=relation.alpha, log10_b=relation.log10_b, sigma_lny=relation.sigma_lny
    )


@lru_cache(maxsize=8)
def rows_of_partition(path: Path, partition: str) -> np.ndarray:
    """Rows of the maps of one of `PARTITIONS`."""
    return np.flatnonzero(MapStore(path, TITLE).read("partition") == PARTITIONS.index(partition))


@lru_cache(maxsize=2048)
def shape_of(path: Path, row: int) -> np.ndarray:
    """The image of a map, `(PIXELS, PIXELS)`, y / Y in R500^-2."""
    return np.asarray(MapStore(path, TITLE).read("shape", np.array([row]))[0])
