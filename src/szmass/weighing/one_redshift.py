"""Weighing of maps whose clusters have one redshift, and images that follow from their mass.

A survey other than Planck's needs only the covariance of its pixels and the images of its clusters.
The relation that the network is told is ln Y = ln M with the scatter of the signal, so it learns
p(ln M | map).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from szmass.evaluation.posteriors import MassPosteriors
from szmass.params import Weighing
from szmass.weighing.filters import FilterBank, Noise, information
from szmass.weighing.gas import Gas
from szmass.weighing.mixture import Ensemble, Inputs
from szmass.weighing.training.network import noise_root

AT_ONCE = 1024
"""Images that are held in memory together."""


@dataclass(frozen=True)
class OneRedshift:
    """A survey: maps d = A s(M) + n of clusters at one redshift.

    s(M) is known, ln A ~ N(0, ln_scatter^2), and n is Gaussian with a known covariance.
    """

    images: Callable[[np.ndarray], np.ndarray]
    """Noiseless maps `(n, pixels, pixels)` of clusters of masses `(n,)` in Msun."""
    bank: FilterBank
    redshift: float
    ln_scatter: float

    @classmethod
    def of(
        cls,
        images: Callable[[np.ndarray], np.ndarray],
        noise: Noise,
        template_masses_msun: np.ndarray,
        *,
        redshift: float,
        ln_scatter: float,
    ) -> Self:
        """A survey whose filters are matched to the images of some masses.

        Args:
            images: of clusters, see the class.
            noise: of the maps' pixels, in the unit of the images.
            template_masses_msun: `(filters,)`; `lost_information` shows whether they are enough.
            redshift: of all clusters.
            ln_scatter: sigma of ln A.
        """
        bank = FilterBank.of_templates(images(template_masses_msun), noise)
        return cls(images, bank, redshift, ln_scatter)

    def amplitudes(self, masses_msun: np.ndarray) -> np.ndarray:
        """Amplitudes of noiseless clusters of A = 1, `(n, filters)`: signal-to-noise ratios."""
        parts = np.array_split(masses_msun, -(-len(masses_msun) // AT_ONCE))
        return np.concatenate([self.bank.amplitudes(self.images(part)) for part in parts])

    def lost_information(self, masses_msun: np.ndarray, noise: Noise) -> np.ndarray:
        """The share of the maps' information on A that the filters miss, `(n,)`.

        1 - a^T N^-1 a / (s^T C^-1 s) for the amplitudes a of the image s, whose noise has the
        covariance N: the part of C^-1/2 s that is orthogonal to all of C^-1/2 T, for templates T
        whose mean level is left free. If it is 0 for every mass of the prior, the amplitudes
        determine the exact posterior.

        Args:
            masses_msun: `(n,)`.
            noise: of the maps' pixels.
        """
        seen = np.sum((self.amplitudes(masses_msun) @ self.bank.whitening) ** 2, axis=1)
        return np.asarray(1.0 - seen / information(self.images(masses_msun), noise))

    def clusters(self, log10_mass_msun: np.ndarray, settings: Weighing) -> SignalClusters:
        """Clusters of these masses to train on."""
        return SignalClusters(
            log10_mass_msun, self.amplitudes(10.0**log10_mass_msun), self, settings
        )

    def inputs(self, amplitude: np.ndarray) -> Inputs:
        """What the network is told of maps with these amplitudes; their noise is the survey's."""
        count = len(amplitude)
        return Inputs(amplitude, np.ones(count), np.full(count, self.redshift), self.bank.whitening)

    @property
    def gas(self) -> Gas:
        """The relation ln Y = ln M over the pivot, with the scatter of ln A."""
        return Gas(np.array(1.0), np.array(0.0), np.array(self.ln_scatter))

    def posteriors(self, ensemble: Ensemble, maps: np.ndarray, axis: np.ndarray) -> MassPosteriors:
        """Posteriors of log10 M under the density of the training masses.

        Args:
            ensemble: trained on `clusters`.
            maps: `(n, pixels, pixels)`.
            axis: evenly spaced log10 M, from end to end of the training masses.
        """
        inputs = self.inputs(self.bank.amplitudes(maps))
        density = np.exp(ensemble(inputs, self.gas).ln_density(axis))
        return MassPosteriors.of_weights(axis, density)


@dataclass(frozen=True)
class SignalClusters:
    """Clusters of a survey at one redshift, with new scatter and noise whenever they are shown."""

    log10_mass_msun: np.ndarray
    amplitude: np.ndarray
    """For A = 1, `(n, filters)`."""
    survey: OneRedshift
    settings: Weighing

    def __len__(self) -> int:
        return len(self.log10_mass_msun)

    @cached_property
    def _root(self) -> np.ndarray:
        return noise_root(self.survey.bank.noise_covariance)

    def examples(self, rng: np.random.Generator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and ln Y of some of the clusters, as `weighing.network.Clusters` says."""
        gas, count = self.survey.gas, len(rows)
        scatter = np.exp(self.survey.ln_scatter * rng.standard_normal(count))
        noise = rng.standard_normal((count, len(self._root))) @ self._root
        inputs = self.survey.inputs(scatter[:, None] * self.amplitude[rows] + noise)
        return inputs.features(gas), gas.ln_y(self.log10_mass_msun[rows])
