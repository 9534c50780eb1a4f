"""Densities of log10 M500c that a cluster's posterior is weighed with."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import logsumexp, ndtr

TAIL_PER_DEX = -5.0
"""Slope of log10 of the density above the heaviest clusters of a population, much as that of a
mass function's: a brighter cluster then is never lighter."""
TAIL_FROM = 0.97
"""Share of the population below the mass where that tail begins."""


@dataclass(frozen=True)
class Population:
    """Clusters of a catalogue, whose masses at like redshift are a cluster's prior.

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
        """The density p(log10 M | z) as ln p, `(n, len(axis))`, to a constant.

        Args:
            redshift: of the clusters that are weighed, `(n,)`.
            axis: of log10 M, ascending.
        """
        distance = (np.log(redshift)[:, None] - np.log(self.redshift)) / self.width_ln_z
        ln_near = -0.5 * distance**2
        near = np.exp(ln_near - logsumexp(ln_near, axis=1, keepdims=True))
        kernels, shares = self._at_axis(axis)
        ln_density = np.log(np.maximum(near @ kernels, np.finfo(float).tiny))
        below = near @ shares
        start = np.minimum(np.argmax(below >= TAIL_FROM, axis=1), len(axis) - 1)
        at_start = np.take_along_axis(ln_density, start[:, None], axis=1)
        tail = at_start + np.log(10.0) * TAIL_PER_DEX * (axis - axis[start][:, None])
        return np.where(axis > axis[start][:, None], np.maximum(tail, ln_density), ln_density)

    def _at_axis(self, axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Each cluster's kernel at the axis, and its share below; kept, for axes are few."""
        key = axis.tobytes()
        if key not in self._known:
            apart = (axis - self.log10_m500c_msun[:, None]) / self.width_dex
            kernels = np.exp(-0.5 * apart**2) / (np.sqrt(2.0 * np.pi) * self.width_dex)
            self._known[key] = kernels, ndtr(apart)
        return self._known[key]
