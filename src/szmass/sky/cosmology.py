"""Distances, densities and mass definitions, all of them from colossus."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

KPC_PER_MPC = 1e3


class Cosmology:
    """A background cosmology and its concentration-mass relation.

    Args:
        name: a cosmology that colossus knows, such as `planck18`.
        concentration_model: a concentration-mass relation that colossus knows, such as
            `diemer15_orig` (Diemer & Kravtsov 2015, arXiv 1407.4730, as published).

    Raises:
        ValueError: colossus does not know the cosmology or the concentration model.
    """

    def __init__(self, name: str, concentration_model: str) -> None:
        from colossus.cosmology import cosmology
        from colossus.halo import concentration

        if name not in cosmology.cosmologies:
            known = ", ".join(sorted(cosmology.cosmologies))
            raise ValueError(f"unknown cosmology {name!r}; colossus has {known}")
        if concentration_model not in concentration.models:
            known = ", ".join(sorted(concentration.models))
            raise ValueError(f"unknown concentration model {concentration_model!r}; have {known}")
        self.name = name
        self.concentration_model = concentration_model

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

    def e_z(self, redshift: float) -> float:
        """E(z) = H(z) / H0."""
        return float(self._background.Ez(redshift))

    def angular_distance_mpc(self, redshift: float) -> float:
        """Angular-diameter distance in Mpc."""
        return float(self._background.angularDiameterDistance(redshift) / self.h)

    def m500c_and_r500c(
        self, m200c_msun: np.ndarray, redshift: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Converts M200c to M500c through an NFW profile of the mean concentration.

        Args:
            m200c_msun: masses within 200 times the critical density, any shape, Msun.
            redshift: redshift of all of them.

        Returns:
            `(m500c_msun, r500c_mpc)`, each of the input's shape; physical Mpc.
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
            redshift: redshift of all of them.

        Returns:
            Physical Mpc, of the input's shape.
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
