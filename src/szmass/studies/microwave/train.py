"""Trains a network on one kind of training set, and judges it at all masses."""

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
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.studies.microwave.networks import (
    NetworkPlan,
    exact_estimators,
    scatters,
    train_network,
)
from szmass.studies.microwave.settings import BOUND, NETWORK, MicrowaveStudy
from szmass.studies.results import ITEMS, write_item


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
    item: str,
    run: Run,
) -> None:
    """Writes the masses of the pipeline's test maps by the network of `study.training_sets`.

    All networks see about as many maps; stored ones again and again.
    """
    prepare_backend(seed=seed, threads=mresunet.threads)
    wanted, settings = study.training_sets[item], study.network(mresunet)
    run.tags({"training_set": item, **hardware()})
    settings = replace(settings, training_prior=wanted.training_prior)
    prior = MassPrior.of_training(settings, microwave_sets)
    stored = 0
    if wanted.recipe == "paper":
        stored = wanted.maps_a_mass * len(microwave_sets.training_masses_1e14)
        seen = settings.maps_per_epoch * settings.epochs
        settings = replace(settings, epochs=max(1, round(seen / stored)))
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    plan = NetworkPlan(microwave, settings, prior, stored_maps=stored, seed=seed)
    folder = here / ITEMS / item
    network = train_network(plan, sky, folder, run)
    exact = exact_estimators(sky, microwave, prior, evaluation)
    store = open_microwave_store(microwave_store)
    tables: list[pd.DataFrame] = []
    metrics: dict[str, float] = {}
    for name in ("test", "scatter_test"):
        maps = read_maps(store, name)
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
    write_item(folder, metrics, pd.concat(tables), run)
