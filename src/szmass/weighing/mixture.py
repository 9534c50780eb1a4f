"""The network of weighing in numpy: amplitudes, redshift and gas in, a density of log10 M out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from scipy.special import log_softmax, logsumexp

from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing.gas import Gas
from szmass.weighing.spots import Spots

LN_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)
COLUMNS = 8
FARTHEST_SIGMA = 8.0
"""Distance from a Gaussian's mean beyond which it is set to 0; it is e^-32 of its peak there."""


@dataclass(frozen=True)
class Inputs:
    """What the network is told of clusters, before the relation of their gas."""

    amplitude: np.ndarray
    """Of the filters, `(n, filters)`, in the unit of `level`."""
    level: np.ndarray
    """Of the map's noise as `LevelMeter` measures it, `(n,)`; never below the least of training."""
    redshift: np.ndarray
    whitening: np.ndarray
    """Turns amplitudes into independent ones of the same noise; `FilterBank.whitening`."""
    spots: Spots | None = None
    """Of the maps, for the flags; no input of the network. None where there are no maps."""

    @property
    def signal_to_noise(self) -> np.ndarray:
        """The largest of the filters, `(n,)`."""
        return np.asarray((self.amplitude / self.level[:, None]).max(axis=1))

    def at(self, rows: slice | np.ndarray) -> Inputs:
        """Some of the clusters."""
        spots = None if self.spots is None else self.spots.at(rows)
        told = self.amplitude[rows], self.level[rows], self.redshift[rows]
        return Inputs(*told, self.whitening, spots)

    def features(self, gas: Gas, rows: slice | np.ndarray = slice(None)) -> np.ndarray:
        """The network's inputs before they are standardised, `(n, features)`.

        asinh of the amplitudes over the level, of these when whitened, ln level, z, ln z, and
        alpha, log10_b and sigma_lny of the gas.

        Args:
            gas: of the clusters.
            rows: which clusters, each as often as it is named.
        """
        of_maps = self._of_maps[rows]
        return np.concatenate([of_maps, gas.features(len(of_maps))], axis=1)

    @cached_property
    def _of_maps(self) -> np.ndarray:
        """The features that do not depend on the gas."""
        z, ratio = self.redshift, self.amplitude / self.level[:, None]
        told = np.stack([np.log(self.level), z, np.log(z)], axis=1)
        return np.concatenate([np.arcsinh(ratio), np.arcsinh(ratio @ self.whitening), told], axis=1)


@dataclass(frozen=True)
class Mixture:
    """Densities of log10 M500c, each a sum of Gaussians; `(n, components)` each."""

    ln_weight: np.ndarray
    mean: np.ndarray
    ln_sigma: np.ndarray

    @classmethod
    def of_parts(cls, parts: Iterable[Mixture]) -> Self:
        """The densities of all clusters from those of some at a time."""
        columns = ((part.ln_weight, part.mean, part.ln_sigma) for part in parts)
        return cls(*map(np.concatenate, zip(*columns, strict=True)))

    @classmethod
    def mean_of(cls, mixtures: Sequence[Mixture], weights: np.ndarray) -> Self:
        """The mean of densities of the same clusters, by weights that add to 1."""
        shares = zip(mixtures, np.log(weights), strict=True)
        return cls(
            np.concatenate([one.ln_weight + ln_share for one, ln_share in shares], axis=1),
            np.concatenate([one.mean for one in mixtures], axis=1),
            np.concatenate([one.ln_sigma for one in mixtures], axis=1),
        )

    def at(self, rows: slice) -> Mixture:
        """Some of the clusters."""
        return Mixture(self.ln_weight[rows], self.mean[rows], self.ln_sigma[rows])

    def in_mass(self, gas: Gas) -> Mixture:
        """The densities of log10 M, from those of ln Y over the pivot's, `Gas.ln_y`."""
        per_dex = np.broadcast_to(gas.alpha * np.log(10.0), len(self.mean))[:, None]
        at_pivot = np.broadcast_to(gas.ln_y(np.log10(PIVOT_M500_MSUN)), len(self.mean))[:, None]
        return Mixture(
            self.ln_weight,
            np.log10(PIVOT_M500_MSUN) + (self.mean - at_pivot) / per_dex,
            self.ln_sigma - np.log(per_dex),
        )

    def ln_density(self, axis: np.ndarray) -> np.ndarray:
        """Ln p at each value of `axis`, `(n, len(axis))`."""
        return logsumexp(
            [
                weight[:, None]
                - 0.5 * ((axis - mean[:, None]) / np.exp(sigma)[:, None]) ** 2
                - sigma[:, None]
                - LN_SQRT_2PI
                for weight, mean, sigma in zip(
                    self.ln_weight.T, self.mean.T, self.ln_sigma.T, strict=True
                )
            ],
            axis=0,
        )

    def density(self, axis: np.ndarray) -> np.ndarray:
        """The same as p, in float32, and 0 beyond `FARTHEST_SIGMA` of all means.

        To some 1e-6 d / sigma of its peak, for means that are d apart.

        A cluster's density does not depend on which others are computed with it.
        """
        scale = np.exp(-self.ln_sigma)
        weight = np.exp(self.ln_weight - self.ln_sigma - LN_SQRT_2PI).astype(np.float32)
        reach = FARTHEST_SIGMA / scale
        start = np.searchsorted(axis, (self.mean - reach).min(axis=1))
        stop = np.searchsorted(axis, (self.mean + reach).max(axis=1), side="right")
        # (x - mean) / (sqrt(2) sigma) as a product of matrices, about a point among the means
        centre = self.mean.mean(axis=1)
        factors = np.stack([scale, (centre[:, None] - self.mean) * scale], axis=2) / np.sqrt(2.0)
        factors = factors.astype(np.float32)
        total = np.zeros((len(self.mean), len(axis)))
        for row, (first, last) in enumerate(zip(start.tolist(), stop.tolist(), strict=True)):
            powers = np.ones((2, last - first), dtype=np.float32)
            powers[0] = axis[first:last] - centre[row]
            apart = factors[row] @ powers
            np.square(apart, out=apart)
            np.negative(apart, out=apart)
            total[row, first:last] = weight[row] @ np.exp(apart, out=apart)
        return total


@dataclass(frozen=True)
class Ensemble:
    """Networks of one shape, whose densities are averaged.

    A network's outputs are a mixture of Gaussians in ln Y over the pivot's (`Gas.ln_y`), which
    depends little on the relation that it is told; the relation turns it into one in log10 M.
    """

    weights: list[list[np.ndarray]]
    """Of each network: the kernels and biases of its layers in turn, and the kernel that leads
    from its inputs straight to its outputs."""
    standard: Standard

    def __call__(self, inputs: Inputs, gas: Gas) -> Mixture:
        """The mean of the networks' densities of log10 M."""
        return self.of_ln_y(inputs.features(gas)).in_mass(gas)

    def of_ln_y(self, features: np.ndarray) -> Mixture:
        """The mean of the networks' densities of ln Y over the pivot's, `Gas.ln_y`.

        Args:
            features: of the clusters, before they are standardised.
        """
        seen = self.standard.features(features)
        parts = [_mixture(_forward(seen, layers)) for layers in self.weights]
        ln_weight, mean, ln_sigma = (
            np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True)
        )
        return Mixture(
            ln_weight - np.log(len(parts)),
            self.standard.y_centre + self.standard.y_scale * mean,
            ln_sigma + np.log(self.standard.y_scale),
        )

    def mean_loss(self, features: np.ndarray, ln_y: np.ndarray) -> float:
        """Mean of -ln p of the true ln Y over clusters, `(n, features)` and `(n,)`."""
        return float(-self.of_ln_y(features).ln_density(ln_y[:, None]).mean())


@dataclass(frozen=True)
class Standard:
    """Centres and scales that standardise the networks' inputs and outputs."""

    centre: np.ndarray
    """Of the features, `(features,)`."""
    scale: np.ndarray
    y_centre: float
    """Of ln Y over the pivot's."""
    y_scale: float

    @classmethod
    def of(cls, features: np.ndarray, ln_y: np.ndarray) -> Standard:
        """Means and standard deviations of a draw of clusters.

        A feature that is the same for all clusters, such as a single redshift, becomes 0.
        """
        scale = np.where(np.ptp(features, axis=0) > 0.0, features.std(axis=0), 1.0)
        return cls(features.mean(axis=0), scale, float(ln_y.mean()), float(ln_y.std()))

    def features(self, features: np.ndarray) -> np.ndarray:
        """Inputs of a network, float32."""
        return ((features - self.centre) / self.scale).astype(np.float32)

    def labels(self, ln_y: np.ndarray) -> np.ndarray:
        """Labels of a network, `(n, 1)` float32."""
        return ((ln_y[:, None] - self.y_centre) / self.y_scale).astype(np.float32)


def _forward(inputs: np.ndarray, layers: list[np.ndarray]) -> np.ndarray:
    *hidden, kernel, bias, straight = layers
    values = inputs
    for matrix, offset in zip(hidden[::2], hidden[1::2], strict=True):
        values = _silu(_product(values, matrix) + offset)
    outputs = _product(values, kernel) + bias + _product(inputs, straight)
    return np.asarray(outputs, dtype=float)


def _product(rows: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """The product, `COLUMNS` at a time: BLAS' kernels for more round by a row's place."""
    starts = range(0, matrix.shape[1], COLUMNS)
    return np.concatenate([rows @ matrix[:, start : start + COLUMNS] for start in starts], axis=1)


def _silu(values: np.ndarray) -> np.ndarray:
    """SiLU, x / (1 + e^-x); numpy's exp of float32 takes a tenth of scipy's logistic's time."""
    with np.errstate(over="ignore"):
        gate = np.exp(-values)
    gate += 1.0
    return np.divide(values, gate, out=gate)


def _mixture(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ln weights, means and ln sigmas of the outputs, a third of them each."""
    weight, mean, ln_sigma = np.split(outputs, 3, axis=1)
    return log_softmax(weight, axis=1), mean, np.clip(ln_sigma, *LN_SIGMAS)


LN_SIGMAS = (-6.0, 3.0)
"""Ends of ln sigma, standardised, so that no density is a spike."""
