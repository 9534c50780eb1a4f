"""The exact posterior of a cluster's mass given its map, and the matched filter.

A map d of a cluster of mass M is Gaussian: mean A s(M), covariance C, both known. With
a = d^T C^-1 s(M) and b = s(M)^T C^-1 s(M), the likelihood is exp(A a - A^2 b / 2) up to a factor
free of M and A, so that a map enters through one number a mass, and the scatter
ln A ~ N(0, sigma^2) is a one-dimensional integral. No estimator has a smaller mean square error
than the mean of this posterior, for masses that follow its prior.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from szmass.errors import SzmassError
from szmass.evaluation.statistics import peak_of_rows

SCATTER_NODES = 97
SCATTER_RANGE_SIGMA = 5.0
SAME_MASS = 1e-9
"""Masses that differ by no more than this share are one, but for rounding."""


@dataclass(frozen=True)
class MassLikelihood:
    """Log-likelihood of maps on an axis of masses, the SZ scatter marginalised.

    Args:
        m200c_msun: the axis, ascending, shape `(m,)`.
        signals_uk: noiseless observed images at these masses, `(m, pixels**2)`.
        covariance_uk2: covariance of an observed map about its cluster, `(pixels**2, pixels**2)`.
        ln_scatter: sigma of ln A.
        eigenvalue_cut: modes of the covariance below this share of the largest are left out;
            they carry nothing where the map itself has no power.
    """

    m200c_msun: np.ndarray
    signals_uk: np.ndarray
    covariance_uk2: np.ndarray
    ln_scatter: float
    eigenvalue_cut: float
    _filters: np.ndarray = field(init=False, repr=False)
    _power: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values, vectors = np.linalg.eigh(self.covariance_uk2)
        kept = values > self.eigenvalue_cut * values[-1]
        whitening = vectors[:, kept] / np.sqrt(values[kept])
        white_signals = self.signals_uk @ whitening
        object.__setattr__(self, "_filters", whitening @ white_signals.T)
        object.__setattr__(self, "_power", np.sum(white_signals**2, axis=1))

    def __call__(self, maps_uk: np.ndarray) -> np.ndarray:
        """Returns ln L(d | M) up to a constant a map, `(n, m)`, for maps of shape `(n, ...)`."""
        overlap, power = self._overlap(maps_uk), self._power
        if self.ln_scatter == 0:
            return overlap - power / 2.0
        # the trapezoidal rule, whose error falls exponentially in the nodes for an integrand that
        # vanishes at both ends; each exponential is taken relative to the largest on the axis
        scatter_sigma = np.linspace(-SCATTER_RANGE_SIGMA, SCATTER_RANGE_SIGMA, SCATTER_NODES)
        amplitudes = np.exp(self.ln_scatter * scatter_sigma)
        best = np.clip(overlap / power, amplitudes[0], amplitudes[-1])
        total = np.zeros(overlap.shape)
        for amplitude, weight in zip(amplitudes, np.exp(-(scatter_sigma**2) / 2.0), strict=True):
            total += weight * np.exp(
                (amplitude - best) * (overlap - power * (amplitude + best) / 2)
            )
        return np.log(total) + best * overlap - best**2 * power / 2.0

    def _overlap(self, maps_uk: np.ndarray) -> np.ndarray:
        return np.reshape(maps_uk, (len(maps_uk), -1)) @ self._filters

    def matched_filter_msun(self, maps_uk: np.ndarray) -> np.ndarray:
        """The mass whose noiseless image fits a map best, `(n,)`.

        The maximum of the likelihood at A = 1, over filters matched to the image of each mass:
        no prior, and no knowledge of the scatter. Between the axis' masses a parabola in ln M
        is put through the three best.
        """
        ln_likelihood = self._overlap(maps_uk) - self._power / 2.0
        return np.exp(peak_of_rows(np.log(self.m200c_msun), ln_likelihood))


def posterior_mean_msun(
    ln_likelihood: np.ndarray, m200c_msun: np.ndarray, prior: np.ndarray
) -> np.ndarray:
    """E[M | map] under a prior.

    Args:
        ln_likelihood: `(n, m)`.
        m200c_msun: the axis of masses, shape `(m,)`.
        prior: probability of each node of the axis (a density times the node's width, or a
            weight for each of a set of discrete masses), shape `(m,)`.

    Returns:
        Means, shape `(n,)`, in Msun.
    """
    possible = ln_likelihood[:, prior > 0]
    weight = np.exp(possible - possible.max(axis=1, keepdims=True)) * prior[prior > 0]
    return weight @ m200c_msun[prior > 0] / weight.sum(axis=1)


def uniform_prior(m200c_msun: np.ndarray, range_msun: tuple[float, float]) -> np.ndarray:
    """Probability of each node of a mass axis under a density flat between two masses.

    Each node stands for the part of its cell (to the midpoints beside it) inside the range.

    Raises:
        SzmassError: the range is not within the axis.
    """
    low, high = range_msun
    if low < m200c_msun[0] * (1.0 - SAME_MASS) or high > m200c_msun[-1] * (1.0 + SAME_MASS):
        raise SzmassError(
            f"a prior from {low:g} to {high:g} Msun: expected within the posterior's axis, "
            f"{m200c_msun[0]:g} to {m200c_msun[-1]:g} Msun"
        )
    middles = (m200c_msun[1:] + m200c_msun[:-1]) / 2.0
    edges = np.clip(np.concatenate([m200c_msun[:1], middles, m200c_msun[-1:]]), *range_msun)
    width = np.diff(edges)
    return width / width.sum()


def discrete_prior(m200c_msun: np.ndarray, masses_msun: np.ndarray) -> np.ndarray:
    """Equal probability for each of a set of masses, all of which are nodes of the axis.

    Raises:
        SzmassError: a mass is no node of the axis.
    """
    prior = np.zeros(len(m200c_msun))
    for mass in masses_msun:
        node = np.isclose(m200c_msun, mass, rtol=SAME_MASS, atol=0.0)
        if not node.any():
            raise SzmassError(f"a mass of {mass:g} Msun is no node of the posterior's axis")
        prior[node] = 1.0 / len(masses_msun)
    return prior
