"""Trains the mResUNet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from szmass.evaluation.statistics import ln_ratio
from szmass.files import TRAINING, replacing_file, replacing_folder
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, read_maps
from szmass.microwave.network.training import fresh_maps, shuffled_maps, train_estimator
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.networks.training import TrainingState
from szmass.params import Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.validation.verdict import require_passed


def train_mresunet(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    *,
    spectra_table: Path,
    microwave_store: Path,
    microwave_verdict: Path,
    mresunet_model: Path,
    mresunet_history: Path,
    run: Run,
) -> None:
    """Writes the trained network and its history; goes on where a killed training stopped."""
    require_passed(microwave_verdict)
    prepare_backend(seed=seed, threads=mresunet.threads)
    run.tags(hardware())
    store = open_microwave_store(microwave_store)
    prior = MassPrior.of_training(mresunet, microwave_sets)
    if mresunet.recipe == "fresh":
        sky = MicrowaveSky(microwave, read_spectra(spectra_table))
        maps_of_epoch = fresh_maps(sky, prior, seed=seed, count=mresunet.maps_per_epoch)
    else:
        maps_of_epoch = shuffled_maps(read_maps(store, "train"), seed=seed)
    validation = read_maps(store, "validation")
    settings = [seed, microwave, microwave_sets, mresunet]
    state = TrainingState(
        mresunet_model.with_name(mresunet_model.name + TRAINING),
        training_identity(__name__, settings, [spectra_table, microwave_store]),
    )
    with replacing_folder(mresunet_model) as unfinished_model:
        estimator, history = train_estimator(
            mresunet,
            microwave,
            prior,
            maps_of_epoch=maps_of_epoch,
            validation=validation,
            seed=seed,
            state=state,
            run=run,
        )
        masses_msun, _ = estimator(validation.temperature_uk)
        ratio = ln_ratio(masses_msun, validation.m200c_msun)
        run.metric("validation_scatter_ln_mass", float(np.std(ratio)))
        estimator.save(unfinished_model)
    with replacing_file(mresunet_history) as unfinished:
        pd.DataFrame(history).drop(columns="seconds").to_csv(unfinished, index=False)
    run.model(mresunet_model, "mresunet")
    state.clear()
