"""Trains the networks of one division of the redshifts."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.partitions import partition_rows
from szmass.compton.network.arrays import DevelopmentMaps
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import Cnn, Evaluation
from szmass.reporting import Run
from szmass.studies.networks import (
    Training,
    mass_metrics,
    members_among,
    test_masses,
    train_networks,
    with_maps_seen,
)
from szmass.studies.redshift_bins.settings import RedshiftBins
from szmass.studies.results import ITEMS, write_item
from szmass.studies.stores import open_store


def train(
    seed: int,
    cnn: Cnn,
    evaluation: Evaluation,
    study: RedshiftBins,
    *,
    clean_store: Path,
    planck_store: Path,
    here: Path,
    item: str,
    run: Run,
) -> None:
    """Writes the networks of one of `study.items`, and their masses of all test clusters."""
    prepare_backend(seed=seed, threads=cnn.threads)
    edges = study.items[item]
    run.tags({"data_set": study.data_set, "intervals": str(len(edges) - 1), **hardware()})
    store = open_store(study.data_set, clean=clean_store, planck=planck_store)
    folder, tables = here / ITEMS / item, []
    for number, interval in enumerate(pairwise(edges)):
        maps = DevelopmentMaps(store, interval)
        training_maps = round(len(maps) * (1.0 - cnn.validation_fraction))
        settings = with_maps_seen(
            replace(cnn, members=study.members), study.maps_seen, training_maps
        )
        identity = (seed, number, len(edges) - 1, 0)
        members = members_among(identity, maps.cluster, np.arange(len(maps)), settings)
        name = "z_{:g}_{:g}".format(*interval)
        training = Training(folder / name, study.data_set, maps, members, settings)
        with run.child(name) as of_interval:
            ensemble = train_networks(training, [seed, study, interval], of_interval)
        tables.append(test_masses(ensemble, store, partition_rows(store, "test", interval), maps))
    table = pd.concat(tables)
    write_item(folder, mass_metrics(table, draws=evaluation.bootstrap_draws, seed=seed), table, run)
