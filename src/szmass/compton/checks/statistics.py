"""Statistics of y-maps whose expectation is known from theory."""

from __future__ import annotations

import numpy as np
from scipy.special import j0, j1

from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.grid import PixelGrid
from szmass.sky.symmetries import SYMMETRIES, turned
from szmass.units import FWHM_PER_SIGMA

BEAM_WAVENUMBER = 3.8
"""Over the beam's sigma: where the aperture's transform is cut. The beam passes 7e-4 there."""
CUT_STEEPNESS = 8
LARGEST_OVER_CUT = 1.5
WAVENUMBERS = 192
REACH_SIGMAS = 8.0
"""Beam sigmas within which the aperture's weights around the disc fall to nothing."""
MOST_LAG = 6


class ClusterStatistics:
    """Measures clean maps of clusters.

    y500 is read off the map behind its beam: the azimuthal mean of the map's transform,
    h(k) = sum_pixels y J0(k r) times the pixel's area, gives the integral of the sky without a
    beam of sigma b over a disc as int k dk / (2 pi) g(k) exp(k^2 b^2 / 2) h(k), where
    g(k) = 2 pi theta500 J1(k theta500) / k is cut smoothly at k = 3.8 / b. What the cut does to
    a sphere is known (`resolved_share`) and divided out.

    Args:
        grid: the pixels.
        beam_fwhm_arcmin: of the Gaussian beam.
        profiles: the spherical profiles that clusters are made of.
    """

    def __init__(self, grid: PixelGrid, beam_fwhm_arcmin: float, profiles: RadialTables) -> None:
        self.grid = grid
        self._sigma_arcmin = beam_fwhm_arcmin / FWHM_PER_SIGMA
        self._edge = BEAM_WAVENUMBER / self._sigma_arcmin
        nodes, weights = np.polynomial.legendre.leggauss(WAVENUMBERS)
        self._k = (nodes + 1.0) / 2.0 * LARGEST_OVER_CUT * self._edge
        cut = np.exp(-0.5 * (self._k / self._edge) ** CUT_STEEPNESS)
        self._weight = weights / 2.0 * LARGEST_OVER_CUT * self._edge * cut
        radius = grid.radius_arcmin.ravel()
        self._to_transform = j0(radius[:, None] * self._k) * grid.pixel_arcmin**2
        self._profiles = profiles
        inside = profiles.enclosed(np.ones((1, 1)), np.ones((1, len(profiles.pressure(self._k)))))
        self._mean_y500 = 2.0 * np.pi * float(inside[0, 0])
        window = np.exp(-0.5 * (radius / self._sigma_arcmin) ** 2) * grid.pixel_arcmin**2
        x, y = np.meshgrid(grid.axis_arcmin, grid.axis_arcmin)
        self._moments = np.stack([window, window * x.ravel(), window * y.ravel()], axis=1)

    def measure(self, maps: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Measures clean maps without unusable values.

        Args:
            maps: `compton_y` of shape `(n, pixels, pixels)`, `theta500_arcmin` and
                `y500_cyl_arcmin2` of shape `(n,)`.

        Returns:
            Columns by name, each `(n,)`; NaN for what would be read off in a disc that the map
            does not hold.
        """
        theta, y500 = maps["theta500_arcmin"][:, None], maps["y500_cyl_arcmin2"]
        images = maps["compton_y"].reshape(len(theta), -1).astype(float)
        deconvolved = self._weight * np.exp((self._k * self._sigma_arcmin) ** 2 / 2.0)
        disc = theta * j1(self._k * theta) * deconvolved
        found = ((images @ self._to_transform) * disc).sum(axis=1)
        half_side = self.grid.pixels * self.grid.pixel_arcmin / 2.0
        held = theta[:, 0] <= half_side - REACH_SIGMAS * self._sigma_arcmin
        share = self.resolved_share(theta[:, 0])
        ratio = np.where(held, found / (y500 * share), np.nan)
        return {
            "lowest_over_highest": images.min(axis=1) / images.max(axis=1),
            "map_over_y500": ratio,
            "hidden_share": np.where(held, np.abs(share - 1.0), np.nan),
            "distance_from_y500": np.abs(ratio - 1.0) / self.edge_share(theta[:, 0]),
        }

    def resolved_share(self, theta500_arcmin: np.ndarray) -> np.ndarray:
        """What the cut aperture finds of a sphere's y500, of the mean profile; `(n,)`."""
        k_theta = self._k * theta500_arcmin[:, None]
        factors = np.ones((len(k_theta), len(self._profiles.pressure(self._k))))
        shape = self._profiles.transform(k_theta, factors)
        disc = theta500_arcmin[:, None] * j1(k_theta) * self._weight
        return np.asarray((disc * shape).sum(axis=1) / self._mean_y500)

    def edge_share(self, theta500_arcmin: np.ndarray) -> np.ndarray:
        """Share of a sphere's y500 within a resolution length 1 / k of the disc's edge, `(n,)`.

        It is the most that is hidden from the aperture: the radius of the disc is then wrong by
        all that the beam leaves open.
        """
        at_edge = self._profiles.projected(
            np.ones((1, 1)), np.ones((1, len(self._profiles.pressure(self._k))))
        )[0, 0]
        return np.asarray(2.0 * np.pi * at_edge / self._mean_y500 / (self._edge * theta500_arcmin))

    def all_over_y500(self) -> float:
        """A sphere's whole Y over its y500: no line of sight along an ellipsoid exceeds it."""
        factors = np.ones((1, len(self._profiles.pressure(self._k))))
        return float(self._profiles.transform(np.zeros((1, 1)), factors)[0, 0] / self._mean_y500)

    def moments(self, images: np.ndarray) -> np.ndarray:
        """Integrals of y (1, x, y) exp(-r^2 / 2 b^2) over maps, `(n, 3)`; b is the beam's sigma."""
        return np.asarray(images.reshape(-1, self.grid.pixels**2).astype(float) @ self._moments)


def noise_error(planck: np.ndarray, clean: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """How far a map is from clean map plus noise in the best of the square's eight symmetries.

    Args:
        planck: `(n, pixels, pixels)`, float32.
        clean: of that shape.
        noise: of that shape.

    Returns:
        The largest difference of a pixel, relative to the map's largest pixel; `(n,)`.
    """
    added = planck - clean
    errors = [
        np.abs(added - turned(noise, symmetry)).max(axis=(1, 2)) for symmetry in range(SYMMETRIES)
    ]
    return np.asarray(np.min(errors, axis=0) / np.abs(planck).max(axis=(1, 2)))


def lag_products(images: np.ndarray) -> np.ndarray:
    """Mean of y times y so many pixels further along x or y, `(n, MOST_LAG + 1)`."""
    values = images.astype(float)
    means = [(values**2).mean(axis=(1, 2))]
    for lag in range(1, MOST_LAG + 1):
        along_x = (values[:, :, lag:] * values[:, :, :-lag]).mean(axis=(1, 2))
        along_y = (values[:, lag:] * values[:, :-lag]).mean(axis=(1, 2))
        means.append((along_x + along_y) / 2.0)
    return np.stack(means, axis=1)
