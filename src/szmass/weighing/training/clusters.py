"""Simulated clusters that the network of weighing learns from, as amplitudes of the filters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from szmass.params import Weighing
from szmass.sky.clusters.bands import BandImages
from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import random_rotation
from szmass.sky.cosmology import Cosmology
from szmass.storage.store import ArraySpec, MapStore, StoreSpec, flags, write_rows
from szmass.streams import WEIGHING_CLUSTERS
from szmass.weighing.filters import FilterBank, Level

TITLE = "filter amplitudes of simulated clusters"
PARTITIONS = ("training", "validation", "test")
SHARD_ROWS = 500


@dataclass(frozen=True)
class ClusterList:
    """What clusters are simulated: their labels, and the seed that each is drawn from."""

    partition: np.ndarray
    """Index into `PARTITIONS`, int8."""
    log10_m500c_msun: np.ndarray
    redshift: np.ndarray
    theta500_arcmin: np.ndarray
    cool_core_mean: np.ndarray
    """Of the gas model that the cluster is drawn from."""
    offset_arcmin: np.ndarray
    """Of the cluster from the map's centre along x and y, `(n, 2)`."""
    seeds: np.ndarray
    """`(n, 4)`."""

    def __len__(self) -> int:
        return len(self.seeds)

    def at(self, rows: slice | np.ndarray) -> ClusterList:
        """Some of the clusters."""
        return ClusterList(**{name: values[rows] for name, values in vars(self).items()})

    def labels(self) -> dict[str, np.ndarray]:
        """The arrays of the store that are known before any cluster is simulated."""
        return {name: values for name, values in vars(self).items() if name != "seeds"}


def list_clusters(seed: int, settings: Weighing, cosmology: Cosmology) -> ClusterList:
    """Draws masses flat in log10 M500c whatever the redshift, and redshifts that cover the range.

    A cluster is seeded by (seed, stream, partition, number), where those of the test have a seed
    of their own, `test_seed`, that nothing else is drawn from. A share of `near_share` has a
    redshift flat in ln z up to `near_redshift`, the others flat in z.

    Args:
        seed: of the pipeline.
        settings: how many, and their ranges.
        cosmology: distances.
    """
    sizes = (
        (seed, settings.training_clusters),
        (seed, settings.validation_clusters),
        (settings.test_seed, settings.test_clusters),
    )
    seeds = np.array(
        [
            (of_part, WEIGHING_CLUSTERS, partition, number)
            for partition, (of_part, count) in enumerate(sizes)
            for number in range(count)
        ]
    )
    low, high = settings.redshifts
    drawn = []
    for identity in seeds.tolist():
        rng = np.random.default_rng((*identity, 0))
        mass, redshift, near, core, angle = rng.random(5)
        if near < settings.near_share:
            z = low * (settings.near_redshift / low) ** redshift
        else:
            z = low + (high - low) * redshift
        offset = settings.centre_offset_arcmin * np.sqrt(2.0 * rng.standard_exponential())
        turn = 2.0 * np.pi * angle
        drawn.append((mass, z, core, offset * np.cos(turn), offset * np.sin(turn)))
    mass, z, core, x, y = np.array(drawn).T
    log10_mass = _between(settings.log10_m500c_msun, mass)
    return ClusterList(
        partition=seeds[:, 2].astype(np.int8),
        log10_m500c_msun=log10_mass,
        redshift=z,
        theta500_arcmin=cosmology.theta500_arcmin(10.0**log10_mass, z),
        cool_core_mean=_between(settings.cool_core_mean, core),
        offset_arcmin=np.stack([x, y], axis=1),
        seeds=seeds,
    )


def _between(ends: list[float], share: np.ndarray) -> np.ndarray:
    return ends[0] + (ends[1] - ends[0]) * share


@dataclass(frozen=True)
class AmplitudeSimulator:
    """Simulates clusters of a mean Y of 1 arcmin^2, and keeps what filters make of them."""

    model: MockClusters
    images: BandImages
    bank: FilterBank
    meter: Level

    def __call__(self, clusters: ClusterList) -> tuple[np.ndarray, np.ndarray]:
        """The arrays `amplitude`, `(n, filters)`, and `outer_level`, `(n,)`, of `store_spec`."""
        maps = self.maps(clusters)
        return self.bank.amplitudes(maps), self.meter.of_clusters(maps)

    def maps(self, clusters: ClusterList) -> np.ndarray:
        """Their images without noise, `(n, bands, pixels, pixels)` float32."""
        tables = self.model.tables()
        maps = np.empty((len(clusters), *self.images.shape), dtype=np.float32)
        for row, seed in enumerate(clusters.seeds.tolist()):
            theta500 = float(clusters.theta500_arcmin[row])
            rng = np.random.default_rng((*seed, 1))
            drawn = self.model.draw(rng, float(clusters.cool_core_mean[row]))
            turned = with_mean_y(tables, drawn, 1.0 / theta500**2).rotated(random_rotation(rng))
            # an integral along a line would lengthen as all lengths do
            seen = turned.scaled(length=theta500, amplitude=1.0 / theta500)
            aside = np.append(clusters.offset_arcmin[row], 0.0)
            maps[row] = self.images(replace(seen, position=seen.position + aside))
        return maps


@dataclass(frozen=True)
class Part:
    """Some rows of a store, to be simulated in one task."""

    path: Path
    rows: slice
    clusters: ClusterList
    """Of these rows."""


def simulate_part(
    part: Part, *, simulator: Callable[[ClusterList], tuple[np.ndarray, np.ndarray]]
) -> np.ndarray:
    """Simulates and writes the amplitudes of a part; returns its clusters' `outer_level`."""
    amplitude, outer_level = simulator(part.clusters)
    write_rows(part.path, part.rows, {"amplitude": amplitude})
    return outer_level


def store_spec(clusters: int, filters: int, *, contaminants: bool = False) -> StoreSpec:
    """The contract of `data/weighing_clusters.zarr`.

    Args:
        clusters: how many.
        filters: of the survey.
        contaminants: whether it has what other things in the map do to the amplitudes and to the
            noise level as it is measured.
    """
    one = ("cluster",)
    besides = {
        "contaminant_amplitude": ArraySpec(
            ("cluster", "filter"), "float32", "1", "amplitude of what else is in the map"
        ),
        "contaminant_level": ArraySpec(
            one, "float32", "1", "what this adds to the noise level, in quadrature"
        ),
    }
    return StoreSpec(
        title=TITLE,
        sizes={"cluster": clusters, "filter": filters, "axis": 2},
        shard_rows=SHARD_ROWS,
        arrays={
            "amplitude": ArraySpec(
                ("cluster", "filter"), "float32", "arcmin-2", "amplitude for Y = 1 arcmin2"
            ),
            "outer_level": ArraySpec(
                one, "float32", "arcmin-2", "what the cluster adds to the noise level, for such a Y"
            ),
            "log10_m500c_msun": ArraySpec(one, "float64", "1", "log10 of M500c in Msun"),
            "redshift": ArraySpec(one, "float64", "1", "redshift"),
            "theta500_arcmin": ArraySpec(one, "float64", "arcmin", "angle of R500c"),
            "cool_core_mean": ArraySpec(one, "float64", "1", "mean cool-core weight of the gas"),
            "offset_arcmin": ArraySpec(
                ("cluster", "axis"), "float64", "arcmin", "of the cluster from the map's centre"
            ),
            "partition": ArraySpec(one, "int8", "1", "what the cluster is for", flags(PARTITIONS)),
            **(besides if contaminants else {}),
        },
    )


def open_clusters(path: Path) -> MapStore:
    """Opens the store for reading; see `MapStore` for what it refuses."""
    return MapStore(path, TITLE)
