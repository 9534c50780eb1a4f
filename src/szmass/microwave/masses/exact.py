"""Estimators that need no training: exact posteriors under several priors, the matched filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import numpy as np

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.masses.likelihood import (
    SAME_MASS,
    MassLikelihood,
    discrete_prior,
    posterior_mean_msun,
    uniform_prior,
)
from szmass.microwave.network.arrays import MassPrior
from szmass.params import Evaluation, Microwave
from szmass.units import MASS_UNIT_MSUN


class ExactEstimators:
    """Mass estimates from the known likelihood of a microwave map.

    Args:
        sky: the experiment, with its covariance and signals.
        axis_msun: nodes of the posterior's mass axis; masses of a discrete prior are added.
        priors: by name of the estimator.
        eigenvalue_cut: of the covariance's modes, see `MassLikelihood`.
    """

    def __init__(
        self,
        sky: MicrowaveSky,
        *,
        axis_msun: np.ndarray,
        priors: Mapping[str, MassPrior],
        eigenvalue_cut: float,
    ) -> None:
        discrete = np.array([mass for prior in priors.values() for mass in prior.masses_msun])
        # a node that is one of these masses but for rounding would have it count twice
        apart = ~np.isclose(axis_msun[:, None], discrete, rtol=SAME_MASS, atol=0.0).any(axis=1)
        axis = np.unique(np.concatenate([axis_msun[apart], discrete]))
        self._likelihood = MassLikelihood(
            m200c_msun=axis,
            signals_uk=sky.mean_uk(axis).reshape(len(axis), -1),
            covariance_uk2=sky.covariance_uk2(),
            ln_scatter=sky.ln_scatter,
            eigenvalue_cut=eigenvalue_cut,
        )
        self._priors = {
            name: discrete_prior(axis, np.array(prior.masses_msun))
            if prior.masses_msun
            else uniform_prior(axis, prior.range_msun)
            for name, prior in priors.items()
        }

    @classmethod
    def of(
        cls,
        sky: MicrowaveSky,
        microwave: Microwave,
        evaluation: Evaluation,
        priors: Mapping[str, MassPrior],
    ) -> Self:
        """The estimators on the mass axis of the settings.

        Args:
            sky: of `microwave`.
            microwave: has the cut of the covariance's modes.
            evaluation: has the ends and the number of the axis' nodes.
            priors: by name of the estimator.
        """
        low, high = (mass * MASS_UNIT_MSUN for mass in evaluation.mass_axis_1e14)
        return cls(
            sky,
            axis_msun=np.geomspace(low, high, evaluation.mass_axis_nodes),
            priors=priors,
            eigenvalue_cut=microwave.eigenvalue_cut,
        )

    def __call__(self, maps_uk: np.ndarray) -> dict[str, np.ndarray]:
        """Posterior means under each prior, and the matched filter, each `(n,)` in Msun."""
        maps_uk = np.asarray(maps_uk, dtype=float)
        ln_likelihood, axis = self._likelihood(maps_uk), self._likelihood.m200c_msun
        estimates = {
            name: posterior_mean_msun(ln_likelihood, axis, prior)
            for name, prior in self._priors.items()
        }
        return estimates | {"matched_filter": self._likelihood.matched_filter_msun(maps_uk)}
