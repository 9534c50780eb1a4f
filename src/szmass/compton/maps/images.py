"""Compton-y images of simulated clusters as Planck sees them, and as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from szmass.compton.maps.clusters import ComptonSamples
from szmass.compton.maps.stores import ORIGINALS_GRID, ORIGINALS_TITLE
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import (
    Ellipsoids,
    disc_integral,
    projected_y,
    random_rotation,
)
from szmass.sky.grid import PixelGrid
from szmass.storage.store import StoreSpec, write_rows


class Simulator(Protocol):
    """Makes the images of a list of samples."""

    def beamed(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """Images `(n, pixels, pixels)` float32 after the beam, and Y within theta500, arcmin^2."""

    def original(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """The same of a single map without a beam, at the pixel centres of `ORIGINALS_GRID`."""


@dataclass(frozen=True)
class ClusterSimulator:
    """Makes the clusters of a list of samples anew from their seeds."""

    model: MockClusters
    cool_core_means: tuple[float, ...]
    """Of each baryon model."""
    grid: PixelGrid
    beam_fwhm_arcmin: float

    def on_the_sky(self, samples: ComptonSamples) -> Iterator[Ellipsoids]:
        """Each map's cluster on its line of sight: lengths in arcmin, y dimensionless."""
        tables = self.model.tables()
        made: tuple[int, ...] = ()
        for row, seed in enumerate(samples.seeds.tolist()):
            theta500, model = float(samples.theta500_arcmin[row]), int(samples.baryon_model[row])
            if made != (*seed, model):
                made = (*seed, model)
                rng = np.random.default_rng((*seed, 1))
                cluster = self.model.draw(rng, self.cool_core_means[model])
                y_cyl = float(samples.mean_y_arcmin2[row]) / theta500**2
                cluster = with_mean_y(tables, cluster, y_cyl)
            rng = np.random.default_rng((*seed, 2, int(samples.projection[row])))
            turned = cluster.rotated(random_rotation(rng))
            # an integral along a line would lengthen as all lengths do
            yield turned.scaled(length=theta500, amplitude=1.0 / theta500)

    def beamed(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """Images `(n, pixels, pixels)` float32 after the beam, and Y within theta500, arcmin^2."""
        tables = self.model.tables()
        image = BeamedImages(tables, self.grid, self.beam_fwhm_arcmin)
        maps = np.empty((len(samples), self.grid.pixels, self.grid.pixels), dtype=np.float32)
        y500 = np.empty(len(samples))
        for row, cluster in enumerate(self.on_the_sky(samples)):
            maps[row] = image(cluster)
            y500[row] = disc_integral(tables, cluster, float(samples.theta500_arcmin[row]))
        return maps, y500

    def original(self, samples: ComptonSamples) -> tuple[np.ndarray, np.ndarray]:
        """The same of a single map without a beam, at the pixel centres of `ORIGINALS_GRID`."""
        (cluster,) = self.on_the_sky(samples)
        x, y = np.meshgrid(ORIGINALS_GRID.axis_arcmin, ORIGINALS_GRID.axis_arcmin)
        tables = self.model.tables()
        y500 = disc_integral(tables, cluster, float(samples.theta500_arcmin[0]))
        return projected_y(tables, cluster, x, y)[None].astype(np.float32), np.array([y500])


@dataclass(frozen=True)
class Part:
    """Some rows of a store, to be simulated in one task."""

    path: Path
    rows: slice
    samples: ComptonSamples
    """Of these rows."""
    original: bool
    """Whether it is a single map at full resolution."""


def parts_of(path: Path, spec: StoreSpec, samples: ComptonSamples) -> list[Part]:
    """The tasks that fill a store, one a shard."""
    original = spec.title == ORIGINALS_TITLE
    return [Part(path, rows, samples.at(rows), original) for rows in spec.shards()]


def simulate_part(part: Part, *, simulator: Simulator) -> np.ndarray:
    """Simulates and writes the maps of a part; returns their Y within theta500 in arcmin^2."""
    simulate = simulator.original if part.original else simulator.beamed
    compton_y, y500_cyl_arcmin2 = simulate(part.samples)
    write_rows(part.path, part.rows, {"compton_y": compton_y})
    return y500_cyl_arcmin2


def write_labels(
    path: Path, samples: ComptonSamples, y500_cyl_arcmin2: np.ndarray, grid: PixelGrid
) -> None:
    """Writes all that a store holds besides its maps."""
    labels = samples.labels() | {"y500_cyl_arcmin2": y500_cyl_arcmin2}
    write_rows(path, slice(None), labels | {"x": grid.axis_arcmin, "y": grid.axis_arcmin})
