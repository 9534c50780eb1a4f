"""Haloes drawn from a mass function: those in a square on the sky, or between two masses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.units import ARCMIN_RAD

LIGHT_KM_S = 299_792.458  # exact, SI
REDSHIFT_CELLS = 96
LN_MASS_CELLS = 96
HEAVIEST_M500C_MSUN = 4e15


@dataclass(frozen=True)
class Haloes:
    """Haloes in a square on the sky."""

    m500c_msun: np.ndarray
    redshift: np.ndarray
    x_arcmin: np.ndarray
    """Positions relative to the middle of the square."""
    y_arcmin: np.ndarray


class LightCone:
    """Draws the haloes in a square on the sky: a Poisson number of them, placed uniformly.

    dN = dn/dlnM (dV / dz dOmega) dlnM dz dOmega, with dV / dz dOmega = c / H(z) [(1 + z) D_A]^2 and
    the mass function of `Cosmology.halo_density_mpc3`, in cells of redshift and ln M.

    Args:
        cosmology: distances and mass function.
        redshifts: of the nearest and the farthest haloes.
        lightest_m500c_msun: lowest M500c; the highest is `HEAVIEST_M500C_MSUN`.

    Example:
        Clusters above 1e14 Msun between redshifts 0.1 and 2, per square degree:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> cone = LightCone(planck18, redshifts=(0.1, 2.0), lightest_m500c_msun=1e14)
        >>> round(cone.per_arcmin2 * 3600, 2)
        9.53
    """

    def __init__(
        self, cosmology: Cosmology, *, redshifts: tuple[float, float], lightest_m500c_msun: float
    ) -> None:
        self._redshift_edges = np.linspace(*redshifts, REDSHIFT_CELLS + 1)
        self._ln_mass_edges = np.linspace(
            np.log(lightest_m500c_msun), np.log(HEAVIEST_M500C_MSUN), LN_MASS_CELLS + 1
        )
        redshift, ln_mass = (
            (edges[1:] + edges[:-1]) / 2.0 for edges in (self._redshift_edges, self._ln_mass_edges)
        )
        distance_mpc = (1.0 + redshift) * cosmology.angular_distance_mpc(redshift)
        volume_mpc3 = LIGHT_KM_S / (100.0 * cosmology.h * cosmology.e_z(redshift)) * distance_mpc**2
        density_mpc3 = [cosmology.halo_density_mpc3(np.exp(ln_mass), z) for z in redshift]
        cell = np.diff(self._redshift_edges)[:, None] * np.diff(self._ln_mass_edges)
        counts = volume_mpc3[:, None] * np.array(density_mpc3) * cell * ARCMIN_RAD**2
        self._cumulative = np.cumsum(counts.ravel())

    @property
    def per_arcmin2(self) -> float:
        """Mean number of haloes per square arcmin."""
        return float(self._cumulative[-1])

    def draw(self, rng: np.random.Generator, side_arcmin: float) -> Haloes:
        """Draws the haloes in a square of a given side."""
        count = rng.poisson(self.per_arcmin2 * side_arcmin**2)
        cell = np.searchsorted(self._cumulative, rng.random(count) * self.per_arcmin2, side="right")
        row, column = np.divmod(cell, LN_MASS_CELLS)
        redshift, ln_mass = (
            edges[index] + np.diff(edges)[index] * rng.random(count)
            for edges, index in ((self._redshift_edges, row), (self._ln_mass_edges, column))
        )
        x_arcmin, y_arcmin = side_arcmin * (rng.random((2, count)) - 0.5)
        return Haloes(np.exp(ln_mass), redshift, x_arcmin, y_arcmin)


def mass_quantiles_msun(
    quantile: np.ndarray, *, redshift: float, range_msun: tuple[float, float], cosmology: Cosmology
) -> np.ndarray:
    """M200c at quantiles of the mass function between two masses.

    Uniform random quantiles thus give masses that are distributed as the mass function.

    Args:
        quantile: from 0 to 1, any shape.
        redshift: redshift of the mass function.
        range_msun: lowest and highest M200c.
        cosmology: mass function and mass conversion.

    Returns:
        Msun, of the shape of `quantile`.

    Example:
        The lowest, the median and the highest mass:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> masses_msun = mass_quantiles_msun(
        ...     np.array([0, 0.5, 1]), redshift=0.7, range_msun=(2e14, 7e14), cosmology=planck18
        ... )
        >>> (masses_msun / 1e14).round(2)
        array([2.  , 2.61, 7.  ])
    """
    m200c_msun = np.geomspace(*range_msun, 400)
    m500c_msun, _ = cosmology.m500c_and_r500c(m200c_msun, redshift)
    density_mpc3 = cosmology.halo_density_mpc3(m500c_msun, redshift)
    steps = (density_mpc3[1:] + density_mpc3[:-1]) / 2.0 * np.diff(np.log(m500c_msun))
    cumulative = np.concatenate([[0.0], np.cumsum(steps)])
    return np.exp(np.interp(quantile, cumulative / cumulative[-1], np.log(m200c_msun)))
