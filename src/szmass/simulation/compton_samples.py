"""The Compton line's samples: which maps there are, and the stores that hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.params import Compton
from szmass.simulation.store import ArraySpec, MapStore, StoreSpec
from szmass.sky.grid import PixelGrid
from szmass.units import MASS_UNIT_MSUN

CLEAN_TITLE = "simulated Compton-y cutouts of clusters"
PLANCK_TITLE = "simulated Compton-y cutouts of clusters with Planck's noise"
ORIGINALS_TITLE = "simulated Compton-y maps of clusters at full resolution"
PARTITIONS = ("development", "test", "other_model")
CLUSTER_STREAM, NOISE_STREAM = 10, 11
SHARD_ROWS = 512
ORIGINALS_GRID = PixelGrid(1920, 5.0 / 60.0)
MOST_DRAWS = 10_000


class CatalogueRangeError(ValueError):
    """The catalogue has no cluster that a redshift bin could be filled with."""


@dataclass(frozen=True)
class SourceClusters:
    """The real clusters whose masses and redshifts the simulated ones follow."""

    redshift: np.ndarray
    msz_1e14_msun: np.ndarray


@dataclass(frozen=True)
class ComptonSamples:
    """What each map of a store is: the labels, and the seed that its cluster is drawn from."""

    partition: np.ndarray
    """Index into `PARTITIONS`, int8."""
    cluster: np.ndarray
    """Number of the cluster, the same at every scale; int32."""
    projection: np.ndarray
    """Number of the line of sight, int8."""
    baryon_model: np.ndarray
    """Index into the names of `baryon_models`, int8."""
    bin: np.ndarray
    """Index into the names of `bins`, int8."""
    redshift: np.ndarray
    m500c_msun: np.ndarray
    seeds: list[tuple[int, ...]]
    """Of the cluster: maps of one cluster, and its twins of other baryon models, share it."""

    def __len__(self) -> int:
        return len(self.seeds)


def list_samples(
    seed: int,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Sequence[str],
    source: SourceClusters,
) -> ComptonSamples:
    """Lists every map of the Compton line with mass and redshift drawn.

    The order is partition, bin, cluster (of the other baryon models: model by model),
    projection. A cluster is seeded by (seed, stream, partition, bin, number), so it is the same
    whatever else is simulated beside it. Those of the other baryon models are the test clusters
    again with another gas, as one region that several codes have simulated.

    Args:
        seed: of the pipeline.
        bins: redshift bins, lo < z <= hi, by name.
        compton: how many clusters.
        baryon_models: names of all models.
        source: a catalogue, in any order.

    Raises:
        CatalogueRangeError: the catalogue has no cluster for one of the bins.
    """
    main = list(baryon_models).index(compton.baryon_model)
    others = [model for model in range(len(baryon_models)) if model != main]
    share, rest = divmod(compton.development_clusters, len(bins))
    rows: list[tuple[int, int, int, int, int]] = []
    drawn: list[tuple[float, float]] = []
    seeds: list[tuple[int, ...]] = []
    for partition, name in enumerate(PARTITIONS):
        for index, (bin_name, edges) in enumerate(bins.items()):
            draw = _MassRedshift(bin_name, edges, compton, source)
            count, projections, models = {
                "development": (share + (index < rest), compton.development_projections, [main]),
                "test": (compton.test_clusters, 1, [main]),
                "other_model": (compton.other_model_clusters, 1, others),
            }[name]
            drawn_as = PARTITIONS.index("test") if name == "other_model" else partition
            for model in models:
                for number in range(count):
                    identity = (seed, CLUSTER_STREAM, drawn_as, index, number)
                    redshift_and_mass = draw(np.random.default_rng((*identity, 0)))
                    cluster = cluster_number(partition, index, model, number)
                    for projection in range(projections):
                        rows.append((partition, cluster, projection, model, index))
                        drawn.append(redshift_and_mass)
                        seeds.append(identity)
    labels, values = np.array(rows), np.array(drawn)
    return ComptonSamples(
        partition=labels[:, 0].astype(np.int8),
        cluster=labels[:, 1].astype(np.int32),
        projection=labels[:, 2].astype(np.int8),
        baryon_model=labels[:, 3].astype(np.int8),
        bin=labels[:, 4].astype(np.int8),
        redshift=values[:, 0],
        m500c_msun=values[:, 1],
        seeds=seeds,
    )


def cluster_number(partition: int, bin_index: int, model: int, number: int) -> int:
    """A number that no other cluster has, at any scale: partition, bin, model, number in digits."""
    return ((partition * 10 + bin_index) * 10 + model) * 1_000_000 + number


class _MassRedshift:
    """Draws masses and redshifts of a bin's clusters, near those of real ones."""

    def __init__(
        self, name: str, edges: Sequence[float], compton: Compton, source: SourceClusters
    ) -> None:
        inside = (source.redshift > edges[0]) & (source.redshift <= edges[1])
        self._redshift = source.redshift[inside]
        self._m500c_1e14 = source.msz_1e14_msun[inside] / compton.psz2_mass_factor
        self._compton = compton
        self._cut_1e14 = compton.mass_cuts_1e14[name]
        # no nearer than the nearest real one: at redshift 0 a cluster fills the sky
        self._range = max(edges[0], float(source.redshift.min(initial=np.inf))), edges[1]
        self._name = name

    def __call__(self, rng: np.random.Generator) -> tuple[float, float]:
        """Redshift and M500c in Msun."""
        low, high = self._range
        for _ in range(MOST_DRAWS if len(self._redshift) else 0):
            row = rng.integers(len(self._redshift))
            dex, shift = rng.standard_normal(2)
            mass = self._m500c_1e14[row] * 10.0 ** (self._compton.mass_jitter_dex * dex)
            redshift = self._redshift[row] + self._compton.redshift_jitter * shift
            if mass >= self._cut_1e14 and low < redshift <= high:
                return float(redshift), float(mass * MASS_UNIT_MSUN)
        raise CatalogueRangeError(
            f"bins.{self._name}: {len(self._redshift)} clusters of the catalogue lie in it, and "
            f"none near them in {low:g} < z <= {high:g} is of {self._cut_1e14:g}e14 Msun or more "
            "(compton.mass_cuts_1e14)"
        )


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


def originals_spec(maps: int, baryon_models: Sequence[str]) -> StoreSpec:
    """The contract of `data/compton/originals.zarr`: as the clean maps, without the beam."""
    clean = clean_spec(maps, ORIGINALS_GRID, baryon_models)
    image = ArraySpec(("map", "y", "x"), "float32", "1", "Compton y, no beam")
    return StoreSpec(ORIGINALS_TITLE, {**clean.arrays, "compton_y": image}, clean.sizes, 1)


def flags(names: Sequence[str]) -> dict[str, object]:
    """The attributes that name the values of a flag."""
    return {"flag_values": list(range(len(names))), "flag_meanings": " ".join(names)}


def open_clean_store(path: Path) -> MapStore:
    """Opens the clean maps for reading; see `MapStore` for what it refuses."""
    return MapStore(path, CLEAN_TITLE)


def open_planck_store(path: Path) -> MapStore:
    """Opens the maps with Planck's noise for reading; see `MapStore` for what it refuses."""
    return MapStore(path, PLANCK_TITLE)


def open_originals_store(path: Path) -> MapStore:
    """Opens the maps at full resolution for reading; see `MapStore` for what it refuses."""
    return MapStore(path, ORIGINALS_TITLE)


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


def baryon_model_names(store: MapStore) -> list[str]:
    """The names that the values of `baryon_model` stand for."""
    spec, _ = store.layout("baryon_model")
    return str(spec.attributes["flag_meanings"]).split()
