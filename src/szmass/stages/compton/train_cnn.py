"""Trains the CNN ensembles of a redshift bin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tqdm.auto import tqdm

from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.network.arrays import TARGETS, DevelopmentMaps, FreshNoise
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, plan_members
from szmass.compton.network.training import EnsemblePlan, train_ensembles
from szmass.files import resumable_folder
from szmass.networks.backend import hardware, prepare_backend, side_by_side
from szmass.networks.identity import training_identity
from szmass.params import Cnn, require
from szmass.planck.stores import open_noise_store
from szmass.reporting import Run
from szmass.validation.verdict import require_passed


def train_cnn(
    seed: int,
    bins: Mapping[str, list[float]],
    cnn: Cnn,
    *,
    clean_store: Path,
    planck_store: Path,
    noise_store: Path,
    compton_verdict: Path,
    cnn_models: Path,
    item: str,
    run: Run,
) -> None:
    """Writes the ensembles of the bin `item`; members that a killed training finished are kept."""
    require(item in bins, "bins", item, f"one of {', '.join(bins)}")
    require_passed(compton_verdict)
    prepare_backend(seed=seed, threads=cnn.threads, networks=cnn.threads)
    run.tags({"bin": item, **hardware()})
    identity = training_identity(
        __name__, [seed, item, bins[item], cnn], [clean_store, planck_store, noise_store]
    )
    clean = DevelopmentMaps(open_clean_store(clean_store), bins[item])
    fresh = None
    if cnn.recipe == "fresh":
        fresh = FreshNoise(clean, open_noise_store(noise_store))
    planck = DevelopmentMaps(open_planck_store(planck_store), bins[item], fresh=fresh)
    data_sets = {"clean": clean, "planck": planck}
    trainers = [CnnTrainer(clean.pixels, cnn) for _ in range(side_by_side(cnn.threads))]
    with resumable_folder(cnn_models / item, identity) as unfinished:
        plans = [
            EnsemblePlan(
                data_set,
                target,
                maps,
                plan_members(
                    (seed, list(bins).index(item), data_set_index, target_index),
                    maps.cluster,
                    count=count,
                    fraction=cnn.validation_fraction,
                ),
                EnsembleFiles(unfinished, f"{data_set}/{target}", trainers[0].network),
                cnn.passes(data_set, target),
            )
            for data_set_index, (data_set, maps) in enumerate(data_sets.items())
            for target_index, target in enumerate(TARGETS)
            if (count := cnn.ensemble_size(data_set, target))
        ]
        total = cnn.epochs * sum(plan.maps_an_epoch for plan in plans)
        with tqdm(total=total, desc=f"train_cnn {item}", unit="map", disable=None) as bar:
            train_ensembles(plans, trainers, run=run, progress=bar.update)
