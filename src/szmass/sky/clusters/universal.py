"""Spherical clusters with the universal pressure profile, seen through a Gaussian beam."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import j0, roots_legendre

from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes
from szmass.sky.grid import gaussian_beam
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA

UNIVERSAL_PRESSURE = GnfwPressure(
    p0=8.403,
    c500=1.177,
    gamma=0.3081,
    alpha=1.0510,
    beta=5.4905,
    alpha_p=0.12,
    alpha_p_of_radius=True,
    truncation_r500=5.0,
)
"""Arnaud et al. 2010 (arXiv 0910.1234), Eq. 12."""
BEAM_SIGMAS = 7.0  # where the integral over l ends, in sigmas of the beam's transfer function
HANKEL_NODES = 1500
TABLE_STEP = 0.02


def beamed_profiles(
    theta500_arcmin: np.ndarray,
    radius_arcmin: np.ndarray,
    *,
    beam_fwhm_arcmin: float,
    pressure: GnfwPressure = UNIVERSAL_PRESSURE,
) -> np.ndarray:
    """Profiles of y behind the beam, for clusters whose y within theta500 is 1 arcmin^2 before it.

    y(theta) = int l dl / (2 pi) J0(l theta) B_l F(l theta500), where
    F(k) = int 3 x^2 p(x) sin(k x) / (k x) dx / J(1) is the transform of the projected sphere and
    J(1) its share within the cylinder of R500 (Arnaud et al. 2010, Eq. 20).

    Args:
        theta500_arcmin: angles of R500, shape `(n,)`.
        radius_arcmin: angles from the centre, shape `(k,)`, at most some 20 theta500 of the
            largest cluster.
        beam_fwhm_arcmin: full width at half maximum of the Gaussian beam.
        pressure: profile of all clusters; only its shape matters.

    Returns:
        Dimensionless y of clusters with 1 arcmin^2, shape `(n, k)`.

    Example:
        A cluster of theta500 = 8' behind Planck's 10', at 0, 10 and 20' from its centre:

        >>> y = beamed_profiles(np.array([8.0]), np.array([0.0, 10, 20]), beam_fwhm_arcmin=10.0)
        >>> (y * 1e3).round(3)
        array([[6.003, 1.379, 0.133]])
    """
    half_range = BEAM_SIGMAS / 2.0 * FWHM_PER_SIGMA / (beam_fwhm_arcmin * ARCMIN_RAD)
    # numpy's leggauss takes seconds for so many
    nodes, weights = roots_legendre(HANKEL_NODES)
    ell = half_range * (nodes + 1.0)
    theta500_rad = theta500_arcmin * ARCMIN_RAD
    x, x_weight = radial_nodes(pressure.truncation_r500)
    shell = 3.0 * x**2 * pressure.shape(x) * x_weight / pressure.cylinder_integral(1.0)
    k = np.arange(0.0, ell[-1] * theta500_rad.max() + 3 * TABLE_STEP, TABLE_STEP)
    # np.sinc(t) = sin(pi t) / (pi t)
    transform = CubicSpline(k, np.sinc(k[:, None] * x / np.pi) @ shell)
    kernel = ell * half_range * weights * gaussian_beam(ell, beam_fwhm_arcmin) / (2.0 * np.pi)
    to_angle = kernel[:, None] * j0(ell[:, None] * radius_arcmin * ARCMIN_RAD)
    return transform(theta500_rad[:, None] * ell) @ to_angle * ARCMIN_RAD**2
