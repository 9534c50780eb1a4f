"""The mResUNets of the study, and the estimators that they are judged against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.microwave.maps.sky import MicrowaveSky, nfw_images
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import Maps, MassPrior, Normalisation, draw_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet as build_network
from szmass.microwave.network.training import TrainingState, recalibrate_normalisation, train
from szmass.microwave.results.metrics import scatter_metrics
from szmass.networks.identity import training_identity
from szmass.params import Evaluation, Microwave, Mresunet
from szmass.reporting import Run
from szmass.streams import MICROWAVE_STORED_MAPS, MICROWAVE_VALIDATION_MAPS, TRAINING_EPOCHS
from szmass.studies.microwave.settings import BOUND
from szmass.units import MASS_UNIT_MSUN

VALIDATION_MAPS = 256
UNIFORM = "bound_uniform"


@dataclass(frozen=True)
class NetworkPlan:
    """A network before its training."""

    microwave: Microwave
    mresunet: Mresunet
    prior: MassPrior
    stored_maps: int
    """Maps that are shown in each epoch; 0: new ones each time."""
    seed: int


def train_network(
    plan: NetworkPlan, sky: MicrowaveSky, folder: Path, run: Run
) -> MresunetEstimator:
    """Trains a network; goes on where a killed step stopped.

    Args:
        plan: the network.
        sky: of `plan.microwave`.
        folder: where the training keeps its state.
        run: is told of each epoch.
    """
    settings, prior, seed = plan.mresunet, plan.prior, plan.seed
    maps_of_epoch, count = _maps_of_epoch(plan, sky)
    calibration = maps_of_epoch(0)
    normalisation = Normalisation(
        temperature_uk=float(np.abs(calibration.temperature_uk).max()),
        sz_uk=float(np.sqrt(np.mean(np.square(calibration.sz_uk)))),
        mass_msun=prior.mean_msun,
        mass_image=settings.mass_image,
    )
    network = build_network(
        pixels=sky.grid.pixels,
        width=settings.width,
        dropout=settings.dropout,
        dropout_phase=settings.dropout_phase,
    )
    rng = np.random.default_rng((seed, MICROWAVE_VALIDATION_MAPS))
    state = TrainingState(
        folder.with_name(folder.name + ".training"), training_identity(__name__, [plan], [])
    )
    train(
        network,
        settings,
        maps_of_epoch=maps_of_epoch,
        maps_per_epoch=count,
        validation=draw_maps(sky, prior, rng, VALIDATION_MAPS),
        normalisation=normalisation,
        nfw=nfw_images(plan.microwave) if settings.mass_image == "nfw" else None,
        seed=seed,
        state=state,
        run=run,
    )
    if settings.recalibration_maps:
        maps_uk = calibration.temperature_uk[: settings.recalibration_maps]
        recalibrate_normalisation(network, maps_uk, normalisation)
    state.clear()
    return MresunetEstimator(network, normalisation)


def _maps_of_epoch(plan: NetworkPlan, sky: MicrowaveSky) -> tuple[Callable[[int], Maps], int]:
    """The maps of an epoch by its number, and how many these are."""
    if not plan.stored_maps:
        count = plan.mresunet.maps_per_epoch

        def fresh(epoch: int) -> Maps:
            rng = np.random.default_rng((plan.seed, TRAINING_EPOCHS, epoch))
            return draw_maps(sky, plan.prior, rng, count)

        return fresh, count
    rng = np.random.default_rng((plan.seed, MICROWAVE_STORED_MAPS))
    stored = draw_maps(sky, plan.prior, rng, plan.stored_maps)

    def shuffled(epoch: int) -> Maps:
        rng = np.random.default_rng((plan.seed, MICROWAVE_STORED_MAPS, epoch))
        order = rng.permutation(plan.stored_maps)
        return Maps(stored.temperature_uk[order], stored.sz_uk[order], stored.m200c_msun[order])

    return shuffled, plan.stored_maps


def exact_estimators(
    sky: MicrowaveSky, microwave: Microwave, prior: MassPrior, evaluation: Evaluation
) -> ExactEstimators:
    """The posterior under a network's own prior and under a flat one, and the matched filter."""
    low, high = (mass * MASS_UNIT_MSUN for mass in evaluation.mass_axis_1e14)
    return ExactEstimators(
        sky,
        axis_msun=np.geomspace(low, high, evaluation.mass_axis_nodes),
        priors={BOUND: prior, UNIFORM: MassPrior.flat(evaluation.bound_range_1e14)},
        eigenvalue_cut=microwave.eigenvalue_cut,
    )


def scatters(
    estimates: dict[str, np.ndarray], truth_msun: np.ndarray, *, draws: int, seed: int
) -> dict[str, float]:
    """The scatter of ln(M_est / M_true) by each estimator, `<estimator>.<metric>`."""
    return {
        f"{estimator}.{name}": value
        for estimator, masses in estimates.items()
        for name, value in scatter_metrics(
            masses, truth_msun, suffix="", draws=draws, rng=np.random.default_rng(seed)
        ).items()
    }
