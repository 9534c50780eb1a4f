"""Images of many round clusters at once, from tables of their profiles behind a beam."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles
from szmass.sky.grid import PixelGrid

SIZES = 48
STEPS_A_BEAM = 8.0
BEAMS = 2.0
"""How far behind the gas's end a cluster is drawn, in beams."""


@dataclass(frozen=True)
class RoundClusters:
    """Images of clusters with the universal profile anywhere on a grid.

    The profile of a cluster is interpolated between tabulated sizes, linearly in ln theta500, and
    linearly in radius: within 1 % of `beamed_profiles`.

    Example:
        A cluster in the middle, whose Y is 1 arcmin^2 within theta500 and 1.5 altogether:

        >>> images = RoundClusters(PixelGrid(64, 0.5), 1.5, (1.0, 8.0))
        >>> image = images(np.ones(1), np.full(1, 2.0), np.zeros((1, 2)))
        >>> round(float(image.sum() * 0.5**2), 2)
        1.5
    """

    grid: PixelGrid
    beam_fwhm_arcmin: float
    theta500_arcmin: tuple[float, float]
    """The smallest and the largest."""

    @cached_property
    def _sizes(self) -> np.ndarray:
        return np.geomspace(*self.theta500_arcmin, SIZES)

    @cached_property
    def _radii(self) -> np.ndarray:
        farthest = 1.5 * self.grid.pixels * self.grid.pixel_arcmin
        step = self.beam_fwhm_arcmin / STEPS_A_BEAM
        return np.arange(0.0, farthest + step, step)

    @cached_property
    def _profiles(self) -> np.ndarray:
        return beamed_profiles(self._sizes, self._radii, beam_fwhm_arcmin=self.beam_fwhm_arcmin)

    def __call__(
        self, y_arcmin2: np.ndarray, theta500_arcmin: np.ndarray, position_arcmin: np.ndarray
    ) -> np.ndarray:
        """The sum of their y, `(pixels, pixels)`.

        Args:
            y_arcmin2: Y in the cylinder of R500, `(n,)`.
            theta500_arcmin: angles of R500, `(n,)`.
            position_arcmin: along x and y from the grid's centre, `(n, 2)`.
        """
        axis, image = self.grid.axis_arcmin, np.zeros((self.grid.pixels, self.grid.pixels))
        place = np.interp(np.log(theta500_arcmin), np.log(self._sizes), np.arange(SIZES))
        for y, size, (x_arcmin, y_arcmin) in zip(y_arcmin2, place, position_arcmin, strict=True):
            low = min(int(size), SIZES - 2)
            share = size - low
            profile = (1.0 - share) * self._profiles[low] + share * self._profiles[low + 1]
            reach = UNIVERSAL_PRESSURE.truncation_r500 * self._sizes[low + 1]
            reach += BEAMS * self.beam_fwhm_arcmin
            rows, columns = (
                slice(*np.searchsorted(axis, (centre - reach, centre + reach)))
                for centre in (y_arcmin, x_arcmin)
            )
            radius = np.hypot((axis[rows] - y_arcmin)[:, None], axis[columns] - x_arcmin)
            image[rows, columns] += y * np.interp(radius, self._radii, profile)
        return image
