"""Makes the record that a `Predictor` needs, from the training data and the ensembles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from szmass.compton.maps.clusters import CLUSTERS_OF_A_KIND
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import baryon_model_names
from szmass.compton.masses.novelty import SeenMaps, map_statistics
from szmass.compton.masses.predictor import ensemble_folder, model_version
from szmass.compton.masses.record import BinKnowledge, Knowledge, ModelShift
from szmass.compton.masses.training_clusters import TrainingClusters
from szmass.compton.network.ensemble import Ensemble
from szmass.params import Cnn, Compton, Posterior
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore

SEEN_MAPS = 2000
"""Of a bin's development maps, on which the ranges of what is familiar are measured."""
FEWEST_CLUSTERS = 10


def measure_knowledge(
    store: MapStore,
    models: Path,
    bins: Mapping[str, Sequence[float]],
    *,
    compton: Compton,
    cnn: Cnn,
    posterior: Posterior,
) -> Knowledge:
    """Measures the training prior, familiar ranges and model shifts of every bin.

    Args:
        store: maps with Planck's noise.
        models: folder of the ensembles.
        bins: redshift bins by name.
        compton: the maps.
        cnn: how the ensembles were trained.
        posterior: axis of the posteriors.
    """
    grid = PixelGrid.of(compton)
    known = {}
    for name, edges in bins.items():
        ensemble = Ensemble.load(ensemble_folder(models, name))
        low, high = edges
        known[name] = BinKnowledge(
            (low, high),
            TrainingClusters.of_store(store, edges),
            _seen(store, partition_rows(store, "development", edges), ensemble, grid),
            model_shifts(store, edges, ensemble, compton.baryon_model),
        )
    low, high = posterior.axis_log10_msun
    clusters = sum(len(one.training.number) for one in known.values())
    return Knowledge(
        known,
        grid,
        (low, high),
        posterior.axis_nodes,
        model_version(models, bins),
        f"{cnn.members} networks a bin, {cnn.epochs} epochs on {clusters} simulated clusters of "
        f"{compton.baryon_model}",
    )


def _seen(store: MapStore, rows: np.ndarray, ensemble: Ensemble, grid: PixelGrid) -> SeenMaps:
    few = rows[np.unique(np.linspace(0, len(rows) - 1, SEEN_MAPS).astype(int))]
    maps = store.read("compton_y", few)
    log10_m, features = ensemble.with_features(maps)
    return SeenMaps.measure(map_statistics(maps, grid), log10_m.mean(axis=0), features)


def model_shifts(
    store: MapStore, edges: Sequence[float], ensemble: Ensemble, trained_on: str
) -> dict[str, ModelShift]:
    """By how much the ensemble's masses move where only the gas of the clusters is another.

    The other models' clusters are twins of test clusters, of the same mass and shape: their
    numbers end alike. A model's straight line goes through the medians of three groups in mass.

    Args:
        store: maps with Planck's noise.
        edges: of the redshift bin.
        ensemble: of that bin.
        trained_on: the model of the test clusters.
    """
    test, other = (partition_rows(store, name, edges) for name in ("test", "other_model"))
    models = store.read("baryon_model", other)
    names = baryon_model_names(store)
    numbers = store.read("cluster", test) % CLUSTERS_OF_A_KIND
    twins = np.isin(numbers, store.read("cluster", other) % CLUSTERS_OF_A_KIND)
    mean = ensemble(store.read("compton_y", test[twins])).mean(axis=0)
    reference = dict(zip(numbers[twins].tolist(), mean, strict=True))
    shifts = {}
    for index, name in enumerate(names):
        rows = other[models == index]
        known = [
            n in reference for n in (store.read("cluster", rows) % CLUSTERS_OF_A_KIND).tolist()
        ]
        rows = rows[np.array(known, dtype=bool)]
        if name == trained_on or len(rows) < FEWEST_CLUSTERS:
            continue
        found = ensemble(store.read("compton_y", rows)).mean(axis=0)
        same = np.array(
            [reference[n] for n in (store.read("cluster", rows) % CLUSTERS_OF_A_KIND).tolist()]
        )
        log10_true = np.log10(store.read("m500c_msun", rows))
        groups = np.array_split(np.argsort(log10_true, kind="stable"), 3)
        middle = [float(np.median(log10_true[group])) for group in groups]
        shift = [float(np.median((found - same)[group])) for group in groups]
        shifts[name] = ModelShift.fit(np.array(middle), np.array(shift))
    return shifts
