"""Trains the networks of all combinations of settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Cnn, Evaluation
from szmass.reporting import Run
from szmass.studies.architectures.settings import Architectures
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.networks import (
    Training,
    development_maps,
    mass_metrics,
    members_among,
    open_store,
    test_masses,
    train_networks,
    with_maps_seen,
)
from szmass.studies.results import ITEMS


def train(
    seed: int,
    cnn: Cnn,
    evaluation: Evaluation,
    study: Architectures,
    *,
    clean_store: Path,
    planck_store: Path,
    noise_store: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes the networks of each of `study.items`, and their masses of all test clusters.

    All are validated on the same clusters, but for those that differ in their start.
    """
    prepare_backend(seed=seed, threads=cnn.threads)
    run.tags({"data_set": study.data_set, **hardware()})
    stores = {"clean": clean_store, "planck": planck_store, "noise": noise_store}
    store = open_store(study.data_set, clean=clean_store, planck=planck_store)
    maps = development_maps(study.data_set, study.redshifts, cnn, **stores)
    rows = partition_rows(store, "test", study.redshifts)

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=cnn.threads)
        for name, network in study.networks(item.name, cnn).items():
            training_maps = round(len(maps) * (1.0 - network.validation_fraction))
            settings = with_maps_seen(network, study.maps_seen, training_maps)
            members = members_among((seed, 0, 0, 0), maps.cluster, np.arange(len(maps)), settings)
            folder = item.folder / name
            training = Training(folder / "networks", study.data_set, maps, members, settings)
            with item.run.child(name) as child:
                child.tags({"cnn": name})
                ensemble = train_networks(training, item.identity, child)
                table = test_masses(ensemble, store, rows, maps)
                metrics = mass_metrics(table, draws=evaluation.bootstrap_draws, seed=seed)
                metrics["parameters"] = ensemble.network.count_params()
                for number, facts in enumerate(ensemble.facts["members"]):
                    metrics[f"validation_loss_{number:03d}"] = facts["least_validation_loss"]
                write_item(folder, metrics, table, child)

    settings = [seed, cnn, evaluation, shared_settings(study, "items")]
    identity = training_identity(__name__, settings, stores.values())
    make_items(here / ITEMS, study.items, make, identity=identity, run=run)
