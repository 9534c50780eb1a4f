"""Electron pressure of clusters: generalised NFW profiles and their integrals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from szmass.units import MASS_UNIT_MSUN

PIVOT_M500_MSUN = 3.0 * MASS_UNIT_MSUN  # times 1 / h70
PRESSURE_UNIT_KEV_CM3 = 1.65e-3  # times h70^2


@dataclass(frozen=True)
class GnfwPressure:
    """A universal pressure profile (Arnaud+2010, arXiv 0910.1234, Eqs. 7-13).

    p(x) = P0 h70^(-3/2) / {(c500 x)^gamma [1 + (c500 x)^alpha]^((beta - gamma) / alpha)},
    x = r / R500, cut off at `truncation_r500`.

    Example:
        The universal profile, and its integrals within a sphere and a cylinder of radius R500:

        >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
        >>> UNIVERSAL_PRESSURE.shape(np.array([0.1, 1.0, 6.0])).round(3)
        array([9.906, 0.169, 0.   ])
        >>> round(UNIVERSAL_PRESSURE.sphere_integral(1.0), 4)
        0.6148
        >>> round(UNIVERSAL_PRESSURE.cylinder_integral(1.0), 4)
        0.7402
    """

    p0: float
    c500: float
    gamma: float
    alpha: float
    beta: float
    alpha_p: float
    """Departure of the pressure's mass dependence from self-similarity, 0.12 (Eq. 7)."""
    alpha_p_of_radius: bool
    """Whether alpha'_P(x) of Eq. 9, which weakens that departure with radius, is added."""
    truncation_r500: float

    def shape(self, x: np.ndarray) -> np.ndarray:
        """p(x) without the factor h70^(-3/2); 0 beyond the truncation."""
        scaled = self.c500 * x
        profile = (
            self.p0
            * scaled**-self.gamma
            * (1.0 + scaled**self.alpha) ** ((self.gamma - self.beta) / self.alpha)
        )
        return np.where(x <= self.truncation_r500, profile, 0.0)

    def mass_exponent(self, x: np.ndarray) -> np.ndarray:
        """2/3 + alpha_P + alpha'_P(x), the power of M500 / (3e14 / h70 Msun).

        Example:
            >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
            >>> UNIVERSAL_PRESSURE.mass_exponent(np.array([0.0, 0.5, 5.0])).round(3)
            array([0.887, 0.777, 0.667])
        """
        exponent = 2.0 / 3.0 + self.alpha_p + np.zeros_like(x)
        if self.alpha_p_of_radius:
            cube = (2.0 * x) ** 3
            exponent += 0.10 - (self.alpha_p + 0.10) * cube / (1.0 + cube)
        return exponent

    def electron_pressure_kev_cm3(
        self, x: np.ndarray, m500c_msun: np.ndarray, *, e_z: float, h70: float
    ) -> np.ndarray:
        """P_e(r) of Eq. 13: 1.65e-3 E^(8/3) [M500 / (3e14 / h70)]^(...) p(x) h70^2 keV/cm^3.

        Args:
            x: r / R500; broadcast against the mass.
            m500c_msun: M500c in Msun.
            e_z: H(z) / H0.
            h70: H0 / (70 km/s/Mpc).

        Example:
            At a tenth of R500 in a cluster of 3e14 Msun at z = 0, 1.65e-3 * 9.906 keV/cm^3:

            >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
            >>> pressure = UNIVERSAL_PRESSURE.electron_pressure_kev_cm3(
            ...     np.array([0.1]), np.array([3e14]), e_z=1.0, h70=1.0
            ... )
            >>> pressure.round(4)
            array([0.0163])
        """
        mass = np.asarray(m500c_msun) * h70 / PIVOT_M500_MSUN
        scale = PRESSURE_UNIT_KEV_CM3 * e_z ** (8.0 / 3.0) * h70**2
        return scale * mass ** self.mass_exponent(x) * h70**-1.5 * self.shape(x)

    def sphere_integral(self, radius_r500: float) -> float:
        """I = int_0^x 3 u^2 p(u) du (Eq. 16; 0.6145 at x = 1 for the universal profile)."""
        x, weights = radial_nodes(radius_r500)
        return float(np.sum(3.0 * x**2 * self.shape(x) * weights))

    def cylinder_integral(self, radius_r500: float) -> float:
        """J, the same integral within a cylinder of that radius (Eq. 20; 0.7398 at x = 1)."""
        inside = self.sphere_integral(radius_r500)
        x, weights = radial_nodes(self.truncation_r500, radius_r500)
        # share of the shell of radius x that lies within the cylinder
        share = 1.0 - np.sqrt(1.0 - (radius_r500 / x) ** 2)
        return inside + float(np.sum(3.0 * x**2 * self.shape(x) * share * weights))


def radial_nodes(
    outer: float, inner: float = 0.0, nodes: int = 400
) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights on (inner, outer), crowded quadratically at the inner end.

    The crowding makes the cusp of a GNFW profile, and the square root at the edge of a
    cylinder, smooth in the variable of integration.

    Example:
        The integral of 1 / sqrt(x) from 0 to 4 is 4:

        >>> x, weights = radial_nodes(4.0)
        >>> round(float(np.sum(weights / np.sqrt(x))), 9)
        4.0
    """
    t, weights = _gauss_legendre(nodes)
    u = (t + 1.0) / 2.0
    return inner + (outer - inner) * u**2, (outer - inner) * u * weights


@lru_cache
def _gauss_legendre(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on (-1, 1), computed once per process: 400 of them take 0.1 s."""
    return np.polynomial.legendre.leggauss(nodes)
