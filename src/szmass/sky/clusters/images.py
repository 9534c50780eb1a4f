"""Images of clusters behind a Gaussian beam, from their exact Fourier transforms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.fft import irfft2

from szmass.sky.clusters.projection import Ellipsoids, transformed_y
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA

LEAST_BEAM = 1e-7  # modes that the beam passes less of are left away
BEAM_REACH_SIGMA = 5.0
FRAME_STEP = 32


@dataclass(frozen=True)
class BeamedImages:
    """Images of clusters on a grid after a Gaussian beam, from their exact Fourier transforms.

    y(theta) = int d^2k / (2 pi)^2 y(k) B(k) exp(i k theta) becomes a sum on a periodic frame
    that is so large that no copy of the cluster reaches the map.

    Example:
        A sphere of R500 = 4' behind a beam of 10': the map holds the same integral of y as before
        the beam, which is 4 pi / 3 R500^3 times that of x^2 p(x).

        >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
        >>> image = BeamedImages(RadialTables([UNIVERSAL_PRESSURE]), PixelGrid(96, 1.7), 10.0)
        >>> sphere = Ellipsoids(np.ones((1, 1)), np.zeros((1, 3)), 16.0 * np.eye(3)[None])
        >>> total = UNIVERSAL_PRESSURE.sphere_integral(5.0) * 4 * np.pi / 3 * 4.0**3
        >>> bool(abs(image(sphere).sum() * 1.7**2 / total - 1.0) < 2e-3)
        True
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
