"""The clusters of the Compton line: their masses, redshifts and Y, drawn anew from a seed each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from szmass.errors import SzmassError
from szmass.params import BaryonModel, Compton
from szmass.planck.stores import PARTITIONS
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import redshift_bin
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.streams import COMPTON_CLUSTERS
from szmass.units import MASS_UNIT_MSUN

MOST_DRAWS = 10_000
MOST_PER_DIGIT, CLUSTERS_OF_A_KIND = 10, 1_000_000


class CatalogueRangeError(SzmassError):
    """The catalogue has no cluster that a redshift bin could be filled with."""


@dataclass(frozen=True)
class SourceClusters:
    """The real clusters whose masses and redshifts the simulated ones follow."""

    redshift: np.ndarray
    msz_1e14_msun: np.ndarray


@dataclass(frozen=True)
class ComptonSamples:
    """Labels of the maps of a store, and the seed that each cluster is drawn from."""

    partition: np.ndarray
    """Index into `PARTITIONS`, int8."""
    cluster: np.ndarray
    """Number of the cluster, the same at every scale; int32."""
    projection: np.ndarray
    """Number of the line of sight, int8."""
    baryon_model: np.ndarray
    """Index into the names of `baryon_models`, int8."""
    redshift: np.ndarray
    m500c_msun: np.ndarray
    m200c_msun: np.ndarray
    theta500_arcmin: np.ndarray
    mean_y_arcmin2: np.ndarray
    """Y within theta500, its mean over all lines of sight."""
    seeds: np.ndarray
    """Seed of each mock cluster, `(maps, 5)`, the same for all baryon models; of imported clusters
    the row of the map in the imported store, `(maps, 1)`."""

    def __len__(self) -> int:
        return len(self.seeds)

    def at(self, rows: slice | np.ndarray) -> ComptonSamples:
        """Some of the maps."""
        return replace(self, **{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def labels(self) -> dict[str, np.ndarray]:
        """The arrays of the store that are known before any map is simulated."""
        unknown = ("mean_y_arcmin2", "seeds")
        return {
            item.name: getattr(self, item.name) for item in fields(self) if item.name not in unknown
        }


def list_samples(
    seed: int,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    source: SourceClusters,
    cosmology: Cosmology,
) -> ComptonSamples:
    """Lists every map of the Compton line, with mass, redshift and Y drawn.

    The order is partition, bin, cluster (of the other baryon models: model by model),
    projection. A cluster is seeded by (seed, stream, partition, bin, number), so it is the same
    whatever else is simulated beside it. Those of the other baryon models are the test clusters
    again with another gas, as one region that several codes have simulated.

    Args:
        seed: of the pipeline.
        bins: redshift bins, lo < z <= hi, by name.
        compton: how many clusters.
        baryon_models: all models by name.
        source: a catalogue, in any order.
        cosmology: distances and mass definitions.

    Raises:
        CatalogueRangeError: the catalogue has no cluster for one of the bins.
    """
    main = list(baryon_models).index(compton.baryon_model)
    others = [model for model in range(len(baryon_models)) if model != main]
    share, rest = divmod(compton.development_clusters, len(bins))
    rows: list[tuple[int, ...]] = []
    drawn: list[tuple[float, float, float]] = []
    for partition, name in enumerate(PARTITIONS):
        for index, bin_name in enumerate(bins):
            draw = _Draw(bin_name, bins, compton, source)
            count, projections, models = {
                "development": (share + (index < rest), compton.development_projections, [main]),
                "test": (compton.test_clusters, 1, [main]),
                "other_model": (compton.other_model_clusters, 1, others),
            }[name]
            drawn_as = PARTITIONS.index("test") if name == "other_model" else partition
            for model in models:
                for number in range(count):
                    identity = (seed, COMPTON_CLUSTERS, drawn_as, index, number)
                    values = draw(np.random.default_rng((*identity, 0)))
                    cluster = cluster_number(partition, index, model, number)
                    for projection in range(projections):
                        rows.append((partition, cluster, projection, model, *identity))
                        drawn.append(values)
    labels = np.array(rows, dtype=np.int64)
    return _complete(labels, np.array(drawn), cosmology, list(baryon_models.values()))


def _complete(
    labels: np.ndarray,
    drawn: np.ndarray,
    cosmology: Cosmology,
    models: Sequence[BaryonModel],
) -> ComptonSamples:
    """Adds what follows from mass and redshift.

    Args:
        labels: partition, cluster, projection, baryon model and seed, `(maps, 9)`.
        drawn: redshift, M500c in Msun, and scatter of ln Y in units of the model's, `(maps, 3)`.
        cosmology: distances and mass definitions.
        models: of the gas.
    """
    redshift, m500c_msun, scatter = drawn.T.copy()
    y_mpc2 = np.empty(len(labels))
    for number, model in enumerate(models):
        of_model = labels[:, 3] == number
        relation = ScalingRelation.of(model)
        mean = y_cyl_mpc2(m500c_msun[of_model], redshift[of_model], relation, cosmology)
        y_mpc2[of_model] = mean * np.exp(model.sigma_lny * scatter[of_model])
    return ComptonSamples(
        partition=labels[:, 0].astype(np.int8),
        cluster=labels[:, 1].astype(np.int32),
        projection=labels[:, 2].astype(np.int8),
        baryon_model=labels[:, 3].astype(np.int8),
        redshift=redshift,
        m500c_msun=m500c_msun,
        m200c_msun=cosmology.m200c_msun(m500c_msun, redshift),
        theta500_arcmin=cosmology.theta500_arcmin(m500c_msun, redshift),
        mean_y_arcmin2=y_mpc2 / mpc2_per_arcmin2(redshift, cosmology),
        seeds=labels[:, 4:],
    )


def cluster_number(partition: int, bin_index: int, model: int, number: int) -> int:
    """A number that no other cluster has, at any scale: partition, bin, model, number in digits.

    Raises:
        SzmassError: there are more bins, models or clusters than have a place in it.
    """
    if max(bin_index, model) >= MOST_PER_DIGIT or number >= CLUSTERS_OF_A_KIND:
        raise SzmassError(
            f"cluster {number} of bin {bin_index} and baryon model {model}: expected at most "
            f"{MOST_PER_DIGIT} bins, {MOST_PER_DIGIT} models and {CLUSTERS_OF_A_KIND} clusters"
        )
    kind = (partition * MOST_PER_DIGIT + bin_index) * MOST_PER_DIGIT + model
    return kind * CLUSTERS_OF_A_KIND + number


def first_tests(samples: ComptonSamples, count: int) -> ComptonSamples:
    """A map of each of the first test clusters of every bin."""
    test = np.flatnonzero(samples.partition == PARTITIONS.index("test"))
    cluster, first = np.unique(samples.cluster[test], return_index=True)
    kind = cluster // CLUSTERS_OF_A_KIND
    place_in_bin = np.arange(len(kind)) - np.searchsorted(kind, kind)
    return samples.at(np.sort(test[first[place_in_bin < count]]))


class _Draw:
    """Draws clusters of a bin with masses and redshifts near those of real ones."""

    def __init__(
        self,
        name: str,
        bins: Mapping[str, Sequence[float]],
        compton: Compton,
        source: SourceClusters,
    ) -> None:
        inside = redshift_bin(source.redshift, bins) == list(bins).index(name)
        self._redshift = source.redshift[inside]
        self._m500c_1e14 = source.msz_1e14_msun[inside] / compton.psz2_mass_factor
        self._compton = compton
        self._cut_1e14 = compton.mass_cuts_1e14[name]
        # no nearer than the nearest real one: at redshift 0 a cluster fills the sky
        low, self._high = bins[name]
        self._low = max(low, float(source.redshift.min(initial=np.inf)))
        self._name = name

    def __call__(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Redshift, M500c in Msun, and the scatter of ln Y in units of the model's."""
        for _ in range(MOST_DRAWS if len(self._redshift) else 0):
            row = rng.integers(len(self._redshift))
            dex, shift, scatter = rng.standard_normal(3)
            mass_1e14 = self._m500c_1e14[row] * 10.0 ** (self._compton.mass_jitter_dex * dex)
            redshift = self._redshift[row] + self._compton.redshift_jitter * shift
            if mass_1e14 >= self._cut_1e14 and self._low < redshift <= self._high:
                return float(redshift), float(mass_1e14 * MASS_UNIT_MSUN), float(scatter)
        raise CatalogueRangeError(
            f"bins.{self._name}: {len(self._redshift)} clusters of the catalogue lie in it, and "
            f"none near them in {self._low:g} < z <= {self._high:g} is of "
            f"{self._cut_1e14:g}e14 Msun or more (compton.mass_cuts_1e14)"
        )
