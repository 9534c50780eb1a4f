"""Trains a mResUNet by the paper's recipe, and judges it at all masses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.files import TRAINING
from szmass.microwave.maps.samples import SETS, Samples, list_samples, open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import Maps, MassPrior, read_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.training import (
    recalibrate_normalisation,
    shuffled_maps,
    train_estimator,
)
from szmass.microwave.results.metrics import mass_metrics
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.networks.training import TrainingState
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.studies.items import Item, make_items, write_item
from szmass.studies.microwave.networks import exact_estimators, scatters
from szmass.studies.microwave.settings import BOUND, NETWORK
from szmass.studies.paper_recipe.settings import PaperRecipe
from szmass.studies.results import ITEMS

ITEM = "paper"
AS_TRAINED, MEASURED_ANEW = "running_averages", "measured_anew"
"""Parts of the item: where the means and variances of batch normalisation come from."""
TEST_SETS = ("test", "scatter_test")


def train(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    study: PaperRecipe,
    *,
    spectra_table: Path,
    microwave_store: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes the masses of the pipeline's test maps, before and after the new measurement.

    Training and validation maps are those that scale `paper` stores; they are simulated here.
    """
    run.tags(hardware())
    recipe, sets = study.applied(mresunet, microwave_sets)
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    store = open_microwave_store(microwave_store)
    test_sets = {name: read_maps(store, name) for name in TEST_SETS}
    prior = MassPrior.of_training(recipe, sets)
    exact = exact_estimators(sky, microwave, prior, evaluation)

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=recipe.threads)
        samples = list_samples(seed, sets, microwave.ln_scatter)
        maps_of_epoch = shuffled_maps(simulated(sky, samples, "train"), seed=seed)
        state = TrainingState(item.folder / f"network{TRAINING}", item.identity)
        network, _ = train_estimator(
            replace(recipe, recalibration_maps=0),
            microwave,
            prior,
            maps_of_epoch=maps_of_epoch,
            validation=simulated(sky, samples, "validation"),
            seed=seed,
            state=state,
            run=item.run,
        )
        for part in (AS_TRAINED, MEASURED_ANEW):
            if part == MEASURED_ANEW:
                again = maps_of_epoch(0).temperature_uk[: recipe.recalibration_maps]
                recalibrate_normalisation(network.model, again, network.normalisation)
            metrics, table = judged(network, exact, test_sets, evaluation, seed=seed)
            with item.run.child(part) as child:
                write_item(item.folder / part, metrics, table, child)

    settings = [seed, microwave, sets, recipe, evaluation]
    identity = training_identity(__name__, settings, [spectra_table, microwave_store])
    make_items(here / ITEMS, {ITEM: study}, make, identity=identity, run=run)


def simulated(sky: MicrowaveSky, samples: Samples, name: str) -> Maps:
    """The maps of a set, the same as `simulate_microwave` stores.

    Args:
        sky: the experiment.
        samples: all sets of maps.
        name: one of `SETS`.
    """
    first, *_, last = np.flatnonzero(samples.set == SETS.index(name)).tolist()
    of_set = samples.at(slice(first, last + 1))
    sz_uk = sky.sz_uk(of_set.m200c_msun, of_set.ln_amplitude)
    return Maps(sky.observe(sz_uk, of_set.rngs()), sz_uk, of_set.m200c_msun)


def judged(
    network: MresunetEstimator,
    exact: ExactEstimators,
    test_sets: Mapping[str, Maps],
    evaluation: Evaluation,
    *,
    seed: int,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Metrics `<estimator>.<metric>`, and a row a map, of the network and the exact posterior.

    Args:
        network: the trained one.
        exact: estimators beside it.
        test_sets: maps by the names of `TEST_SETS`.
        evaluation: the bootstrap.
        seed: of the bootstrap.
    """
    tables: list[pd.DataFrame] = []
    metrics: dict[str, float] = {}
    for name, maps in test_sets.items():
        estimates = {NETWORK: network(maps.temperature_uk)[0], **exact(maps.temperature_uk)}
        columns = {f"{estimator}_msun": masses for estimator, masses in estimates.items()}
        tables.append(pd.DataFrame({"set": name, "m200c_msun": maps.m200c_msun, **columns}))
        if name == "test":
            for estimator, masses in estimates.items():
                at_masses = mass_metrics(masses, maps.m200c_msun, estimates[BOUND])
                metrics |= {f"{estimator}.{key}": value for key, value in at_masses.items()}
        else:
            draws = evaluation.bootstrap_draws
            metrics |= scatters(estimates, maps.m200c_msun, draws=draws, seed=seed)
    return metrics, pd.concat(tables)
