"""Trains a mResUNet: epochs of maps in, an estimator and a history out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import keras
import numpy as np
from tqdm.auto import tqdm

from szmass.microwave.maps.sky import MicrowaveSky, nfw_images
from szmass.microwave.network.arrays import Maps, MassPrior, Normalisation, draw_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet
from szmass.networks import training
from szmass.networks.backend import jit_compile
from szmass.networks.training import Arrays, Epoch, TrainingState
from szmass.params import Microwave, Mresunet
from szmass.reporting import Run
from szmass.sky.clusters.spherical import ClusterImages
from szmass.streams import TRAINING_EPOCHS

RECALIBRATION_BATCH = 256
SCALES = {
    "peak": lambda images: float(np.abs(images).max()),
    "rms": lambda images: float(np.sqrt(np.mean(np.square(images)))),
}
"""Constants that label images are divided by; with `rms` both channels weigh alike in the loss."""
MapsOfEpoch = Callable[[int], Maps]
"""The training maps of an epoch, in their order; epochs are numbered from 1."""


def fresh_maps(sky: MicrowaveSky, prior: MassPrior, *, seed: int, count: int) -> MapsOfEpoch:
    """New maps in each epoch."""

    def of_epoch(epoch: int) -> Maps:
        return draw_maps(sky, prior, np.random.default_rng((seed, TRAINING_EPOCHS, epoch)), count)

    return of_epoch


def shuffled_maps(maps: Maps, *, seed: int, stream: int = TRAINING_EPOCHS) -> MapsOfEpoch:
    """The same maps in each epoch, in an order of its own."""

    def of_epoch(epoch: int) -> Maps:
        order = np.random.default_rng((seed, stream, epoch)).permutation(len(maps.m200c_msun))
        return Maps(maps.temperature_uk[order], maps.sz_uk[order], maps.m200c_msun[order])

    return of_epoch


def train_estimator(
    settings: Mresunet,
    microwave: Microwave,
    prior: MassPrior,
    *,
    maps_of_epoch: MapsOfEpoch,
    validation: Maps,
    seed: int,
    state: TrainingState,
    run: Run,
) -> tuple[MresunetEstimator, list[Epoch]]:
    """Trains a new network, from where a killed training stopped.

    The constants between physical units and the network's are taken from maps of an epoch 0 that
    the network is not trained on, and so are the means and variances of its batch normalisations
    at the end.

    Args:
        settings: the network and its training.
        microwave: the maps.
        prior: the masses of the training maps.
        maps_of_epoch: the training maps.
        validation: maps whose loss is reported, and steers the plateau schedule.
        seed: of the dropout.
        state: where the training's state is kept between epochs.
        run: is told of each epoch.

    Returns:
        The trained network, and the history of its training.
    """
    calibration = maps_of_epoch(0)
    normalisation = Normalisation(
        temperature_uk=float(np.abs(calibration.temperature_uk).max()),
        sz_uk=SCALES[settings.profile_scale](calibration.sz_uk),
        mass_msun=prior.mean_msun,
        mass_image=settings.mass_image,
    )
    network = mresunet(
        pixels=microwave.pixels,
        width=settings.width,
        dropout=settings.dropout,
        dropout_phase=settings.dropout_phase,
    )
    history = train(
        network,
        settings,
        maps_of_epoch=maps_of_epoch,
        maps_per_epoch=len(calibration.m200c_msun),
        validation=validation,
        normalisation=normalisation,
        nfw=nfw_images(microwave) if settings.mass_image == "nfw" else None,
        seed=seed,
        state=state,
        run=run,
    )
    if settings.recalibration_maps:
        maps_uk = calibration.temperature_uk[: settings.recalibration_maps]
        recalibrate_normalisation(network, maps_uk, normalisation)
    return MresunetEstimator(network, normalisation), history


def compile_for_training(model: keras.Model, settings: Mresunet, steps: int) -> None:
    """Sets loss (mean square error over both images), Adam and its schedule.

    Args:
        model: the network.
        settings: its training.
        steps: batches of the whole training, over which a cosine schedule falls to zero.
    """
    rate: float | keras.optimizers.schedules.LearningRateSchedule = settings.learning_rate
    if settings.schedule == "cosine":
        warmup = min(settings.warmup_steps, steps // 10)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0, steps - warmup, warmup_target=settings.learning_rate, warmup_steps=warmup
        )
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="mse", jit_compile=jit_compile())
    # moments made now: made within the first step they double its compilation, and a restored
    # state would have nowhere to go
    model.optimizer.build(model.trainable_variables)


def plateau_rate(validation_losses: list[float], first_rate: float, patience: int) -> float:
    """The learning rate after these epochs: halved after every `patience` without improvement."""
    rate, best, waited = first_rate, np.inf, 0
    for loss in validation_losses:
        waited += 1
        if loss < best:
            best, waited = loss, 0
        elif waited >= patience:
            rate, waited = rate / 2.0, 0
    return rate


def epochs_without_improvement(validation_losses: list[float]) -> int:
    """Number of epochs since the best one."""
    return (
        len(validation_losses) - 1 - int(np.argmin(validation_losses)) if validation_losses else 0
    )


def train(
    model: keras.Model,
    settings: Mresunet,
    *,
    maps_of_epoch: MapsOfEpoch,
    maps_per_epoch: int,
    validation: Maps,
    normalisation: Normalisation,
    nfw: ClusterImages | None,
    seed: int,
    state: TrainingState,
    run: Run,
) -> list[Epoch]:
    """Trains a network in place.

    The cosine schedule keeps the last epoch's weights, the plateau schedule the best epoch's.

    Args:
        model: the network, as `mresunet` returns it.
        settings: its training.
        maps_of_epoch: the training maps of an epoch (numbered from 1), in their order.
        maps_per_epoch: how many these are.
        validation: maps whose loss is reported, and steers the plateau schedule.
        normalisation: constants between the maps' units and the network's.
        nfw: profile of the mass image; None for a flat one.
        seed: of the dropout.
        state: where the training's state is kept between epochs.
        run: is told loss, validation loss and rate after each epoch.

    Returns:
        The history, one entry an epoch.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    compile_for_training(model, settings, settings.epochs * -(-maps_per_epoch // settings.batch))

    def arrays(maps: Maps) -> Arrays:
        labels = normalisation.labels(maps.m200c_msun, maps.sz_uk, nfw)
        return normalisation.inputs(maps.temperature_uk), labels

    def plateau(history: Sequence[Epoch]) -> float | None:
        losses = [epoch.validation_loss for epoch in history]
        if epochs_without_improvement(losses) >= settings.patience_epochs:
            return None
        rate = plateau_rate(losses, settings.learning_rate, settings.plateau_epochs)
        return float(np.float32(rate))  # as the optimiser holds it

    on_plateau = settings.schedule == "plateau"
    plan = training.Plan(
        epochs=settings.epochs,
        batch=settings.batch,
        blocks=lambda number: iter([arrays(maps_of_epoch(number))]),
        blocks_an_epoch=1,
        validation=arrays(validation),
        keep_best=on_plateau,
        rate_setting=f"mresunet.learning_rate = {settings.learning_rate:g}",
        learning_rate=plateau if on_plateau else None,
        before_epoch=partial(_seed_dropout, model, seed),
    )
    total = settings.epochs * maps_per_epoch
    with tqdm(total=total, desc="train_mresunet", unit="map", disable=None) as bar:
        return training.train(model, plan, state=state, run=run, progress=bar.update)


def recalibrate_normalisation(
    model: keras.Model, temperatures_uk: np.ndarray, normalisation: Normalisation
) -> None:
    """Measures the batch normalisations' means and variances anew, with the final weights.

    The running averages of a training lag behind the weights and follow its small batches;
    left so, they cost some per cent in the masses. Each layer gets the average over batches of
    `RECALIBRATION_BATCH` of these maps.
    """
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    momentum = [layer.momentum for layer in norms]
    batches = max(1, len(temperatures_uk) // RECALIBRATION_BATCH)
    for number, batch in enumerate(np.array_split(temperatures_uk, batches)):
        for layer in norms:
            layer.momentum = number / (number + 1.0)  # a plain average of the batches so far
        model(normalisation.inputs(batch), training=True)
    for layer, value in zip(norms, momentum, strict=True):
        layer.momentum = value


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes dropout a function of seed, layer and epoch, so that a resumed training is the same."""
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        first, second = np.random.SeedSequence([seed, number, epoch]).generate_state(2) >> 1
        layer.seed_generator.state.assign([int(first), int(second)])
