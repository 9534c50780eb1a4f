"""Trains a network on the main baryon model, and judges it on all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from szmass.compton.network.arrays import DevelopmentMaps
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import BaryonModel, Cnn, Evaluation
from szmass.reporting import Run
from szmass.storage.store import MapStore
from szmass.studies.baryon_models.settings import STORE, TITLE, BaryonModels
from szmass.studies.items import remove_others, write_item
from szmass.studies.networks import (
    Training,
    mass_metrics,
    members_among,
    test_masses,
    train_networks,
)
from szmass.studies.results import ITEMS

ALL_REDSHIFTS = (0.0, 10.0)
NETWORKS = "networks"


def train(
    seed: int,
    baryon_models: Mapping[str, BaryonModel],
    cnn: Cnn,
    evaluation: Evaluation,
    study: BaryonModels,
    *,
    here: Path,
    run: Run,
) -> None:
    """Writes the networks, and their masses of the test clusters of each baryon model."""
    prepare_backend(seed=seed, threads=cnn.threads)
    run.tags(hardware())
    store = MapStore(here / STORE, TITLE)
    maps = DevelopmentMaps(store, ALL_REDSHIFTS)
    settings = replace(cnn, members=study.members, epochs=study.epochs)
    members = members_among((seed, 0, 0, 0), maps.cluster, np.arange(len(maps)), settings)
    remove_others(here / ITEMS, [NETWORKS])
    training = Training(here / ITEMS / NETWORKS, "clean", maps, members, settings)
    identity = training_identity(__name__, [seed, settings], [store.path])
    ensemble = train_networks(training, identity, run)
    for number, name in enumerate(baryon_models):
        of_model = store.read("baryon_model") == number
        rows = np.flatnonzero(of_model & (store.read("partition") > 0))
        table = test_masses(ensemble, store, rows, maps)
        metrics = mass_metrics(table, draws=evaluation.bootstrap_draws, seed=seed)
        with run.child(name) as child:
            child.tags({"baryon_model": name})
            write_item(here / ITEMS / name, metrics, table, child)
