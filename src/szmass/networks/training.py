"""The training of a network: epochs of arrays in, a history out; a killed training can resume."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import chain, islice
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeVar

import keras
import numpy as np

from szmass.errors import SzmassError
from szmass.files import naming_output, sync, write_text
from szmass.networks.backend import mean_loss, state_variables, train_epoch
from szmass.reporting import Run

STATE_FILE = "state.json"
EPOCH_STATE = "epoch_{epoch}.npz"
REPORTED = ("loss", "validation_loss", "learning_rate", "maps_seen")
Arrays = tuple[np.ndarray, np.ndarray]
"""Network inputs and labels, `(n, ...)` each."""
T = TypeVar("T")

logger = logging.getLogger(__name__)


class TrainingError(SzmassError):
    """The loss of a training is no longer a finite number."""


@dataclass(frozen=True)
class Epoch:
    """One line of a training's history."""

    epoch: int
    """From 1."""
    maps_seen: int
    """Since the training began."""
    loss: float
    """Mean over the epoch's maps, as it was when each was seen."""
    validation_loss: float
    learning_rate: float
    seconds: float = field(compare=False)


@dataclass(frozen=True)
class Plan:
    """What a network is trained on, and for how long."""

    epochs: int
    batch: int
    blocks: Callable[[int], Iterator[Arrays]]
    """The training maps of an epoch (numbered from 1) in their order, some at a time. They are
    made in a thread, each while the network is trained on the one before it."""
    blocks_an_epoch: int
    validation: Arrays
    keep_best: bool
    """Whether the network ends as it was after its best epoch, or after its last."""
    rate_setting: str
    """The learning rate's setting and value, for an error's message."""
    label: str = ""
    """Of an error's message: which training it is."""
    learning_rate: Callable[[Sequence[Epoch]], float | None] | None = None
    """The next epoch's rate after those of a history; if that is None, the training ends. Left out
    where the optimiser has a schedule of its own."""
    before_epoch: Callable[[int], object] | None = None
    """Prepares the network for an epoch."""


class State(Protocol):
    """Keeps a compiled model as it was after an epoch: weights, moments, generators."""

    def restore(self, model: keras.Model) -> list[Epoch]:
        """Loads the last finished epoch of a killed training; returns the history so far."""

    def load(self, model: keras.Model, epoch: int) -> None:
        """Loads the model as it was after an epoch that was kept."""

    def save(self, model: keras.Model, history: list[Epoch], keep: set[int]) -> None:
        """Keeps the state after the history's last epoch, and drops epochs not in `keep`."""


class MemoryState:
    """The state of a training that begins anew after a kill."""

    def __init__(self) -> None:
        self._values: dict[int, list[np.ndarray]] = {}

    def restore(self, model: keras.Model) -> list[Epoch]:  # noqa: ARG002
        """There is nothing to go on with."""
        return []

    def load(self, model: keras.Model, epoch: int) -> None:
        """See `State`."""
        _assign(model, self._values[epoch])

    def save(self, model: keras.Model, history: list[Epoch], keep: set[int]) -> None:
        """See `State`."""
        self._values[history[-1].epoch] = _values(model)
        for epoch in set(self._values) - keep - {history[-1].epoch}:
            del self._values[epoch]


class TrainingState:
    """The state of a training that goes on after a kill, in a folder of its own.

    Args:
        folder: created when needed; removed by `clear`.
        identity: of the training; a state of another one is ignored and overwritten.
    """

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity

    def restore(self, model: keras.Model) -> list[Epoch]:
        """See `State`.

        Where the last epoch's state or the best one's is damaged, these are trained again.
        """
        history = self._history()
        resumed = history
        while resumed and not self._is_restored(model, resumed):
            resumed = resumed[:-1]
        if len(resumed) < len(history):
            logger.warning(
                "%s: the state after epoch %d cannot be read; the training goes on after epoch %d",
                self.folder,
                len(history),
                len(resumed),
            )
        return resumed

    def load(self, model: keras.Model, epoch: int) -> None:
        """See `State`."""
        _assign(model, self._read(epoch))

    def save(self, model: keras.Model, history: list[Epoch], keep: set[int]) -> None:
        """See `State`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        # hundreds of small arrays: `save_weights` takes four times as long
        values: dict[str, Any] = {str(n): value for n, value in enumerate(_values(model))}
        file = self._file(history[-1].epoch)
        with naming_output(file):
            np.savez(file, **values)
            sync(file)  # before the state that names it
        state = {"identity": self.identity, "history": [asdict(epoch) for epoch in history]}
        write_text(self.folder / STATE_FILE, json.dumps(state))
        kept = {self._file(epoch) for epoch in keep | {history[-1].epoch}}
        for path in self.folder.glob(EPOCH_STATE.format(epoch="*")):
            if path not in kept:
                path.unlink()

    def clear(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _history(self) -> list[Epoch]:
        """The epochs of this training that were finished; none where that cannot be read."""
        file = self.folder / STATE_FILE
        try:
            state = json.loads(file.read_text())
            if state["identity"] == self.identity:
                return [Epoch(**line) for line in state["history"]]
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("%s: damaged (%r); the training begins anew", file, error)
        return []

    def _is_restored(self, model: keras.Model, history: list[Epoch]) -> bool:
        """Loads the last of these epochs, if its state can be read, and the best one's too."""
        try:
            _, values = (self._read(epoch) for epoch in (best_epoch(history), history[-1].epoch))
        except Exception:  # noqa: BLE001  # a damaged file ends in exceptions of any kind
            return False
        shapes = [value.shape for value in values]
        if shapes != [tuple(variable.shape) for variable in state_variables(model)]:
            return False
        _assign(model, values)
        return True

    def _read(self, epoch: int) -> list[np.ndarray]:
        """What `_values` returned after an epoch."""
        with self._file(epoch).open("rb") as file, np.load(file) as values:
            return [values[str(number)] for number in range(len(values))]

    def _file(self, epoch: int) -> Path:
        return self.folder / EPOCH_STATE.format(epoch=epoch)


def train(
    model: keras.Model,
    plan: Plan,
    *,
    state: State,
    run: Run,
    progress: Callable[[int], object],
) -> list[Epoch]:
    """Trains a compiled network in place, from where a killed training stopped.

    Args:
        model: the network.
        plan: its training.
        state: where the network is kept between epochs.
        run: is told of each epoch.
        progress: is told the maps of each step as it ends.

    Returns:
        The history, one entry an epoch.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    history = state.restore(model)
    for epoch in history:
        report_epoch(epoch, run)
    maps_seen = history[-1].maps_seen if history else 0
    if maps_seen:
        progress(maps_seen)
    remaining = range(len(history) + 1, plan.epochs + 1)
    # all epochs in one row, so that the next one's first block is ready in time
    blocks = prefetched(chain.from_iterable(map(plan.blocks, remaining)))
    for number in remaining:
        rate = None
        if plan.learning_rate is not None:
            rate = plan.learning_rate(history)
            if rate is None:
                break
            model.optimizer.learning_rate = rate
        started = perf_counter()
        if plan.before_epoch is not None:
            plan.before_epoch(number)
        losses, sizes = [], []
        for inputs, labels in islice(blocks, plan.blocks_an_epoch):
            losses.append(train_epoch(model, inputs, labels, batch=plan.batch, progress=progress))
            sizes.append(len(inputs))
        maps_seen += sum(sizes)
        epoch = Epoch(
            epoch=number,
            maps_seen=maps_seen,
            loss=float(np.average(losses, weights=sizes)),
            validation_loss=mean_loss(model, *plan.validation),
            learning_rate=_rate(model) if rate is None else rate,
            seconds=perf_counter() - started,
        )
        if not np.isfinite(epoch.loss + epoch.validation_loss):
            raise TrainingError(
                f"{plan.label}epoch {number}: loss = {epoch.loss}, validation loss = "
                f"{epoch.validation_loss}: expected finite numbers; lower {plan.rate_setting}"
            )
        history.append(epoch)
        state.save(model, history, keep={best_epoch(history)})
        report_epoch(epoch, run)
    if plan.keep_best:
        state.load(model, best_epoch(history))
    return history


def best_epoch(history: Sequence[Epoch]) -> int:
    """The first epoch with the least validation loss, numbered from 1."""
    return min(history, key=lambda epoch: epoch.validation_loss).epoch


def report_epoch(epoch: Epoch, run: Run) -> None:
    """Tells a run of an epoch."""
    for name in REPORTED:
        run.metric(name, getattr(epoch, name), step=epoch.epoch)


def prefetched(items: Iterator[T]) -> Iterator[T]:
    """The same items, each made in a thread while the one before it is in use."""
    with ThreadPoolExecutor(max_workers=1) as executor:
        following = executor.submit(next, items, None)
        while (item := following.result()) is not None:
            following = executor.submit(next, items, None)
            yield item


def _values(model: keras.Model) -> list[np.ndarray]:
    """All that changes while a compiled model is trained."""
    return [np.array(keras.ops.convert_to_numpy(value)) for value in state_variables(model)]


def _assign(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    """Gives a compiled model what `_values` returned."""
    for variable, value in zip(state_variables(model), values, strict=True):
        variable.assign(value)


def _rate(model: keras.Model) -> float:
    """The learning rate of the optimiser's next step."""
    return float(keras.ops.convert_to_numpy(model.optimizer.learning_rate))
