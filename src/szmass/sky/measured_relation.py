"""The relation of mass and Y that simulated clusters have, measured of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import PIVOT_M500_MSUN, ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2


@dataclass(frozen=True)
class MeasuredRelation:
    """A `ScalingRelation` with its scatter, measured of clusters; errors are standard deviations.

    Example:
        Clusters that follow Planck's relation without scatter:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> masses, redshift = np.geomspace(1e14, 1e15, 5), np.linspace(0.1, 0.5, 5)
        >>> y_mpc2 = y_cyl_mpc2(masses, redshift, ScalingRelation(1.79, -0.19), planck18)
        >>> y_arcmin2 = y_mpc2 / mpc2_per_arcmin2(redshift, planck18)
        >>> MeasuredRelation.of(masses, redshift, y_arcmin2, planck18).in_words()
        'alpha = 1.790 +- 0.000, log10_b = -0.190 +- 0.000, sigma_lny = 0.000'
    """

    alpha: float
    log10_b: float
    sigma_lny: float
    alpha_error: float
    log10_b_error: float

    @classmethod
    def of(
        cls,
        m500c_msun: np.ndarray,
        redshift: np.ndarray,
        y_arcmin2: np.ndarray,
        cosmology: Cosmology,
    ) -> Self:
        """Least squares in ln Y.

        Args:
            m500c_msun: masses, `(n,)`, n > 2.
            redshift: `(n,)`.
            y_arcmin2: Y within R500 on the sky, `(n,)`.
            cosmology: E(z), h and distances.
        """
        ln_h70 = np.log(cosmology.h70)
        pivot, square = np.full(len(redshift), PIVOT_M500_MSUN), ScalingRelation(2.0, log10_b=0.0)
        pivot_y_mpc2 = y_cyl_mpc2(pivot, redshift, square, cosmology)
        ln_mass = np.log(m500c_msun / PIVOT_M500_MSUN) + ln_h70
        matrix = np.stack([np.ones(len(ln_mass)), ln_mass], axis=1)
        ln_y = np.log(y_arcmin2) - np.log(pivot_y_mpc2 / mpc2_per_arcmin2(redshift, cosmology))
        (start, alpha), *_ = np.linalg.lstsq(matrix, ln_y)
        scatter = float(np.std(ln_y - matrix @ [start, alpha], ddof=2))
        errors = scatter * np.sqrt(np.diag(np.linalg.inv(matrix.T @ matrix)))
        return cls(
            alpha=float(alpha),
            log10_b=float((start + 2.0 * ln_h70) / np.log(10.0)),
            sigma_lny=scatter,
            alpha_error=float(errors[1]),
            log10_b_error=float(errors[0] / np.log(10.0)),
        )

    def in_words(self) -> str:
        """For people."""
        return (
            f"alpha = {self.alpha:.3f} +- {self.alpha_error:.3f}, "
            f"log10_b = {self.log10_b:.3f} +- {self.log10_b_error:.3f}, "
            f"sigma_lny = {self.sigma_lny:.3f}"
        )
