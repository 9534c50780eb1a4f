"""The mResUNets of the study, and the estimators that they are judged against."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.files import TRAINING
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import MassPrior, draw_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.training import fresh_maps, shuffled_maps, train_estimator
from szmass.microwave.results.metrics import scatter_metrics
from szmass.networks.training import TrainingState
from szmass.params import Evaluation, Microwave, Mresunet
from szmass.reporting import Run
from szmass.streams import MICROWAVE_STORED_MAPS, MICROWAVE_VALIDATION_MAPS
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
    plan: NetworkPlan, sky: MicrowaveSky, folder: Path, identity: str, run: Run
) -> MresunetEstimator:
    """Trains a network; goes on where a killed step stopped.

    Args:
        plan: the network.
        sky: of `plan.microwave`.
        folder: of what is kept of the network; the training's state lies there while it runs.
        identity: digest of everything that determines the training.
        run: is told of each epoch.
    """
    prior, seed = plan.prior, plan.seed
    if plan.stored_maps:
        rng = np.random.default_rng((seed, MICROWAVE_STORED_MAPS))
        stored = draw_maps(sky, prior, rng, plan.stored_maps)
        maps_of_epoch = shuffled_maps(stored, seed=seed, stream=MICROWAVE_STORED_MAPS)
    else:
        count = plan.mresunet.maps_per_epoch
        maps_of_epoch = fresh_maps(sky, prior, seed=seed, count=count)
    rng = np.random.default_rng((seed, MICROWAVE_VALIDATION_MAPS))
    state = TrainingState(folder / f"network{TRAINING}", identity)
    estimator, _ = train_estimator(
        plan.mresunet,
        plan.microwave,
        prior,
        maps_of_epoch=maps_of_epoch,
        validation=draw_maps(sky, prior, rng, VALIDATION_MAPS),
        seed=seed,
        state=state,
        run=run,
    )
    state.clear()
    return estimator


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
