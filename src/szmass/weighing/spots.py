"""The brightest spots of a map, at its centre and elsewhere, as the narrowest filter sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.fft import irfft2, rfft2

from szmass.sky.grid import PixelGrid
from szmass.weighing.filters import FilterBank

COARSE = 0.4
"""Largest side of a pixel, in beams (FWHM), that spots are looked for in."""
NEAR = 1.5
"""Distance from the centre, in beams, within which a spot may be the cluster."""
APART = 2.0
"""Distance in beams from the centre, and from the map's sides, of spots elsewhere."""
AT_ONCE = 256


@dataclass(frozen=True)
class Spots:
    """The brightest spot near the centre of maps, and the brightest elsewhere, `(n,)` each."""

    near: np.ndarray
    """Signal-to-noise ratio."""
    offset_arcmin: np.ndarray
    """From the centre; at least the side of a summed pixel."""
    elsewhere: np.ndarray
    """Signal-to-noise ratio; 0 where the map has no place far enough from its centre and sides."""

    def at(self, rows: slice | np.ndarray) -> Spots:
        """Those of some of the maps."""
        return Spots(self.near[rows], self.offset_arcmin[rows], self.elsewhere[rows])


@dataclass(frozen=True)
class Finder:
    """Finds spots: products of a map with a filter that is moved over it.

    R(s) = sum_x K(x - s) y(x) / level; at s = 0 it is the filter's own amplitude over the level.
    R is computed by FFT, as if the map were periodic, so it is not used within `APART` beams of the
    sides. Before that, pixels are summed in squares with a side of at most `COARSE` beams.

    Example:
        A spot 24' to the right of the centre, by a filter that is the beam itself:

        >>> grid = PixelGrid(pixels=32, pixel_arcmin=4.0)
        >>> beam = np.exp(-0.5 * (grid.radius_arcmin / 4.2) ** 2)
        >>> beside = np.roll(beam, 6, axis=1)
        >>> spots = Finder(grid, 10.0, beam[None], 40.0)(beside[None], np.ones(1))
        >>> bool(spots.near[0] < 0.2 * spots.elsewhere[0])
        True
    """

    grid: PixelGrid
    beam_fwhm_arcmin: float
    kernel: np.ndarray
    """The filter, `(bands, pixels, pixels)`."""
    farthest_arcmin: float
    """From the centre; farther spots hardly affect a mass."""

    @classmethod
    def of(
        cls, bank: FilterBank, grid: PixelGrid, beam_fwhm_arcmin: float, farthest_arcmin: float
    ) -> Finder:
        """With the narrowest filter of a bank, its first."""
        kernel = bank.filters[0].reshape(-1, grid.pixels, grid.pixels)
        return cls(grid, beam_fwhm_arcmin, kernel, farthest_arcmin)

    @cached_property
    def _step(self) -> int:
        """Pixels on the side of a square that is added up: a divisor of those of the map."""
        pixels, largest = self.grid.pixels, COARSE * self.beam_fwhm_arcmin / self.grid.pixel_arcmin
        return max(
            step
            for step in range(1, pixels + 1)
            if pixels % step == 0 and step <= max(largest, 1.0)
        )

    def _coarse(self, maps: np.ndarray) -> np.ndarray:
        """Sums over squares of pixels, float32."""
        step = self._step
        rows = maps[..., ::step, :]
        for start in range(1, step):
            rows = rows + maps[..., start::step, :]
        squares = rows[..., ::step].astype(np.float32)
        for start in range(1, step):
            squares += rows[..., start::step]
        return squares

    @cached_property
    def _transform(self) -> np.ndarray:
        """Of the filter, such that sums over squares of map and filter give the product itself."""
        return np.conj(rfft2(self._coarse(self.kernel) / self._step**2))

    @cached_property
    def _places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Distance of each shift from the centre in arcmin, which are near, and which elsewhere."""
        side = self.grid.pixels // self._step
        shift = np.fft.fftfreq(side) * self.grid.pixels * self.grid.pixel_arcmin
        radius = np.hypot(shift[:, None], shift)
        apart = APART * self.beam_fwhm_arcmin
        inside = np.abs(shift) <= self.grid.pixels * self.grid.pixel_arcmin / 2.0 - apart
        elsewhere = (radius > apart) & (radius <= self.farthest_arcmin) & inside[:, None] & inside
        near = radius <= NEAR * self.beam_fwhm_arcmin
        return radius.ravel(), np.flatnonzero(near), np.flatnonzero(elsewhere)

    def __call__(self, maps: np.ndarray, level: np.ndarray) -> Spots:
        """The spots of maps.

        Args:
            maps: `(n, pixels, pixels)` or `(n, bands, pixels, pixels)`.
            level: of the noise, in the maps' unit, `(n,)`.
        """
        radius, near, elsewhere = self._places
        images = maps.reshape(len(maps), *self.kernel.shape)
        smallest = self._step * self.grid.pixel_arcmin
        columns = []
        for start in range(0, len(maps), AT_ONCE):
            coarse = self._coarse(images[start : start + AT_ONCE])
            coarse -= coarse.mean(axis=(2, 3), keepdims=True)
            modes = (rfft2(coarse) * self._transform).sum(axis=1)
            product = irfft2(modes, s=coarse.shape[2:])
            flat = product.reshape(len(coarse), -1) / level[start : start + AT_ONCE, None]
            place = near[flat[:, near].argmax(axis=1)]
            others = flat[:, elsewhere] if len(elsewhere) else np.zeros((len(flat), 1))
            columns.append(
                (
                    flat[np.arange(len(flat)), place],
                    np.maximum(radius[place], smallest),
                    others.max(axis=1),
                )
            )
        return Spots(
            *(np.concatenate(column).astype(float) for column in zip(*columns, strict=True))
        )
