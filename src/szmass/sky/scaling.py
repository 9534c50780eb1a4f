"""The relation between a cluster's mass and its integrated Compton y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.units import ARCMIN_RAD, MASS_UNIT_MSUN

PIVOT_M500_MSUN = 6.0 * MASS_UNIT_MSUN
PIVOT_Y_MPC2 = 1e-4


class HasRelation(Protocol):
    """Settings that give a mass-Y relation."""

    @property
    def alpha(self) -> float:
        """Slope of ln Y against ln M500."""

    @property
    def log10_b(self) -> float:
        """Decimal logarithm of the normalisation B."""


@dataclass(frozen=True)
class ScalingRelation:
    """E(z)^(-2/3) D_A^2 Y(R500) / 1e-4 Mpc^2 = B (h / 0.7)^(alpha - 2) (M500 / 6e14 Msun)^alpha.

    De Andres et al. 2022 (arXiv 2209.10333), Eq. 4.

    Example:
        Planck's relation at the pivot mass and z = 0, and back:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> masses, redshift = np.array([6e14]), np.array([0.0])
        >>> y_mpc2 = y_cyl_mpc2(masses, redshift, PLANCK_RELATION, planck18)
        >>> (y_mpc2 * 1e5).round(2)  # 1e-4 * 10^-0.19 * (0.6766 / 0.7)^(1.79 - 2) * 1.2
        array([7.8])
        >>> m500c_msun_from_y_cyl(y_mpc2, redshift, PLANCK_RELATION, planck18).round(-10) / 1e14
        array([6.])
    """

    alpha: float
    log10_b: float
    cylinder_over_fitted: float = 1.0
    """Y in the cylinder of radius R500 over the Y that was fitted: 1 if that was the cylinder's."""

    @classmethod
    def of(cls, settings: HasRelation) -> Self:
        """The relation that settings give, for Y in the cylinder."""
        return cls(settings.alpha, settings.log10_b)


PLANCK_RELATION = ScalingRelation(alpha=1.79, log10_b=-0.19, cylinder_over_fitted=1.2)
"""The relation behind Planck's masses, which was fitted to Y in a sphere (same paper, at Eq. 4)."""


def y_cyl_mpc2(
    m500c_msun: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Intrinsic Y of clusters, D_A^2 times the integral of y within R500 on the sky.

    Args:
        m500c_msun: masses M500c in Msun, any shape.
        redshift: redshifts, of that shape.
        relation: the relation between mass and Y.
        cosmology: E(z) and h.

    Returns:
        Y in Mpc^2, of the masses' shape.
    """
    mass = np.asarray(m500c_msun) / PIVOT_M500_MSUN
    return _pivot_y_mpc2(redshift, relation, cosmology) * mass**relation.alpha


def m500c_msun_from_y_cyl(
    y_mpc2: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """The mass M500c in Msun that belongs to an intrinsic Y: the inverse of `y_cyl_mpc2`."""
    ratio = np.asarray(y_mpc2) / _pivot_y_mpc2(redshift, relation, cosmology)
    return PIVOT_M500_MSUN * ratio ** (1.0 / relation.alpha)


def mpc2_per_arcmin2(redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    """Factor that turns an observed Y in arcmin^2 into the intrinsic one in Mpc^2.

    Example:
        At z = 0.1 the angular-diameter distance is 393.2 Mpc, and 1' is 0.1144 Mpc:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> mpc2_per_arcmin2(np.array([0.1, 0.5]), planck18).round(5)
        array([0.01309, 0.14247])
    """
    distance_mpc = cosmology.angular_distance_mpc(np.asarray(redshift, dtype=float))
    return (distance_mpc * ARCMIN_RAD) ** 2


def _pivot_y_mpc2(
    redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Intrinsic Y in the cylinder of radius R500 of a cluster of 6e14 Msun."""
    amplitude = PIVOT_Y_MPC2 * 10.0**relation.log10_b * cosmology.h70 ** (relation.alpha - 2.0)
    e_z = cosmology.e_z(np.asarray(redshift, dtype=float))
    return relation.cylinder_over_fitted * amplitude * e_z ** (2.0 / 3.0)
