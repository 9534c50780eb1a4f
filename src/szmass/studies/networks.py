"""CNNs that a study trains, and their masses of test clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from szmass.compton.maps.partitions import require_unseen
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.network.arrays import DevelopmentMaps, FreshNoise
from szmass.compton.network.ensemble import Ensemble
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, Member, plan_members
from szmass.compton.network.selection import ENSEMBLE, SELECTED, predictors_msun
from szmass.compton.network.training import EnsemblePlan, train_ensembles
from szmass.compton.results.metrics import relerr_metrics
from szmass.files import resumable_folder
from szmass.params import Cnn
from szmass.planck.stores import open_noise_store
from szmass.reporting import Run
from szmass.storage.store import MapStore

TARGET = "m500c"
PREDICTORS = (SELECTED, ENSEMBLE)


@dataclass(frozen=True)
class Training:
    """Networks that differ in their start and in the division of their maps alone."""

    output: Path
    """Folder of the networks."""
    data_set: str
    """`clean` or `planck`."""
    maps: DevelopmentMaps
    members: list[Member]
    settings: Cnn


def open_store(data_set: str, *, clean: Path, planck: Path) -> MapStore:
    """Opens the maps of a data set, `clean` or `planck`."""
    return open_clean_store(clean) if data_set == "clean" else open_planck_store(planck)


def development_maps(
    data_set: str, edges: Sequence[float], cnn: Cnn, *, clean: Path, planck: Path, noise: Path
) -> DevelopmentMaps:
    """Development maps as `train_cnn` trains on them.

    Args:
        data_set: `clean` or `planck`.
        edges: of their redshifts, lo < z <= hi.
        cnn: whose recipe says whether maps with noise get it anew in each epoch.
        clean: store of the maps without noise.
        planck: store of the maps with noise.
        noise: store of the cutouts of noise.
    """
    fresh = None
    if data_set == "planck" and cnn.recipe == "fresh":
        without = DevelopmentMaps(open_clean_store(clean), edges)
        fresh = FreshNoise(without, open_noise_store(noise))
    store = open_store(data_set, clean=clean, planck=planck)
    return DevelopmentMaps(store, edges, fresh=fresh)


def train_networks(training: Training, identity: str, run: Run) -> Ensemble:
    """Trains the networks that a killed step has not finished, and loads all.

    Args:
        training: the networks.
        identity: digest of everything that determines them.
        run: is told of the ensemble and of each member.
    """
    settings = training.settings
    trainer = CnnTrainer(training.maps.pixels, settings)
    label = "/".join(training.output.parts[-2:])
    with resumable_folder(training.output, identity) as unfinished:
        files = EnsembleFiles(unfinished, "", trainer.network)
        plan = EnsemblePlan(training.data_set, TARGET, training.maps, training.members, files)
        total = settings.epochs * plan.maps_an_epoch
        with tqdm(total=total, desc=label, unit="map", disable=None) as bar:
            train_ensembles([plan], [trainer], run=run, progress=bar.update)
    return Ensemble.load(training.output)


def with_maps_seen(settings: Cnn, maps_seen: float, training_maps: int) -> Cnn:
    """Settings with as many epochs as show a network about so many maps."""
    return replace(settings, epochs=max(1, round(maps_seen / training_maps)))


def members_among(
    identity: tuple[int, int, int, int],
    cluster: np.ndarray,
    positions: np.ndarray,
    settings: Cnn,
) -> list[Member]:
    """Plans members that have some of a bin's maps alone.

    Args:
        identity: see `plan_members`.
        cluster: what each map of the bin must share with all of its kind on one side of the
            division, `(maps,)`.
        positions: of the maps that may be used, ascending.
        settings: how many members, and which share they validate on.
    """
    members = plan_members(
        identity,
        cluster[positions],
        count=settings.members,
        fraction=settings.validation_fraction,
    )
    return [
        replace(member, train=positions[member.train], validation=positions[member.validation])
        for member in members
    ]


def test_masses(
    ensemble: Ensemble, store: MapStore, rows: np.ndarray, maps: DevelopmentMaps
) -> pd.DataFrame:
    """Masses of test clusters, a row a map.

    Args:
        ensemble: the networks.
        store: the maps.
        rows: of test maps.
        maps: that the networks were trained on.

    Raises:
        PartitionError: a network has seen one of the clusters.
    """
    cluster = store.read("cluster", rows)
    require_unseen(cluster, maps.cluster, str(store.path))
    masses = predictors_msun(ensemble(store.read("compton_y", rows)), ensemble.selected)
    labels = {name: store.read(name, rows) for name in ("redshift", "m500c_msun")}
    return pd.DataFrame(
        {"cluster": cluster, **labels, **{f"{key}_msun": masses[key] for key in PREDICTORS}}
    )


def mass_metrics(
    table: pd.DataFrame, *, draws: int, seed: int, names: Sequence[str] = PREDICTORS
) -> dict[str, float]:
    """The pipeline's statistics of b and of log10(M_CNN / M_true), over all rows.

    Args:
        table: with the columns of `test_masses`.
        draws: of the bootstrap over clusters.
        seed: of the bootstrap.
        names: estimators, whose masses are in the columns `<name>_msun`.
    """
    metrics: dict[str, float] = {}
    for name in names:
        metrics |= relerr_metrics(
            table[f"{name}_msun"].to_numpy(),
            table["m500c_msun"].to_numpy(),
            table["cluster"].to_numpy(),
            name=name,
            cuts=("",),
            draws=draws,
            rng=np.random.default_rng(seed),
        )
    return metrics
