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
        """Slope."""

    @property
    def log10_b(self) -> float:
        """Normalisation."""


@dataclass(frozen=True)
class ScalingRelation:
    """E(z)^(-2/3) D_A^2 Y(R500) / 1e-4 Mpc^2 = B (h / 0.7)^(alpha - 2) (M500 / 6e14 Msun)^alpha.

    De Andres et al. 2022 (arXiv 2209.10333), Eq. 4.
    """

    alpha: float
    log10_b: float
    cylinder_over_fitted: float = 1.0
    """Y in the cylinder of radius R500 over the Y that was fitted; 1 where that was it."""

    @classmethod
    def of(cls, settings: HasRelation) -> Self:
        """The relation that settings give, of Y in the cylinder."""
        return cls(settings.alpha, settings.log10_b)


PLANCK_RELATION = ScalingRelation(alpha=1.79, log10_b=-0.19, cylinder_over_fitted=1.2)
"""By which Planck weighed its clusters, with Y in a sphere (as above, text at Eq. 4)."""


def y_cyl_mpc2(
    m500c_msun: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Intrinsic Y of clusters, D_A^2 times the integral of y within R500 on the sky.

    Args:
        m500c_msun: masses M500c in Msun, any shape.
        redshift: redshifts, of that shape.
        relation: between mass and Y.
        cosmology: E(z) and h.

    Returns:
        Y in Mpc^2, of the masses' shape.
    """
    mass = np.asarray(m500c_msun) / PIVOT_M500_MSUN
    return _pivot_y_mpc2(redshift, relation, cosmology) * mass**relation.alpha


def m500c_msun_from_y_cyl(
    y_mpc2: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """The mass M500c in Msun that a relation gives to an intrinsic Y: `y_cyl_mpc2` inverted."""
    ratio = np.asarray(y_mpc2) / _pivot_y_mpc2(redshift, relation, cosmology)
    return PIVOT_M500_MSUN * ratio ** (1.0 / relation.alpha)


def mpc2_per_arcmin2(redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    """By what an observed Y in arcmin^2 is multiplied to become the intrinsic one in Mpc^2."""
    distance_mpc = cosmology.angular_distance_mpc(np.asarray(redshift, dtype=float))
    return (distance_mpc * ARCMIN_RAD) ** 2


def _pivot_y_mpc2(
    redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Intrinsic Y in the cylinder of a cluster of 6e14 Msun."""
    amplitude = PIVOT_Y_MPC2 * 10.0**relation.log10_b * cosmology.h70 ** (relation.alpha - 2.0)
    e_z = cosmology.e_z(np.asarray(redshift, dtype=float))
    return relation.cylinder_over_fitted * amplitude * e_z ** (2.0 / 3.0)
