"""Priors: densities of log10 M500c that multiply a network's density."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.special import logsumexp, ndtr

from szmass.sky.cosmology import Cosmology

TAIL_PER_DEX = -5.0
"""d log10 p / d log10 M above the heaviest clusters of a population, about that of a mass function.
With it the mass never decreases with brightness."""
TAIL_FROM = 0.97
"""Share of the population below the mass where that tail begins."""
STEEPEST = -10.0
"""Least d ln n / d ln M of the mass function as a prior. The mass function reaches it where some
hundred skies have one heavier halo; steeper, it would override the map."""
REDSHIFT_NODES = 26
"""Number of redshifts at which the mass function is tabulated."""


class MassPrior(Protocol):
    """A density of log10 M500c that may depend on redshift."""

    def ln_density(self, redshift: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The density p(log10 M | z) as ln p, up to a constant in each row; finite everywhere.

        Args:
            redshift: of the clusters that are weighed, `(n,)`.
            axis: of log10 M, ascending, `(nodes,)`.

        Returns:
            `(n, nodes)`.
        """


@dataclass(frozen=True)
class Population:
    """The masses of a catalogue's clusters at similar redshift as the prior of a cluster.

    A kernel density in log10 M, with weights that are Gaussian in the distance in ln z.

    Example:
        One cluster of 10^14.5 Msun, whose mass is known to 0.1 dex, whatever the redshift:

        >>> prior = Population(np.array([0.2]), np.array([14.5]), width_ln_z=1.0, width_dex=0.1)
        >>> axis = np.linspace(14.0, 15.0, 11)
        >>> np.exp(prior.ln_density(np.array([0.3]), axis))[0, 3:8].round(2)
        array([0.54, 2.42, 3.99, 2.42, 0.54])
    """

    redshift: np.ndarray
    log10_m500c_msun: np.ndarray
    width_ln_z: float
    """Of the kernel in ln z."""
    width_dex: float
    """Of the kernel in log10 M."""
    _known: dict[bytes, tuple[np.ndarray, np.ndarray]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def ln_density(self, redshift: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The density p(log10 M | z) as ln p, `(n, len(axis))`, up to a constant.

        Args:
            redshift: of the clusters that are weighed, `(n,)`.
            axis: of log10 M, ascending.
        """
        distance = (np.log(redshift)[:, None] - np.log(self.redshift)) / self.width_ln_z
        ln_near = -0.5 * distance**2
        near = np.exp(ln_near - logsumexp(ln_near, axis=1, keepdims=True))
        kernels, shares = self._at_axis(axis)
        # a product with all rows would round by their number
        density = np.array([row @ kernels for row in near])
        ln_density = np.log(np.maximum(density, np.finfo(float).tiny))
        start = _first_node(near, shares, TAIL_FROM)
        at_start = np.take_along_axis(ln_density, start[:, None], axis=1)
        tail = at_start + np.log(10.0) * TAIL_PER_DEX * (axis - axis[start][:, None])
        return np.where(axis > axis[start][:, None], np.maximum(tail, ln_density), ln_density)

    def _at_axis(self, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each cluster's kernel at the axis, and its share below; kept, for axes are few.

        Returns:
            `(clusters, nodes)` and `(nodes, clusters)`.
        """
        key = axis.tobytes()
        if key not in self._known:
            apart = (axis - self.log10_m500c_msun[:, None]) / self.width_dex
            kernels = np.exp(-0.5 * apart**2) / (np.sqrt(2.0 * np.pi) * self.width_dex)
            self._known[key] = kernels, np.ascontiguousarray(ndtr(apart).T)
        return self._known[key]


def _first_node(weights: np.ndarray, shares: np.ndarray, least: float) -> np.ndarray:
    """The first node below which a share of a population lies, by bisection, `(n,)`.

    Args:
        weights: of the population's clusters, `(n, clusters)`.
        shares: of each cluster below each node, ascending, `(nodes, clusters)`.
        least: the share; where none has it, the last node is taken.
    """
    low, high = np.zeros(len(weights), int), np.full(len(weights), len(shares) - 1)
    for _ in range(len(shares).bit_length()):
        middle = (low + high) // 2
        enough = np.vecdot(weights, shares[middle]) >= least
        low = np.where(enough, low, np.minimum(middle + 1, high))
        high = np.where(enough, middle, high)
    return low


@dataclass(frozen=True)
class TabulatedPrior:
    """Densities of log10 M500c at some redshifts.

    The density is linear between redshifts and between masses. Beyond the first and the last
    redshift it is constant; beyond the masses it is 0 (in fact the least number above 0, so that a
    map which contradicts the table still has a mass).

    Example:
        Half-way from one redshift to another:

        >>> density = np.array([[0.0, 2.0, 0.0], [1.0, 1.0, 1.0]])
        >>> prior = TabulatedPrior(np.array([0.1, 0.3]), np.array([14.0, 14.5, 15.0]), density)
        >>> np.exp(prior.ln_density(np.array([0.2]), np.array([14.25, 14.5]))).round(2)
        array([[1. , 1.5]])
    """

    redshift: np.ndarray
    """Ascending, `(redshifts,)`."""
    log10_m500c_msun: np.ndarray
    """Ascending, `(masses,)`."""
    density: np.ndarray
    """Per dex, `(redshifts, masses)`, from 0."""

    @classmethod
    def normalised(
        cls, redshift: np.ndarray, log10_m500c_msun: np.ndarray, density: np.ndarray
    ) -> TabulatedPrior:
        """Of densities known up to a factor each; every row's integral becomes 1."""
        integral = np.trapezoid(density, log10_m500c_msun, axis=1)
        return cls(redshift, log10_m500c_msun, density / integral[:, None])

    def ln_density(self, redshift: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """The density p(log10 M | z) as ln p, `(n, len(axis))`.

        Args:
            redshift: of the clusters that are weighed, `(n,)`.
            axis: of log10 M, ascending.
        """
        at_axis = np.array(
            [
                np.interp(axis, self.log10_m500c_msun, row, left=0.0, right=0.0)
                for row in self.density
            ]
        )
        last = len(self.redshift) - 1
        place = np.interp(redshift, self.redshift, np.arange(last + 1.0))
        lower = np.minimum(place.astype(int), max(last - 1, 0))
        share = (place - lower)[:, None]
        density = (1.0 - share) * at_axis[lower] + share * at_axis[np.minimum(lower + 1, last)]
        return np.log(np.maximum(density, np.finfo(float).tiny))


def mass_function_prior(
    cosmology: Cosmology, redshifts: tuple[float, float], axis: np.ndarray
) -> TabulatedPrior:
    """The halo mass function as a prior, p(log10 M | z) proportional to dn / dln M.

    That of `Cosmology.halo_density_mpc3` (Tinker et al. 2008, arXiv 0803.2706), continued as a
    power law above the mass where it falls as M^`STEEPEST`. It includes no selection. None is
    needed if the cluster was found in the very map that is weighed, since the posterior given the
    map does not depend on a selection by that map.

    Args:
        cosmology: of the mass function.
        redshifts: of the nearest and the farthest cluster, above 0.
        axis: of log10 M500c in Msun, evenly spaced.
    """
    redshift = np.linspace(*redshifts, REDSHIFT_NODES)
    ln_density = np.log([cosmology.halo_density_mpc3(10.0**axis, z) for z in redshift])
    steps = np.maximum(np.diff(ln_density, axis=1), STEEPEST * np.log(10.0) * np.diff(axis))
    bounded = np.concatenate([ln_density[:, :1], ln_density[:, :1] + np.cumsum(steps, axis=1)], 1)
    relative = np.exp(bounded - bounded[:, :1])
    return TabulatedPrior.normalised(redshift, axis, relative)
