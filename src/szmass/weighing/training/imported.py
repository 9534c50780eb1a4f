"""Clusters of a user's own simulation, for weighing to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.errors import SzmassError
from szmass.params import IMPORTED, BaryonModel, Weighing
from szmass.sky.clusters.in_r500 import seen
from szmass.sky.grid import PixelGrid
from szmass.storage.imported import rows_of_partition, shape_of
from szmass.weighing.filters import FilterBank, Level
from szmass.weighing.training.clusters import PARTITIONS, ClusterList


class ImportedGasError(SzmassError):
    """The relation of imported clusters is not among those that the networks are trained on."""


def require_trained(models: Mapping[str, BaryonModel], settings: Weighing, where: Path) -> None:
    """Requires that the relation of imported clusters, if any, is in the ranges of the training.

    Args:
        models: of the gas, by name.
        settings: the ranges.
        where: the clusters are.

    Raises:
        ImportedGasError: it is not.
    """
    for name in ("alpha", "log10_b", "sigma_lny") if IMPORTED in models else ():
        (low, high), value = getattr(settings, name), getattr(models[IMPORTED], name)
        if not low <= value <= high:
            raise ImportedGasError(
                f"{where}: {name} = {value:.3f} of its clusters' relation: expected it in "
                f"weighing.{name} = [{low}, {high}], which the settings can widen"
            )


@dataclass(frozen=True)
class ImportedSimulator:
    """Sees imported clusters at a list's masses and redshifts, as `AmplitudeSimulator` does."""

    path: Path
    """Of their store, absolute."""
    grid: PixelGrid
    beams_fwhm_arcmin: tuple[float, ...]
    per_y: tuple[float, ...]
    bank: FilterBank
    meter: Level

    def __call__(self, clusters: ClusterList) -> tuple[np.ndarray, np.ndarray]:
        """The arrays `amplitude`, `(n, filters)`, and `outer_level`, `(n,)`, for Y = 1 arcmin^2."""
        maps = self.maps(clusters)
        return self.bank.amplitudes(maps), self.meter.of_clusters(maps)

    def maps(self, clusters: ClusterList) -> np.ndarray:
        """Their images without noise, `(n, bands, pixels, pixels)` float32."""
        pixels = self.grid.pixels
        maps = np.empty((len(clusters), len(self.per_y), pixels, pixels), dtype=np.float32)
        for row, seed in enumerate(clusters.seeds.tolist()):
            rng = np.random.default_rng((*seed, 1))
            rows = rows_of_partition(self.path, PARTITIONS[clusters.partition[row]])
            shape = shape_of(self.path, int(rng.choice(rows)))
            turned = np.rot90(shape, int(rng.integers(4)))[:: rng.choice([-1, 1])]
            theta500 = float(clusters.theta500_arcmin[row])
            for band, (beam, per_y) in enumerate(
                zip(self.beams_fwhm_arcmin, self.per_y, strict=True)
            ):
                image = seen(turned, theta500, self.grid, beam, clusters.offset_arcmin[row])
                maps[row, band] = per_y * image
        return maps
