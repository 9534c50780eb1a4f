"""The gas of clusters: how Y follows from mass, what is known of it, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import PIVOT_M500_MSUN, ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2


class HasGas(Protocol):
    """Settings that give a mass-Y relation with its scatter."""

    @property
    def alpha(self) -> float:
        """Slope of ln Y against ln M500."""

    @property
    def log10_b(self) -> float:
        """Decimal logarithm of the normalisation."""

    @property
    def sigma_lny(self) -> float:
        """Scatter of ln Y at given mass."""


@dataclass(frozen=True)
class Gas:
    """Relations E^(-2/3) D_A^2 Y = 1e-4 Mpc^2 10^log10_b (M / 6e14 Msun)^alpha h70^(alpha - 2).

    One for each cluster, or one for all; the fields broadcast.
    """

    alpha: np.ndarray
    log10_b: np.ndarray
    sigma_lny: np.ndarray

    @classmethod
    def of(cls, settings: HasGas) -> Gas:
        """One relation, as settings have it."""
        values = settings.alpha, settings.log10_b, settings.sigma_lny
        return cls(*(np.array(value, dtype=float) for value in values))

    def followed_by(self, others: Gas) -> Gas:
        """These relations and others, in a row."""
        return Gas(
            np.append(self.alpha, others.alpha),
            np.append(self.log10_b, others.log10_b),
            np.append(self.sigma_lny, others.sigma_lny),
        )

    def repeated(self, count: int) -> Gas:
        """Each relation so many times in a row."""
        columns = (self.alpha, self.log10_b, self.sigma_lny)
        return Gas(*(np.repeat(column, count) for column in columns))

    def ln_y(self, log10_m500c_msun: np.ndarray) -> np.ndarray:
        """Ln of a mass' Y over that of 6e14 Msun with log10_b = 0, at one redshift."""
        ln_mass = np.log(10.0) * (log10_m500c_msun - np.log10(PIVOT_M500_MSUN))
        return np.log(10.0) * self.log10_b + self.alpha * ln_mass

    def features(self, count: int) -> np.ndarray:
        """What a network is told of it, `(count, 3)`."""
        columns = (self.alpha, self.log10_b, self.sigma_lny)
        return np.stack([np.broadcast_to(column, count) for column in columns], axis=1)


@dataclass(frozen=True)
class PivotY:
    """What Y of clusters depends on besides their mass and gas."""

    ln_y_arcmin2: np.ndarray
    """ln Y at 6e14 Msun of the relation of slope 2 and log10_b 0, `(n,)`."""
    ln_h70: float

    @classmethod
    def at(cls, redshift: np.ndarray, cosmology: Cosmology) -> PivotY:
        """At redshifts `(n,)`."""
        mass = np.full(np.shape(redshift), PIVOT_M500_MSUN)
        relation = ScalingRelation(alpha=2.0, log10_b=0.0)
        y_mpc2 = y_cyl_mpc2(mass, redshift, relation, cosmology)
        y_arcmin2 = y_mpc2 / mpc2_per_arcmin2(redshift, cosmology)
        return cls(np.log(y_arcmin2), float(np.log(cosmology.h70)))

    def mean_y_arcmin2(self, log10_m500c_msun: np.ndarray, gas: Gas) -> np.ndarray:
        """Y within theta500 of clusters without scatter, in arcmin^2."""
        of_h70 = (gas.alpha - 2.0) * self.ln_h70
        return np.exp(self.ln_y_arcmin2 + of_h70 + gas.ln_y(log10_m500c_msun))


class GasRanges(Protocol):
    """Settings that the relations of training are drawn from."""

    @property
    def alpha(self) -> list[float]:
        """Ends of the slope."""

    @property
    def log10_b(self) -> list[float]:
        """Ends of the normalisation."""

    @property
    def sigma_lny(self) -> list[float]:
        """Ends of the scatter."""


def draw_gas(ranges: GasRanges, rng: np.random.Generator, count: int) -> Gas:
    """A relation for each of `count` clusters, each parameter uniform in its range."""
    ends = np.array([ranges.alpha, ranges.log10_b, ranges.sigma_lny])
    drawn = ends[:, :1] + (ends[:, 1:] - ends[:, :1]) * rng.random((3, count))
    return Gas(*drawn)


def prior_nodes(prior: Mapping[str, tuple[float, float]], nodes: int) -> tuple[Gas, np.ndarray]:
    """Relations and weights whose mean is that over a Gaussian prior of alpha and log10_b.

    Args:
        prior: mean and standard deviation of `alpha` and `log10_b`, and of `sigma_lny`, of which
            the mean alone is taken: its width changes no interval noticeably.
        nodes: of Gauss and Hermite, in each of the two parameters.

    Returns:
        nodes^2 relations and their weights.
    """
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    weight = weight / weight.sum()
    (alpha, alpha_width), (log10_b, b_width) = prior["alpha"], prior["log10_b"]
    first, second = (axis.ravel() for axis in np.meshgrid(node, node, indexing="ij"))
    gas = Gas(
        alpha + alpha_width * first,
        log10_b + b_width * second,
        np.full(nodes**2, prior["sigma_lny"][0]),
    )
    return gas, np.outer(weight, weight).ravel()
