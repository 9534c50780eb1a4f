"""Trains networks on fewer and on more clusters of a redshift bin, for shorter and for longer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Cnn, Evaluation, require
from szmass.reporting import Run
from szmass.streams import TRAINING_SIZE_CLUSTERS
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
from szmass.studies.training_size.settings import TrainingSize


def train(
    seed: int,
    cnn: Cnn,
    evaluation: Evaluation,
    study: TrainingSize,
    *,
    clean_store: Path,
    planck_store: Path,
    noise_store: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes the networks of each of `study.sizes()`, and their masses of all test clusters."""
    prepare_backend(seed=seed, threads=cnn.threads)
    run.tags({"data_set": study.data_set, **hardware()})
    stores = {"clean": clean_store, "planck": planck_store, "noise": noise_store}
    store = open_store(study.data_set, clean=clean_store, planck=planck_store)
    maps = development_maps(study.data_set, study.redshifts, cnn, **stores)
    sizes = study.sizes()

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=cnn.threads)
        clusters, maps_seen = sizes[item.name]
        item.run.tags({"clusters": str(clusters), "maps_seen": str(maps_seen)})
        positions = of_some_clusters(maps.cluster, clusters, seed=seed)
        training_maps = round(len(positions) * (1.0 - cnn.validation_fraction))
        settings = replace(cnn, members=study.members)
        settings = with_maps_seen(settings, maps_seen, training_maps)
        members = members_among((seed, 0, 0, 0), maps.cluster, positions, settings)
        output = item.folder / "networks"
        training = Training(output, study.data_set, maps, members, settings)
        ensemble = train_networks(training, item.identity, item.run)
        table = test_masses(ensemble, store, partition_rows(store, "test", study.redshifts), maps)
        metrics = mass_metrics(table, draws=evaluation.bootstrap_draws, seed=seed)
        metrics["training_maps"] = len(members[0].train)
        metrics["maps_seen"] = settings.epochs * len(members[0].train)
        write_item(item.folder, metrics, table, item.run)

    shared = shared_settings(study, "items", "maps_seen", "trainings")
    settings = [seed, cnn, evaluation, shared]
    identity = training_identity(__name__, settings, stores.values())
    make_items(here / ITEMS, sizes, make, identity=identity, run=run)


def of_some_clusters(cluster: np.ndarray, count: int, *, seed: int) -> np.ndarray:
    """Positions of the maps of so many clusters, ascending; fewer clusters are among more.

    Args:
        cluster: of each map, `(maps,)`.
        count: of clusters.
        seed: of their choice.

    Raises:
        ParamsError: there are not so many clusters.
    """
    clusters = np.unique(cluster)
    require(count <= len(clusters), "items", count, f"at most the bin's {len(clusters)} clusters")
    chosen = np.random.default_rng((seed, TRAINING_SIZE_CLUSTERS)).permutation(clusters)[:count]
    return np.flatnonzero(np.isin(cluster, chosen))
