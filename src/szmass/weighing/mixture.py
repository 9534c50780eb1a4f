"""The network of weighing in numpy: amplitudes, redshift and gas in, a density of log10 M out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, log_softmax, logsumexp

from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing.gas import Gas
from szmass.weighing.spots import Spots

LN_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)


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
    """Of the maps, of which the network is not told; None where there are no maps."""

    @property
    def signal_to_noise(self) -> np.ndarray:
        """Of the filter that sees most, `(n,)`."""
        return np.asarray((self.amplitude / self.level[:, None]).max(axis=1))

    def at(self, rows: slice | np.ndarray) -> Inputs:
        """Some of the clusters."""
        spots = None if self.spots is None else self.spots.at(rows)
        told = self.amplitude[rows], self.level[rows], self.redshift[rows]
        return Inputs(*told, self.whitening, spots)

    def features(self, gas: Gas) -> np.ndarray:
        """The network's inputs before they are standardised, `(n, features)`.

        asinh of the amplitudes over the level, of these when whitened, ln level, z, ln z, and
        alpha, log10_b and sigma_lny of the gas.
        """
        z, ratio = self.redshift, self.amplitude / self.level[:, None]
        told = np.stack([np.log(self.level), z, np.log(z)], axis=1)
        whitened = np.arcsinh(ratio @ self.whitening)
        return np.concatenate([np.arcsinh(ratio), whitened, told, gas.features(len(z))], axis=1)


@dataclass(frozen=True)
class Mixture:
    """Densities of log10 M500c, each a sum of Gaussians; `(n, components)` each."""

    ln_weight: np.ndarray
    mean: np.ndarray
    ln_sigma: np.ndarray

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
        """The same as p, which is 0 far from the means; several times faster."""
        total = np.zeros((len(self.mean), len(axis)))
        for weight, mean, sigma in zip(
            np.exp(self.ln_weight - self.ln_sigma - LN_SQRT_2PI).T,
            self.mean.T,
            np.exp(self.ln_sigma).T,
            strict=True,
        ):
            apart = (axis - mean[:, None]) / sigma[:, None]
            total += weight[:, None] * np.exp(-0.5 * apart**2)
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
        features = self.standard.features(inputs.features(gas))
        parts = [_mixture(_forward(features, layers)) for layers in self.weights]
        ln_weight, mean, ln_sigma = (
            np.concatenate(columns, axis=1) for columns in zip(*parts, strict=True)
        )
        per_dex = np.broadcast_to(gas.alpha * np.log(10.0), len(features))[:, None]
        at_pivot = np.broadcast_to(gas.ln_y(np.log10(PIVOT_M500_MSUN)), len(features))[:, None]
        ln_y = self.standard.y_centre + self.standard.y_scale * mean
        return Mixture(
            ln_weight - np.log(len(parts)),
            np.log10(PIVOT_M500_MSUN) + (ln_y - at_pivot) / per_dex,
            ln_sigma + np.log(self.standard.y_scale / per_dex),
        )


@dataclass(frozen=True)
class Standard:
    """Centres and scales that bring what networks see and say to the order of 1."""

    centre: np.ndarray
    """Of the features, `(features,)`."""
    scale: np.ndarray
    y_centre: float
    """Of ln Y over the pivot's."""
    y_scale: float

    @classmethod
    def of(cls, features: np.ndarray, ln_y: np.ndarray) -> Standard:
        """Means and standard deviations of a draw of clusters."""
        return cls(
            features.mean(axis=0), features.std(axis=0), float(ln_y.mean()), float(ln_y.std())
        )

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
        values = values @ matrix + offset
        values = values * expit(values)
    return np.asarray(values @ kernel + bias + inputs @ straight, dtype=float)


def _mixture(outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ln weights, means and ln sigmas of the outputs, a third of them each."""
    weight, mean, ln_sigma = np.split(outputs, 3, axis=1)
    return log_softmax(weight, axis=1), mean, np.clip(ln_sigma, *LN_SIGMAS)


LN_SIGMAS = (-6.0, 3.0)
"""Ends of ln sigma, standardised, so that no density is a spike."""
