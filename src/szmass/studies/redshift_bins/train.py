"""Trains the networks of each division of the redshifts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.partitions import partition_rows
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Cnn, Evaluation
from szmass.reporting import Run
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
from szmass.studies.redshift_bins.settings import RedshiftBins
from szmass.studies.results import ITEMS


def train(
    seed: int,
    cnn: Cnn,
    evaluation: Evaluation,
    study: RedshiftBins,
    *,
    clean_store: Path,
    planck_store: Path,
    noise_store: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes the networks of each of `study.items`, and their masses of all test clusters."""
    prepare_backend(seed=seed, threads=cnn.threads)
    run.tags({"data_set": study.data_set, **hardware()})
    stores = {"clean": clean_store, "planck": planck_store, "noise": noise_store}
    store = open_store(study.data_set, clean=clean_store, planck=planck_store)

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=cnn.threads)
        edges, tables = study.items[item.name], []
        maps_seen = study.maps_seen / (len(edges) - 1)
        item.run.tags({"intervals": str(len(edges) - 1)})
        for number, interval in enumerate(pairwise(edges)):
            maps = development_maps(study.data_set, interval, cnn, **stores)
            training_maps = round(len(maps) * (1.0 - cnn.validation_fraction))
            settings = replace(cnn, members=study.members)
            settings = with_maps_seen(settings, maps_seen, training_maps)
            members = members_among(
                (seed, number, len(edges) - 1, 0), maps.cluster, np.arange(len(maps)), settings
            )
            output = item.folder / "z_{:g}_{:g}".format(*interval)
            training = Training(output, study.data_set, maps, members, settings)
            with item.run.child(output.name) as of_interval:
                ensemble = train_networks(training, item.identity, of_interval)
            rows = partition_rows(store, "test", interval)
            tables.append(test_masses(ensemble, store, rows, maps))
        table = pd.concat(tables)
        metrics = mass_metrics(table, draws=evaluation.bootstrap_draws, seed=seed)
        write_item(item.folder, metrics, table, item.run)

    settings = [seed, cnn, evaluation, shared_settings(study, "items")]
    identity = training_identity(__name__, settings, stores.values())
    make_items(here / ITEMS, study.items, make, identity=identity, run=run)
