"""The SZ image of a spherical cluster as an experiment sees it."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import j0

from szmass.errors import SzmassError
from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.units import ARCMIN_RAD, ELECTRON_REST_KEV, MPC_CM, THOMSON_CM2

Y_PER_KEV_CM3_MPC = THOMSON_CM2 / ELECTRON_REST_KEV * MPC_CM


def compton_y_profile(
    m200c_msun: np.ndarray,
    radius_arcmin: np.ndarray,
    *,
    redshift: float,
    cosmology: Cosmology,
    pressure: GnfwPressure,
    ell: np.ndarray,
    ell_weight: np.ndarray,
    transfer: np.ndarray,
) -> np.ndarray:
    """Compton y of clusters against angle, after beam and pixel window.

    The two-dimensional transform of a projected sphere is the three-dimensional transform of
    the sphere, so nothing is projected:
    y(theta) = int l dl / (2 pi) J0(l theta) T_l y_l,
    y_l = sigma_T / (m_e c^2) D_A^(-2) int 4 pi r^2 P_e(r) sin(l r / D_A) / (l r / D_A) dr.

    Args:
        m200c_msun: masses, shape `(m,)`.
        radius_arcmin: angles from the centre, shape `(n,)`.
        redshift: the same for all clusters.
        cosmology: distances and mass conversion.
        pressure: electron pressure profile.
        ell: multipoles at which the outer integral is taken, shape `(k,)`.
        ell_weight: quadrature weights of these multipoles.
        transfer: T_l, beam times pixel window, at these multipoles.

    Returns:
        Dimensionless y, shape `(m, n)`.

    Example:
        y of a cluster of 5e14 Msun behind a beam of 1', in the centre and 2' from it:

        >>> from szmass.sky.grid import gaussian_beam
        >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
        >>> nodes, weights = np.polynomial.legendre.leggauss(100)
        >>> ell = 20_000 * (nodes + 1)
        >>> y = compton_y_profile(
        ...     np.array([5e14]), np.array([0.0, 2.0]), redshift=0.7,
        ...     cosmology=Cosmology("planck18", "diemer15_orig"), pressure=UNIVERSAL_PRESSURE,
        ...     ell=ell, ell_weight=20_000 * weights, transfer=gaussian_beam(ell, 1.0),
        ... )
        >>> (y * 1e6).round(1)
        array([[47. ,  4.7]])
    """
    m500c_msun, r500c_mpc = cosmology.m500c_and_r500c(np.asarray(m200c_msun), redshift)
    distance_mpc = cosmology.angular_distance_mpc(redshift)
    x, x_weight = radial_nodes(pressure.truncation_r500)
    to_angle = (ell * ell_weight * transfer / (2.0 * np.pi))[:, None] * j0(
        ell[:, None] * radius_arcmin * ARCMIN_RAD
    )
    profiles = np.empty((len(m500c_msun), len(radius_arcmin)))
    for i, (m500c, r500c) in enumerate(zip(m500c_msun, r500c_mpc, strict=True)):
        shell = (
            x_weight
            * 4.0
            * np.pi
            * x**2
            * pressure.electron_pressure_kev_cm3(
                x, m500c, e_z=cosmology.e_z(redshift), h70=cosmology.h70
            )
        )
        # np.sinc(t) = sin(pi t) / (pi t)
        y_ell = np.sinc(ell[:, None] * x * (r500c / distance_mpc / np.pi)) @ shell
        profiles[i] = (y_ell * (Y_PER_KEV_CM3_MPC * r500c**3 / distance_mpc**2)) @ to_angle
    return profiles


def nfw_surface_density(x: np.ndarray) -> np.ndarray:
    """Projected density of an NFW halo at x = R / r_s > 0, up to a factor.

    F(x) = [1 - arccosh(1/x) / sqrt(1 - x^2)] / (x^2 - 1), continued through x = 1
    (Bartelmann 1996, arXiv astro-ph/9602053, Eq. 7).

    Example:
        >>> nfw_surface_density(np.array([0.1, 1.0, 2.0])).round(4)
        array([2.0286, 0.3333, 0.1318])
    """
    x = np.asarray(x, dtype=float)
    root = np.sqrt(np.abs(x**2 - 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        inside, outside = np.arccosh(1.0 / np.minimum(x, 1.0)), np.arccos(1.0 / np.maximum(x, 1.0))
        angle = np.where(x < 1.0, inside, outside)
        density = (1.0 - angle / root) / (x**2 - 1.0)
    return np.where(np.abs(x - 1.0) < 1e-4, 1.0 / 3.0 - 0.4 * (x - 1.0), density)


class ClusterImages:
    """Images of clusters of any mass within a range, from profiles tabulated once.

    The logarithm of a profile is a cubic spline in ln M at each distinct pixel radius; with the
    nodes of the microwave sky an image differs from the integral by less than 1e-6 of its peak.

    Args:
        grid: the pixels.
        m200c_msun: masses at which profiles are tabulated, ascending, shape `(m,)`.
        profiles: their values at the radii `grid.unique_radii[0]`, all of one sign, shape
            `(m, radii)`.

    Raises:
        SzmassError: a profile is 0 somewhere, or changes sign.

    Example:
        Profiles that grow as M^(5/3), and an image between two of the tabulated masses:

        >>> grid = PixelGrid(pixels=2, pixel_arcmin=0.5)
        >>> masses = np.array([1e14, 2e14, 4e14])
        >>> images = ClusterImages(grid, masses, 1e-5 * (masses[:, None] / 1e14) ** (5 / 3))
        >>> (images(3e14) * 1e5).round(2)  # 3^(5/3) = 6.24
        array([[[6.24, 6.24],
                [6.24, 6.24]]])
    """

    def __init__(self, grid: PixelGrid, m200c_msun: np.ndarray, profiles: np.ndarray) -> None:
        self.mass_range_msun = float(m200c_msun[0]), float(m200c_msun[-1])
        self._pixels = grid.pixels
        self._pixel_index = grid.unique_radii[1]
        self._sign = float(np.sign(profiles[0, 0]))
        wrong = ~(self._sign * profiles > 0).all(axis=1)
        if wrong.any():
            raise SzmassError(
                f"the profile of a cluster of {m200c_msun[wrong][0]:g} Msun is 0 or changes sign "
                f"within {grid.unique_radii[0][-1]:.3g} arcmin: expected profiles of one sign"
            )
        self._ln_profile = CubicSpline(np.log(m200c_msun), np.log(self._sign * profiles), axis=0)

    def __call__(
        self, m200c_msun: np.ndarray | float, amplitude: np.ndarray | float = 1.0
    ) -> np.ndarray:
        """Images of shape `(n, pixels, pixels)` in the unit of the profiles.

        Args:
            m200c_msun: masses, a number or shape `(n,)`.
            amplitude: factors of the images, a number or shape `(n,)`.

        Raises:
            SzmassError: a mass lies outside the tabulated range.
        """
        masses = np.atleast_1d(np.asarray(m200c_msun, dtype=float))
        low, high = self.mass_range_msun
        outside = (masses < low) | (masses > high)
        if outside.any():
            raise SzmassError(
                f"m200c_msun = {masses[outside][0]:g} lies outside the tabulated clusters, "
                f"{low:g} to {high:g} Msun"
            )
        factor = self._sign * np.reshape(amplitude, (-1, 1))
        profiles = factor * np.exp(self._ln_profile(np.log(masses)))
        return profiles[:, self._pixel_index].reshape(-1, self._pixels, self._pixels)
