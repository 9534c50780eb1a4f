"""The mass whose noiseless image fits a map best, with noise as a map's Fourier modes have it."""

from __future__ import annotations

import numpy as np

from szmass.evaluation.statistics import peak_of_rows
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import PIVOT_M500_MSUN, ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2

THETA500_ARCMIN = np.geomspace(0.5, 120.0, 150)


MASS_AXIS_MSUN = np.geomspace(3e13, 5e15, 301)


class MatchedFilter:
    """The mass whose noiseless image fits a map best, R500 and Y both following from it.

    The image of a cluster at redshift z is Y(M, z) tau(theta500(M, z)): a spherical profile of
    unit Y in the cylinder of R500 behind the beam. A filter alone trades Y against theta500; the
    relation breaks that, as one mass gives both. With the overlap a = tau C^-1 d and the power
    b = tau C^-1 tau, ln L(M) = Y a - Y^2 b / 2. Maps and images enter as means over rings of
    Fourier modes, in which a centred round image keeps all it has; the map's mean level is left
    out. Of a real map the modes k and -k are conjugate, so a ring of n modes has n / 2 independent
    real parts, and its mean the variance 2 P / n, with P the mean square of a mode's real part over
    cutouts of noise. Correlations between rings, which a cutout's edges make, are left out.

    Args:
        noise_y: cutouts of noise alone, `(n, pixels, pixels)`; a few dozen do.
        grid: the pixels.
        beam_fwhm_arcmin: of the maps.
        pressure: profile of the images.
        relation: between mass and Y in the cylinder.
        cosmology: E(z), h and distances.
    """

    def __init__(
        self,
        noise_y: np.ndarray,
        *,
        grid: PixelGrid,
        beam_fwhm_arcmin: float,
        pressure: GnfwPressure,
        relation: ScalingRelation,
        cosmology: Cosmology,
    ) -> None:
        self._relation, self._cosmology = relation, cosmology
        self._rings = _Rings(grid)
        power = np.mean([self._rings.power(y) for y in np.asarray(noise_y, dtype=float)], axis=0)
        precision = self._rings.count / (2.0 * power)
        images = unit_images(THETA500_ARCMIN, grid, beam_fwhm_arcmin, pressure)
        templates = np.array([self._rings.mean(image) for image in images])
        weighted = templates * precision
        self._filters = weighted.T
        self._power = np.sum(weighted * templates, axis=1)

    def __call__(self, maps_y: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Masses M500c of the clusters at the maps' centres, `(n,)` in Msun.

        Args:
            maps_y: Compton y, `(n, pixels, pixels)`.
            redshift: `(n,)`.
        """
        return np.exp(peak_of_rows(np.log(MASS_AXIS_MSUN), self.ln_likelihood(maps_y, redshift)))

    def ln_likelihood(self, maps_y: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Log-likelihood Y a - Y^2 b / 2 on `MASS_AXIS_MSUN`, 0 at no cluster, `(n, masses)`.

        Args:
            maps_y: Compton y, `(n, pixels, pixels)`.
            redshift: `(n,)`.
        """
        overlap = self._overlap(maps_y)
        z = np.asarray(redshift, dtype=float)
        one, share = np.full(len(z), PIVOT_M500_MSUN), MASS_AXIS_MSUN / PIVOT_M500_MSUN
        pivot_y = y_cyl_mpc2(one, z, self._relation, self._cosmology)
        pivot_y = pivot_y / mpc2_per_arcmin2(z, self._cosmology)
        ln_pivot_theta = np.log(self._cosmology.theta500_arcmin(one, z))
        nodes, likelihood = np.log(THETA500_ARCMIN), np.empty((len(z), len(share)))
        for row in range(len(z)):
            y = pivot_y[row] * share**self._relation.alpha
            ln_theta = ln_pivot_theta[row] + np.log(share) / 3.0
            power = np.interp(ln_theta, nodes, self._power)
            likelihood[row] = y * np.interp(ln_theta, nodes, overlap[row]) - y**2 * power / 2.0
        return likelihood

    def amplitude_arcmin2(self, maps_y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Y in the cylinder of R500 for each angle of `THETA500_ARCMIN`, and its standard error.

        Y = a / b with the error b^(-1/2), without a relation between mass, Y and theta500.

        Args:
            maps_y: Compton y, `(n, pixels, pixels)`.

        Returns:
            Y, `(n, angles)`, and its error, the same for all maps, `(angles,)`, in arcmin^2.
        """
        return self._overlap(maps_y) / self._power, 1.0 / np.sqrt(self._power)

    def _overlap(self, maps_y: np.ndarray) -> np.ndarray:
        return np.array([self._rings.mean(y) for y in maps_y]) @ self._filters


def unit_images(
    theta500_arcmin: np.ndarray, grid: PixelGrid, beam_fwhm_arcmin: float, pressure: GnfwPressure
) -> np.ndarray:
    """Images of spheres of Y = 1 arcmin^2 in the cylinder of R500, after the beam.

    Args:
        theta500_arcmin: angles of R500, `(k,)`.
        grid: the pixels.
        beam_fwhm_arcmin: of the maps.
        pressure: profile.

    Returns:
        Per arcmin^2, `(k, pixels, pixels)`.
    """
    radii_arcmin, index = grid.unique_radii
    profiles = beamed_profiles(
        theta500_arcmin, radii_arcmin, beam_fwhm_arcmin=beam_fwhm_arcmin, pressure=pressure
    )
    return profiles[:, index].reshape(-1, grid.pixels, grid.pixels)


class _Rings:
    """Fourier modes of a cutout by distance from zero, the zero itself left out."""

    def __init__(self, grid: PixelGrid) -> None:
        step = np.fft.fftfreq(grid.pixels, 1.0 / grid.pixels)
        half = np.fft.rfftfreq(grid.pixels, 1.0 / grid.pixels)
        radius = np.hypot(step[:, None], half[None, :])
        modes = np.where((half > 0) & (half < grid.pixels / 2), 2.0, 1.0) * np.ones_like(radius)
        ring = np.rint(radius).astype(int).ravel()
        most = grid.pixels // 2
        self._kept = (ring > 0) & (ring <= most)
        self._ring, self._modes = ring[self._kept] - 1, modes.ravel()[self._kept]
        self.count = np.bincount(self._ring, self._modes)
        centre = (grid.pixels - 1) / 2.0
        turn = 2.0 * np.pi * centre / grid.pixels
        phase = np.exp(1j * turn * (step[:, None] + half[None, :]))
        self._phase = phase.ravel()[self._kept]

    def _transform(self, image: np.ndarray) -> np.ndarray:
        """Modes about the grid's centre."""
        return np.fft.rfft2(image).ravel()[self._kept] * self._phase

    def mean(self, image: np.ndarray) -> np.ndarray:
        """Mean of the modes in each ring (real: modes come in conjugate pairs), `(rings,)`."""
        return np.bincount(self._ring, self._transform(image).real * self._modes) / self.count

    def power(self, image: np.ndarray) -> np.ndarray:
        """Mean square of the modes' real parts in each ring, `(rings,)`."""
        real = self._transform(image).real
        return np.bincount(self._ring, real**2 * self._modes) / self.count
