"""Trains a mResUNet: epochs of maps in, weights and a history out; a killed training resumes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import keras
import numpy as np
from tqdm.auto import tqdm

from szmass.errors import SzmassError
from szmass.files import write_text
from szmass.microwave.network.arrays import Maps, Normalisation
from szmass.networks.backend import jit_compile, mean_loss, state_variables, train_epoch
from szmass.params import Mresunet
from szmass.reporting import Run
from szmass.sky.clusters import ClusterImages

STATE_FILE = "state.json"
EPOCH_STATE = "epoch_{epoch}.npz"
RECALIBRATION_BATCH = 256


class TrainingError(SzmassError):
    """A training has gone where no result can come from it."""


@dataclass(frozen=True)
class Epoch:
    """One line of a training's history."""

    epoch: int
    maps_seen: int
    loss: float
    validation_loss: float
    learning_rate: float
    seconds: float


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


class TrainingState:
    """What a training needs to go on after a kill, in a folder of its own.

    Args:
        folder: created when needed; removed by `clear`.
        identity: of the training; a state of another one is ignored and overwritten.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity

    def restore(self, model: keras.Model) -> list[Epoch]:
        """Loads the last finished epoch into the compiled model; returns the history so far."""
        try:
            state = json.loads((self.folder / STATE_FILE).read_text())
        except (OSError, ValueError):
            return []
        if state["identity"] != self.identity:
            return []
        history = [Epoch(**line) for line in state["history"]]
        self.load(model, history[-1].epoch)
        return history

    def load(self, model: keras.Model, epoch: int) -> None:
        """Loads the compiled model as it was after an epoch (numbered from 1)."""
        with np.load(self._file(epoch)) as values:
            for number, variable in enumerate(state_variables(model)):
                variable.assign(values[str(number)])

    def save(self, model: keras.Model, history: list[Epoch], keep: set[int]) -> None:
        """Saves the state after the history's last epoch, and drops epochs not in `keep`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        values = map(keras.ops.convert_to_numpy, state_variables(model))
        # hundreds of small arrays: `save_weights` takes four times as long
        np.savez(self._file(history[-1].epoch), **{str(n): value for n, value in enumerate(values)})
        state = {"identity": self.identity, "history": [asdict(epoch) for epoch in history]}
        write_text(self.folder / STATE_FILE, json.dumps(state))
        wanted = {self._file(epoch) for epoch in keep | {history[-1].epoch}}
        for path in self.folder.glob(EPOCH_STATE.format(epoch="*")):
            if path not in wanted:
                path.unlink()

    def clear(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _file(self, epoch: int) -> Path:
        return self.folder / EPOCH_STATE.format(epoch=epoch)


def train(
    model: keras.Model,
    settings: Mresunet,
    *,
    maps_of_epoch: Callable[[int], Maps],
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
    steps_an_epoch = -(-maps_per_epoch // settings.batch)
    compile_for_training(model, settings, settings.epochs * steps_an_epoch)
    history = state.restore(model)
    for epoch in history:
        _report(epoch, run)
    inputs, labels = _arrays(validation, normalisation, nfw)
    remaining = range(len(history) + 1, settings.epochs + 1)
    with tqdm(
        total=settings.epochs * maps_per_epoch,
        initial=len(history) * maps_per_epoch,
        desc="train_mresunet",
        unit="map",
        disable=None,
    ) as bar:
        for number, maps in zip(remaining, _prefetched(maps_of_epoch, remaining), strict=True):
            losses = [epoch.validation_loss for epoch in history]
            if settings.schedule == "plateau":
                if epochs_without_improvement(losses) >= settings.patience_epochs:
                    break
                model.optimizer.learning_rate = plateau_rate(
                    losses, settings.learning_rate, settings.plateau_epochs
                )
            started = perf_counter()
            _seed_dropout(model, seed, number)
            loss = train_epoch(
                model,
                *_arrays(maps, normalisation, nfw),
                batch=settings.batch,
                progress=bar.update,
            )
            history.append(
                Epoch(
                    epoch=number,
                    maps_seen=number * maps_per_epoch,
                    loss=loss,
                    validation_loss=mean_loss(model, inputs, labels),
                    learning_rate=float(keras.ops.convert_to_numpy(model.optimizer.learning_rate)),
                    seconds=perf_counter() - started,
                )
            )
            if not np.isfinite(history[-1].loss):
                raise TrainingError(
                    f"epoch {number}: loss = {history[-1].loss}: expected a finite number; lower "
                    f"mresunet.learning_rate = {settings.learning_rate:g}"
                )
            state.save(model, history, keep={_best(history)})
            _report(history[-1], run)
            bar.set_postfix(loss=f"{history[-1].loss:.4f}", refresh=False)
    if settings.schedule == "plateau":
        state.load(model, _best(history))
    return history


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


def _arrays(
    maps: Maps, normalisation: Normalisation, nfw: ClusterImages | None
) -> tuple[np.ndarray, np.ndarray]:
    labels = normalisation.labels(maps.m200c_msun, maps.sz_uk, nfw)
    return normalisation.inputs(maps.temperature_uk), labels


def _prefetched(maps_of_epoch: Callable[[int], Maps], epochs: range) -> Iterator[Maps]:
    """The maps of each epoch, the next one's made while this one's are trained on."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        following = executor.submit(maps_of_epoch, epochs[0]) if epochs else None
        for number in epochs:
            assert following is not None
            maps = following.result()
            if number + 1 in epochs:
                following = executor.submit(maps_of_epoch, number + 1)
            yield maps


def _seed_dropout(model: keras.Model, seed: int, epoch: int) -> None:
    """Makes dropout a function of seed, layer and epoch, so that a resumed training is the same."""
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    for number, layer in enumerate(dropouts):
        first, second = np.random.SeedSequence([seed, number, epoch]).generate_state(2) >> 1
        layer.seed_generator.state.assign([int(first), int(second)])


def _best(history: list[Epoch]) -> int:
    return min(history, key=lambda epoch: epoch.validation_loss).epoch


def _report(epoch: Epoch, run: Run) -> None:
    for name in ("loss", "validation_loss", "learning_rate", "maps_seen"):
        run.metric(name, getattr(epoch, name), step=epoch.epoch)
