"""Distances, densities and mass definitions, all of them from colossus."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol, Self, overload

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from szmass.errors import SzmassError
from szmass.units import ARCMIN_RAD

KPC_PER_MPC = 1e3


class NamesCosmology(Protocol):
    """Settings that name a cosmology and a concentration-mass relation."""

    @property
    def cosmology(self) -> str:
        """Name of the cosmology in colossus, such as `planck18`."""

    @property
    def concentration_model(self) -> str:
        """Name of the concentration-mass relation in colossus, such as `diemer15_orig`."""


class Cosmology:
    """A background cosmology and its concentration-mass relation.

    Args:
        name: a cosmology that colossus knows, such as `planck18`.
        concentration_model: a concentration-mass relation that colossus knows, such as
            `diemer15_orig` (Diemer & Kravtsov 2015, arXiv 1407.4730, as published).

    Raises:
        SzmassError: colossus does not know the cosmology or the concentration model.

    Example:
        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> planck18.h, round(planck18.e_z(0.7), 3), round(planck18.angular_distance_mpc(0.7))
        (0.6766, 1.489, 1517)
    """

    def __init__(self, name: str, concentration_model: str) -> None:
        from colossus.cosmology import cosmology
        from colossus.halo import concentration

        if name not in cosmology.cosmologies:
            known = ", ".join(sorted(cosmology.cosmologies))
            raise SzmassError(f"unknown cosmology {name!r}; colossus has {known}")
        if concentration_model not in concentration.models:
            known = ", ".join(sorted(concentration.models))
            raise SzmassError(f"unknown concentration model {concentration_model!r}; have {known}")
        self.name = name
        self.concentration_model = concentration_model

    @classmethod
    def of(cls, settings: NamesCosmology) -> Self:
        """The cosmology and the concentration-mass relation that settings name."""
        return cls(settings.cosmology, settings.concentration_model)

    @cached_property
    def _background(self) -> Any:
        from colossus.cosmology import cosmology

        return cosmology.setCosmology(self.name, persistence="")

    @property
    def h(self) -> float:
        """H0 / (100 km/s/Mpc)."""
        return float(self._background.h)

    @property
    def h70(self) -> float:
        """H0 / (70 km/s/Mpc)."""
        return self.h / 0.7

    @overload
    def e_z(self, redshift: float) -> float: ...
    @overload
    def e_z(self, redshift: np.ndarray) -> np.ndarray: ...
    def e_z(self, redshift: float | np.ndarray) -> float | np.ndarray:
        """E(z) = H(z) / H0, of the argument's shape."""
        return _alike(redshift, self._background.Ez(redshift))

    @overload
    def angular_distance_mpc(self, redshift: float) -> float: ...
    @overload
    def angular_distance_mpc(self, redshift: np.ndarray) -> np.ndarray: ...
    def angular_distance_mpc(self, redshift: float | np.ndarray) -> float | np.ndarray:
        """Angular-diameter distance in Mpc, of the argument's shape."""
        return _alike(redshift, self._background.angularDiameterDistance(redshift) / self.h)

    def r500c_mpc(self, m500c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """R500c in physical Mpc: M = 4 pi / 3 * 500 rho_crit(z) R^3.

        Args:
            m500c_msun: masses, broadcast against the redshifts.
            redshift: redshifts.

        Example:
            >>> planck18 = Cosmology("planck18", "diemer15_orig")
            >>> planck18.r500c_mpc(np.array([3e14, 6e14]), np.array([0.0, 0.7])).round(3)
            array([1.041, 1.005])
        """
        density_msun_mpc3 = self._background.rho_c(redshift) * self.h**2 * KPC_PER_MPC**3
        return np.asarray(np.cbrt(3.0 * m500c_msun / (4.0 * np.pi * 500.0 * density_msun_mpc3)))

    def theta500_arcmin(self, m500c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """The angle R500c / D_A in arcmin, of the masses' shape.

        Args:
            m500c_msun: masses, broadcast against the redshifts.
            redshift: redshifts above 0.

        Example:
            >>> planck18 = Cosmology("planck18", "diemer15_orig")
            >>> planck18.theta500_arcmin(np.array([3e14, 6e14]), np.array([0.1, 0.7])).round(2)
            array([8.81, 2.28])
        """
        distance_mpc = self.angular_distance_mpc(np.asarray(redshift, dtype=float))
        return self.r500c_mpc(m500c_msun, redshift) / distance_mpc / ARCMIN_RAD

    def m200c_msun(self, m500c_msun: np.ndarray, redshift: np.ndarray) -> np.ndarray:
        """Converts M500c to M200c through an NFW profile of the mean concentration.

        ln(M200c / M500c) is interpolated on a grid in mass and redshift; the masses are right to
        1e-4. The first call fills the grid, which takes a second or two.

        Args:
            m500c_msun: masses from 1e13 to 1e16 Msun, shape `(n,)`.
            redshift: redshifts from 0 to 2, shape `(n,)`.
        """
        return np.asarray(
            m500c_msun * np.exp(self._ln_m200c_over_m500c((np.log(m500c_msun), redshift)))
        )

    @cached_property
    def _ln_m200c_over_m500c(self) -> RegularGridInterpolator:
        from colossus.cosmology import cosmology
        from colossus.halo import mass_adv

        cosmology.setCurrent(self._background)
        m500c_msun, redshifts = np.geomspace(1e13, 1e16, 31), np.linspace(0.0, 2.0, 21)
        m200c = [
            mass_adv.changeMassDefinitionCModel(
                m500c_msun * self.h,
                redshift,
                "500c",
                "200c",
                profile="nfw",
                c_model=self.concentration_model,
            )[0]
            for redshift in redshifts
        ]
        ln_ratio = np.log(np.array(m200c).T / (m500c_msun * self.h)[:, None])
        return RegularGridInterpolator((np.log(m500c_msun), redshifts), ln_ratio, method="cubic")

    def halo_density_mpc3(self, m500c_msun: np.ndarray, redshift: float) -> np.ndarray:
        """Comoving number density of haloes, dn / dln M500c in Mpc^-3.

        Tinker et al. 2008 (arXiv 0803.2706) for the overdensity of 500 times critical.

        Args:
            m500c_msun: masses, shape `(n,)`.
            redshift: the same for all masses.

        Example:
            Haloes per unit of ln M in a cube of 100 Mpc today, of 1e14 and of 1e15 Msun:

            >>> planck18 = Cosmology("planck18", "diemer15_orig")
            >>> (planck18.halo_density_mpc3(np.array([1e14, 1e15]), 0.0) * 1e6).round(2)
            array([10.26,  0.09])
        """
        from colossus.cosmology import cosmology
        from colossus.lss import mass_function

        cosmology.setCurrent(self._background)
        density = mass_function.massFunction(
            m500c_msun * self.h, redshift, mdef="500c", model="tinker08", q_out="dndlnM"
        )
        return np.asarray(density) * self.h**3

    def m500c_and_r500c(
        self, m200c_msun: np.ndarray, redshift: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Converts M200c to M500c through an NFW profile of the mean concentration.

        `m200c_msun` converts back.

        Args:
            m200c_msun: masses within 200 times the critical density, any shape, Msun.
            redshift: the same for all masses.

        Returns:
            `(m500c_msun, r500c_mpc)`, each of the input's shape; physical Mpc.

        Example:
            >>> planck18 = Cosmology("planck18", "diemer15_orig")
            >>> m500c_msun, r500c_mpc = planck18.m500c_and_r500c(np.array([5e14]), 0.7)
            >>> (m500c_msun / 1e14).round(3), r500c_mpc.round(3)
            (array([3.386]), array([0.831]))
        """
        from colossus.cosmology import cosmology
        from colossus.halo import mass_adv

        cosmology.setCurrent(self._background)
        masses = np.atleast_1d(np.asarray(m200c_msun, dtype=float))
        m500c, r500c, _ = mass_adv.changeMassDefinitionCModel(
            masses.ravel() * self.h,
            redshift,
            "200c",
            "500c",
            profile="nfw",
            c_model=self.concentration_model,
        )
        shape = np.shape(m200c_msun)
        return (
            (np.asarray(m500c) / self.h).reshape(shape),
            (np.asarray(r500c) / self.h / KPC_PER_MPC).reshape(shape),
        )

    def nfw_scale_radius_mpc(self, m200c_msun: np.ndarray, redshift: float) -> np.ndarray:
        """Scale radius r_s = R200c / c200c of an NFW halo of the mean concentration.

        Args:
            m200c_msun: masses, any shape, Msun.
            redshift: the same for all masses.

        Returns:
            Physical Mpc, of the input's shape.

        Example:
            >>> planck18 = Cosmology("planck18", "diemer15_orig")
            >>> planck18.nfw_scale_radius_mpc(np.array([5e14]), 0.7).round(3)
            array([0.355])
        """
        from colossus.cosmology import cosmology
        from colossus.halo import concentration, mass_so

        cosmology.setCurrent(self._background)
        masses = np.atleast_1d(np.asarray(m200c_msun, dtype=float)).ravel() * self.h
        c200c = concentration.concentration(
            masses, "200c", redshift, model=self.concentration_model
        )
        r200c_mpc = mass_so.M_to_R(masses, redshift, "200c") / self.h / KPC_PER_MPC
        return np.asarray(r200c_mpc / c200c).reshape(np.shape(m200c_msun))


def _alike(argument: float | np.ndarray, value: Any) -> float | np.ndarray:
    """The value as an array if the argument is one, else as a float."""
    return np.asarray(value) if isinstance(argument, np.ndarray) else float(value)
