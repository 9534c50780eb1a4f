"""Trains the mResUNet."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.files import replacing_file
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky, nfw_images
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import Maps, MassPrior, Normalisation, draw_maps, read_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet as build_network
from szmass.microwave.network.training import TrainingState, recalibrate_normalisation, train
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.identity import training_identity
from szmass.params import Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.streams import TRAINING_EPOCHS
from szmass.validation.verdict import require_passed

SCALES = {
    "peak": lambda images: float(np.abs(images).max()),
    "rms": lambda images: float(np.sqrt(np.mean(np.square(images)))),
}
"""Constants that label images are divided by; with `rms` both channels weigh alike in the loss."""


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
        count = mresunet.maps_per_epoch
        maps_of_epoch = partial(_fresh_maps, sky=sky, prior=prior, seed=seed, count=count)
    else:
        training_set = read_maps(store, "train")
        count = len(training_set.m200c_msun)
        maps_of_epoch = partial(_shuffled, training_set, seed=seed)

    calibration = maps_of_epoch(0)
    normalisation = Normalisation(
        temperature_uk=float(np.abs(calibration.temperature_uk).max()),
        sz_uk=SCALES[mresunet.profile_scale](calibration.sz_uk),
        mass_msun=prior.mean_msun,
        mass_image=mresunet.mass_image,
    )
    network = build_network(
        pixels=microwave.pixels,
        width=mresunet.width,
        dropout=mresunet.dropout,
        dropout_phase=mresunet.dropout_phase,
    )
    state = TrainingState(
        mresunet_model.with_name(mresunet_model.name + ".training"),
        training_identity(
            __name__, [seed, microwave, microwave_sets, mresunet], [spectra_table, microwave_store]
        ),
    )
    history = train(
        network,
        mresunet,
        maps_of_epoch=maps_of_epoch,
        maps_per_epoch=count,
        validation=read_maps(store, "validation"),
        normalisation=normalisation,
        nfw=nfw_images(microwave) if mresunet.mass_image == "nfw" else None,
        seed=seed,
        state=state,
        run=run,
    )
    if mresunet.recalibration_maps:
        maps_uk = calibration.temperature_uk[: mresunet.recalibration_maps]
        recalibrate_normalisation(network, maps_uk, normalisation)
    MresunetEstimator(network, normalisation).save(mresunet_model)
    with replacing_file(mresunet_history) as unfinished:
        pd.DataFrame(history).drop(columns="seconds").to_csv(unfinished, index=False)
    run.model(mresunet_model, "mresunet")
    state.clear()


def _fresh_maps(epoch: int, *, sky: MicrowaveSky, prior: MassPrior, seed: int, count: int) -> Maps:
    """New maps for every epoch."""
    return draw_maps(sky, prior, np.random.default_rng((seed, TRAINING_EPOCHS, epoch)), count)


def _shuffled(maps: Maps, epoch: int, *, seed: int) -> Maps:
    """The stored maps in an order of each epoch's own."""
    order = np.random.default_rng((seed, TRAINING_EPOCHS, epoch)).permutation(len(maps.m200c_msun))
    return Maps(maps.temperature_uk[order], maps.sz_uk[order], maps.m200c_msun[order])
