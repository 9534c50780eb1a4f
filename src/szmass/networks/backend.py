"""Keras' backend: seeded, held to its threads, and driven over arrays batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np

from szmass.files import naming_output, sync

EVALUATION_BATCH = 64
HDF5_BYTES = 8192
"""More than a file of weights has beside the values, an array; measured are 1.4 to 6.5 thousand."""


def prepare_backend(*, seed: int, threads: int, networks: int = 1) -> None:
    """Seeds Keras, and fixes the threads of TensorFlow, on which a training's last bits depend.

    Must come before the process' first operation of TensorFlow.

    Args:
        seed: of what Keras draws.
        threads: of TensorFlow on a CPU.
        networks: that share them, or batches of predictions: see `side_by_side`.
    """
    os.environ["TF_NUM_INTRAOP_THREADS"] = str(max(1, threads // networks))
    os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed % 2**32)


def hardware() -> dict[str, str]:
    """What Keras computes on, for the record."""
    devices = keras.distribution.list_devices()
    return {"keras.backend": keras.backend.backend(), "keras.devices": ", ".join(devices)}


def side_by_side(threads: int) -> int:
    """How much to have computed at once, each by a Python thread.

    TensorFlow on a CPU trains two small networks on a thread each 1.2 times faster than one after
    the other on both, and so it is with batches of predictions. An accelerator has work enough
    with one.
    """
    return threads if _tensorflow_on_cpu() else 1


def jit_compile() -> bool | str:
    """XLA on accelerators and for JAX; TensorFlow on a CPU trains three times slower with it."""
    return False if _tensorflow_on_cpu() else "auto"


def _tensorflow_on_cpu() -> bool:
    on_cpu = all("cpu" in device for device in keras.distribution.list_devices())
    return on_cpu and keras.backend.backend() == "tensorflow"


def state_variables(model: keras.Model) -> list[keras.Variable]:
    """All that changes while a compiled model is trained: weights, moments, generators."""
    return [*model.variables, *model.optimizer.variables]


def save_weights(model: keras.Model, path: Path) -> None:
    """Writes a model's weights, whose name must end in `.weights.h5`.

    Room for them is asked for first: HDF5 ends the process when the disk is full.

    Raises:
        OutputError: the disk is full, or something else kept the file from being written.
    """
    values = sum(value.nbytes for value in model.get_weights())
    with naming_output(path):
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, values + HDF5_BYTES * len(model.weights))
        model.save_weights(path)
        sync(path)


def train_epoch(
    model: keras.Model,
    inputs: np.ndarray,
    labels: np.ndarray,
    *,
    batch: int,
    progress: Callable[[int], object],
) -> float:
    """Trains a compiled model on arrays once, in their order.

    On TensorFlow this stands in for `fit`: that reads its batches through tf.data, whose thread
    for tuning sleeps twice as long each time, and `fit` ends only when it wakes, 5, 10, 20 or
    41 s after it began (TensorFlow 2.21). JAX keeps a model's state on the device within a `fit`.

    Args:
        model: the network.
        inputs: `(n, ...)`.
        labels: `(n, ...)`.
        batch: samples a step.
        progress: is told the samples of each step as it ends.

    Returns:
        The mean loss over the samples, as it was when each was seen.
    """
    if keras.backend.backend() == "jax":
        callback = _Progress(progress, batch)
        fitted = model.fit(
            inputs, labels, batch_size=batch, shuffle=False, verbose=0, callbacks=[callback]
        )
        return float(fitted.history["loss"][0])
    losses = []
    for rows in _batches(len(inputs), batch):
        losses.append(float(model.train_on_batch(inputs[rows], labels[rows])))
        progress(len(inputs[rows]))
    return float(np.average(losses, weights=_sizes(len(inputs), batch)))


def mean_loss(model: keras.Model, inputs: np.ndarray, labels: np.ndarray) -> float:
    """Mean loss of a compiled model over arrays, in inference mode."""
    losses = [
        float(model.test_on_batch(inputs[rows], labels[rows]))
        for rows in _batches(len(inputs), EVALUATION_BATCH)
    ]
    return float(np.average(losses, weights=_sizes(len(inputs), EVALUATION_BATCH)))


def predict(model: keras.Model, inputs: np.ndarray) -> list[np.ndarray]:
    """Each output of a model, `(n, ...)`; no more than a few batches are held beside them."""
    batches = [inputs[rows] for rows in _batches(len(inputs), EVALUATION_BATCH)]
    if len(batches) > 1:  # a shorter last one would have the model compiled for its size as well
        batches[-1] = np.resize(batches[-1], batches[0].shape)
    # the first alone: it compiles the model
    outputs = [keras.tree.flatten(model.predict_on_batch(batch)) for batch in batches[:1]]
    with ThreadPoolExecutor(side_by_side(_threads())) as threads:
        outputs += map(keras.tree.flatten, threads.map(model.predict_on_batch, batches[1:]))
    return [np.concatenate(parts)[: len(inputs)] for parts in zip(*outputs, strict=True)]


def _threads() -> int:
    """Of `prepare_backend`."""
    return int(os.environ.get("TF_NUM_INTEROP_THREADS", "1"))


def _batches(count: int, batch: int) -> Iterator[slice]:
    return (slice(start, start + batch) for start in range(0, count, batch))


def _sizes(count: int, batch: int) -> list[int]:
    return [min(batch, count - rows.start) for rows in _batches(count, batch)]


class _Progress(keras.callbacks.Callback):
    """Tells of every batch."""

    def __init__(self, progress: Callable[[int], object], batch: int) -> None:
        super().__init__()
        self._progress, self._batch = progress, batch

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:  # noqa: ARG002
        self._progress(self._batch)
