"""Clusters of a user's own simulation in the place of the mock clusters, as Planck sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from szmass.compton.maps.clusters import ComptonSamples, cluster_number
from szmass.compton.maps.stores import ORIGINALS_GRID
from szmass.errors import SzmassError
from szmass.params import IMPORTED, MOCK, BaryonModel, Compton
from szmass.planck.stores import PARTITIONS
from szmass.sky.clusters.in_r500 import seen
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.measured_relation import MeasuredRelation
from szmass.sky.redshift_bins import redshift_bin
from szmass.storage.imported import PARTITIONS as OF_STORE
from szmass.storage.imported import ImportedClusters, measured_gas, shape_of
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

FEWEST = {"development": 3, "test": 1}
"""Clusters of a redshift bin: networks need some for training, some for validation."""
MOST_MAPS = 127
"""Most maps of one cluster in a redshift bin; the store numbers them in int8."""
CENTRED = np.zeros(2)


class ImportedClustersError(SzmassError):
    """A store has too few clusters, or too many maps of one, for the redshift bins."""


def list_imported(
    clusters: ImportedClusters,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    cosmology: Cosmology,
) -> ComptonSamples:
    """Lists the maps of a store, each at its own mass and redshift.

    The order is partition, bin, cluster, map. Those for training and validation are development
    maps, whose training and validation each network divides anew. Maps outside of all bins, or of
    masses below `compton.mass_cuts_1e14`, are left out, and of a test cluster all maps of a bin but
    the first, since errors are those of independent maps. Within its bin a cluster's maps have the
    numbers 0, 1, ... as lines of sight, in the order of the store.

    Args:
        clusters: of the store.
        bins: redshift bins, lo < z <= hi, by name.
        compton: the lowest masses.
        cosmology: mass definitions.

    Raises:
        ImportedClustersError: a bin has fewer than `FEWEST` clusters, or more than `MOST_MAPS` of
            one.
    """
    bin_of = redshift_bin(clusters.redshift, bins)
    cuts = np.array([compton.mass_cuts_1e14[name] for name in bins]) * MASS_UNIT_MSUN
    test = clusters.partition == OF_STORE.index("test")
    partition = np.where(test, PARTITIONS.index("test"), PARTITIONS.index("development"))
    used = np.flatnonzero((bin_of >= 0) & (clusters.m500c_msun >= cuts[bin_of]))
    rows = used[np.lexsort((clusters.cluster[used], bin_of[used], partition[used]))]
    number = np.array(
        [
            cluster_number(int(partition[row]), int(bin_of[row]), 0, int(clusters.cluster[row]))
            for row in rows
        ],
        dtype=np.int32,
    )
    for name, fewest in FEWEST.items():
        for index, bin_name in enumerate(bins):
            members = (partition[rows] == PARTITIONS.index(name)) & (bin_of[rows] == index)
            count = len(np.unique(number[members]))
            if count < fewest:
                low, high = bins[bin_name]
                raise ImportedClustersError(
                    f"{clusters.path}: {count} clusters for {name} in bins.{bin_name}, {low:g} < z "
                    f"<= {high:g}, of {compton.mass_cuts_1e14[bin_name]:g}e14 Msun or more "
                    f"(compton.mass_cuts_1e14): expected at least {fewest}"
                )
    _, first, counts = np.unique(number, return_index=True, return_counts=True)
    if counts.max() > MOST_MAPS:
        name = clusters.cluster[rows[first[np.argmax(counts)]]]
        raise ImportedClustersError(
            f"{clusters.path}: cluster {name} has {counts.max()} maps in a redshift bin: expected "
            f"at most {MOST_MAPS}"
        )
    projection = np.arange(len(rows)) - np.repeat(first, counts)
    kept = (projection == 0) | (partition[rows] == PARTITIONS.index("development"))
    rows, number, projection = rows[kept], number[kept], projection[kept]
    mass, redshift = clusters.m500c_msun[rows], clusters.redshift[rows]
    return ComptonSamples(
        partition=partition[rows].astype(np.int8),
        cluster=number,
        projection=projection.astype(np.int8),
        baryon_model=np.zeros(len(rows), dtype=np.int8),
        redshift=redshift,
        m500c_msun=mass,
        m200c_msun=cosmology.m200c_msun(mass, redshift),
        theta500_arcmin=clusters.theta500_arcmin[rows],
        mean_y_arcmin2=clusters.y500_cyl_arcmin2[rows],
        seeds=rows[:, None],
    )


@dataclass(frozen=True)
class ImportedImages:
    """Images of imported clusters, as `ClusterSimulator` has them of mock clusters."""

    clusters: ImportedClusters
    grid: PixelGrid
    beam_fwhm_arcmin: float

    def beamed(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """Images `(n, pixels, pixels)` float32 after the beam, and Y within theta500, arcmin^2."""
        return self._images(samples, self.grid, self.beam_fwhm_arcmin)

    def original(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """The same without a beam, at the pixel centres of `ORIGINALS_GRID`."""
        return self._images(samples, ORIGINALS_GRID, 0.0)

    def _images(
        self, samples: ComptonSamples, grid: PixelGrid, beam_fwhm_arcmin: float
    ) -> tuple[np.ndarray, np.ndarray]:
        y500, maps = samples.mean_y_arcmin2, np.empty((len(samples), *[grid.pixels] * 2), "float32")
        for row, ((of_store,), theta500) in enumerate(
            zip(samples.seeds.tolist(), samples.theta500_arcmin.tolist(), strict=True)
        ):
            shape = shape_of(self.clusters.path, of_store)
            maps[row] = y500[row] * seen(shape, theta500, grid, beam_fwhm_arcmin, CENTRED)
        return maps, y500


def gas_of_maps(
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    maps: MapStore,
    cosmology: Cosmology,
) -> Mapping[str, BaryonModel]:
    """Relations of mass and Y of the simulated maps, by name, in the order of `baryon_model`.

    Args:
        compton: where the clusters are from.
        baryon_models: of mock clusters.
        maps: clean ones, or those with noise.
        cosmology: E(z), h and distances.

    Returns:
        The models of mock clusters; of imported ones `IMPORTED`, the relation that is measured of
        the development maps.
    """
    if compton.source == MOCK:
        return baryon_models
    relation = measured_relation(maps, cosmology)
    return {IMPORTED: measured_gas(relation, baryon_models[compton.baryon_model])}


def measured_relation(maps: MapStore, cosmology: Cosmology) -> MeasuredRelation:
    """The relation of mass and Y of the development maps with usable labels."""
    names = ("m500c_msun", "redshift", "y500_cyl_arcmin2")
    labels = np.array([maps.read(name) for name in names])
    usable = np.all((labels > 0.0) & np.isfinite(labels), axis=0)
    usable &= maps.read("partition") == PARTITIONS.index("development")
    mass, redshift, y = labels[:, usable]
    return MeasuredRelation.of(mass, redshift, y, cosmology)
