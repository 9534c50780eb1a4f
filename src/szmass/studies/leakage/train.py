"""Trains a network for each way to divide maps, and judges it twice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.partitions import partition_rows
from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.ensemble import OUT_OF_FOLD_FILE
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Cnn, Evaluation
from szmass.reporting import Run
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.leakage.settings import (
    CLAIMED,
    DATA_SETS,
    ERROR,
    STORES,
    TRUE,
    Leakage,
)
from szmass.studies.networks import (
    Training,
    mass_metrics,
    members_among,
    open_store,
    test_masses,
    train_networks,
)
from szmass.studies.results import ITEMS


def train(
    seed: int, cnn: Cnn, evaluation: Evaluation, study: Leakage, *, here: Path, run: Run
) -> None:
    """Writes the network of each of `study.items`, and its masses of clusters not seen.

    Maps with noise keep the noise of their store, as the paper's do: new noise in each epoch would
    hide what is asked.
    """
    prepare_backend(seed=seed, threads=cnn.threads)
    run.tags(hardware())
    clean, planck = (here / STORES / f"{name}.zarr" for name in DATA_SETS)
    settings = replace(
        cnn, epochs=study.epochs, members=1, dropout=study.dropout, flips=study.flips
    )
    draws = evaluation.bootstrap_draws

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=cnn.threads)
        division = study.items[item.name]
        item.run.tags({"data_set": division.data_set, "divided": division.divided})
        store = open_store(division.data_set, clean=clean, planck=planck)
        maps = DevelopmentMaps(store, study.redshifts)
        everything = np.arange(len(maps))
        kinds = maps.cluster if division.divided == "clusters" else everything
        # networks on the same maps have the same start
        identity = (seed, 0, DATA_SETS.index(division.data_set), 0)
        members = members_among(identity, kinds, everything, settings)
        output = item.folder / "networks"
        training = Training(output, division.data_set, maps, members, settings)
        ensemble = train_networks(training, item.identity, item.run)
        table = test_masses(ensemble, store, partition_rows(store, "test", study.redshifts), maps)
        metrics = mass_metrics(table, draws=draws, seed=seed, names=("selected",))
        validated = pd.read_csv(output / OUT_OF_FOLD_FILE)
        claimed_dex = (validated["log10_m_pred"] - validated["log10_m_true"]).to_numpy()
        true_dex = np.log10(table["selected_msun"] / table["m500c_msun"]).to_numpy()
        metrics[CLAIMED] = float(np.std(claimed_dex))
        for name, values, cluster in (
            (CLAIMED, claimed_dex, validated["cluster"]),
            (TRUE, true_dex, table["cluster"]),
        ):
            rng = np.random.default_rng(seed)
            error = scatter_error(values, cluster.to_numpy(), draws=draws, rng=rng)
            metrics[ERROR.format(scatter=name)] = error
        write_item(item.folder, metrics, table, item.run)

    made_from = [seed, cnn, evaluation, shared_settings(study, "items")]
    identity = training_identity(__name__, made_from, [clean, planck])
    make_items(here / ITEMS, study.items, make, identity=identity, run=run)


def scatter_error(
    values: np.ndarray, cluster: np.ndarray, *, draws: int, rng: np.random.Generator
) -> float:
    """Standard deviation of a standard deviation over samples of clusters with replacement.

    Args:
        values: one a map, `(n,)`.
        cluster: the cluster of each map, `(n,)`; its maps stay together.
        draws: of the bootstrap.
        rng: of the bootstrap.
    """
    _, number = np.unique(cluster, return_inverse=True)
    powers = np.array([np.bincount(number, values**power) for power in range(3)])
    picked = rng.integers(powers.shape[1], size=(draws, powers.shape[1]))
    maps, sums, squares = powers[:, picked].sum(axis=2)
    return float(np.std(np.sqrt(squares / maps - (sums / maps) ** 2), ddof=1))
