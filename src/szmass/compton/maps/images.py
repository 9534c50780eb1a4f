"""Compton-y images of simulated clusters as Planck sees them, and as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from scipy.fft import irfft2

from szmass.compton.maps.clusters import ComptonSamples
from szmass.compton.maps.stores import ORIGINALS_GRID, ORIGINALS_TITLE
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.sky.mock_clusters import MockClusters, with_mean_y
from szmass.sky.projection import (
    Ellipsoids,
    disc_integral,
    projected_y,
    random_rotation,
    transformed_y,
)
from szmass.sky.radial_tables import RadialTables
from szmass.storage.store import StoreSpec, write_rows
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA

LEAST_BEAM = 1e-7  # modes that the beam passes less of are left away
BEAM_REACH_SIGMA = 5.0
FRAME_STEP = 32


@dataclass(frozen=True)
class BeamedImages:
    """Images of clusters on a grid after a Gaussian beam, from their exact Fourier transforms.

    y(theta) = int d^2k / (2 pi)^2 y(k) B(k) exp(i k theta) becomes a sum on a periodic frame
    that is so large that no copy of the cluster reaches the map.
    """

    tables: RadialTables
    grid: PixelGrid
    beam_fwhm_arcmin: float

    def __call__(self, ellipsoids: Ellipsoids) -> np.ndarray:
        """An image, `(pixels, pixels)` float32, of components in arcmin about the centre."""
        half_arcmin = self.grid.pixels * self.grid.pixel_arcmin / 2.0
        sigma_arcmin = self.beam_fwhm_arcmin / FWHM_PER_SIGMA
        reach_arcmin = ellipsoids.reach(self.tables.truncation) + BEAM_REACH_SIGMA * sigma_arcmin
        pixels = (half_arcmin + max(half_arcmin, reach_arcmin)) / self.grid.pixel_arcmin
        frame = _frame(
            self.grid, self.beam_fwhm_arcmin, FRAME_STEP * int(np.ceil(pixels / FRAME_STEP - 1e-9))
        )
        low, high = np.split(
            frame.transfer * transformed_y(self.tables, ellipsoids, frame.k_x, frame.k_y), 2
        )
        modes = np.zeros((frame.pixels, frame.pixels // 2 + 1), dtype=complex)
        columns = frame.k_x.shape[1]
        modes[: len(low), :columns], modes[-len(high) :, :columns] = low, high
        image = irfft2(modes, s=(frame.pixels, frame.pixels))
        kept = slice(0, frame.oversampling * self.grid.pixels, frame.oversampling)
        return image[kept, kept].astype(np.float32)


@dataclass(frozen=True)
class _Frame:
    """The modes of a periodic square that the beam passes: as many rows of k_y < 0 as not."""

    pixels: int
    oversampling: int
    k_x: np.ndarray
    k_y: np.ndarray
    transfer: np.ndarray


@lru_cache(maxsize=32)
def _frame(grid: PixelGrid, beam_fwhm_arcmin: float, pixels: int) -> _Frame:
    """A frame of so many of the grid's pixels, an even number."""
    sigma_arcmin = beam_fwhm_arcmin / FWHM_PER_SIGMA
    end = np.sqrt(-2.0 * np.log(LEAST_BEAM)) / sigma_arcmin
    oversampling = int(np.ceil(end * grid.pixel_arcmin / np.pi))
    spacing, pixels = grid.pixel_arcmin / oversampling, pixels * oversampling
    step = 2.0 * np.pi / (pixels * spacing)
    passed = int(np.ceil(end / step))
    k_x = step * np.arange(passed)[None, :]
    k_y = step * np.concatenate([np.arange(passed), np.arange(-passed, 0)])[:, None]
    # B_l is taken at l + 1/2 = k, which makes it exp(-k^2 sigma^2 / 2)
    beam = gaussian_beam(np.hypot(k_x, k_y) / ARCMIN_RAD - 0.5, beam_fwhm_arcmin)
    to_corner = np.exp(1j * grid.axis_arcmin[0] * (k_x + k_y))
    return _Frame(pixels, oversampling, k_x, k_y, beam * to_corner / spacing**2)


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


def simulate_part(part: Part, *, simulator: ClusterSimulator) -> np.ndarray:
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
