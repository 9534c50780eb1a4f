"""Trains a network on each kind of training set, and judges it at all masses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, read_maps
from szmass.microwave.results.metrics import mass_metrics
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.microwave.networks import (
    NetworkPlan,
    exact_estimators,
    scatters,
    train_network,
)
from szmass.studies.microwave.settings import BOUND, NETWORK, MicrowaveStudy
from szmass.studies.results import ITEMS

TEST_SETS = ("test", "scatter_test")


def train(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    study: MicrowaveStudy,
    *,
    spectra_table: Path,
    microwave_store: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes the masses of the pipeline's test maps by a network of each `study.training_sets`.

    All networks see about as many maps; stored ones again and again.
    """
    prepare_backend(seed=seed, threads=mresunet.threads)
    run.tags(hardware())
    sky, store = MicrowaveSky(microwave, read_spectra(spectra_table)), microwave_store
    test_sets = {name: read_maps(open_microwave_store(store), name) for name in TEST_SETS}

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=mresunet.threads)
        training_set, settings = study.training_sets[item.name], study.network(mresunet)
        settings = replace(settings, training_prior=training_set.training_prior)
        prior = MassPrior.of_training(settings, microwave_sets)
        stored = 0
        if training_set.recipe == "paper":
            stored = training_set.maps_a_mass * len(microwave_sets.training_masses_1e14)
            seen = settings.maps_per_epoch * settings.epochs
            settings = replace(settings, epochs=max(1, round(seen / stored)))
        plan = NetworkPlan(microwave, settings, prior, stored_maps=stored, seed=seed)
        network = train_network(plan, sky, item.folder, item.identity, item.run)
        exact = exact_estimators(sky, microwave, prior, evaluation)
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
        write_item(item.folder, metrics, pd.concat(tables), item.run)

    of_judging = ("quantities", "test_maps", "test_range_1e14")
    shared = shared_settings(study, "training_sets", *of_judging)
    settings = [seed, microwave, microwave_sets, mresunet, evaluation, shared]
    identity = training_identity(__name__, settings, [spectra_table, microwave_store])
    folder = here / ITEMS / "training_sets"
    make_items(folder, study.training_sets, make, identity=identity, run=run)
