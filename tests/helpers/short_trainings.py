"""Short trainings of both networks on whatever backend KERAS_BACKEND names.

python short_trainings.py WEIGHTS    prints what they report; WEIGHTS are the first of the mResUNet
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from helpers.committed import SETTINGS
from helpers.mock_stores import BINS, training_params, write_stores
from helpers.recording import ListRun
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.members import CnnTrainer, plan_members
from szmass.microwave.network.mresunet import mresunet
from szmass.microwave.network.training import compile_for_training
from szmass.networks.backend import prepare_backend
from szmass.params import load


def steps_of_mresunet(weights: Path) -> list[float]:
    """The losses of two training steps; the weights are written where they are not there."""
    settings = load(SETTINGS).mresunet
    settings = dataclasses.replace(settings, schedule="plateau", batch=4)
    prepare_backend(seed=3, threads=1)
    model = mresunet(pixels=16, width=2, dropout=0.0)
    compile_for_training(model, settings, steps=2)
    if weights.exists():
        model.load_weights(weights)
    else:
        model.save_weights(weights)
    rng = np.random.default_rng(5)
    images = rng.standard_normal((4, 16, 16, 1)).astype(np.float32)
    labels = rng.standard_normal((4, 16, 16, 2)).astype(np.float32)
    return [float(model.train_on_batch(images, labels)) for _ in range(2)]


def member_of_cnn() -> dict[str, list[float]]:
    """The losses of a member of an ensemble, and its predictions."""
    params = load(SETTINGS)
    # the backends draw a dropout's numbers by generators of their own
    settings = dataclasses.replace(
        params.cnn, filters=4, neurons=16, dropout=0.0, batch=24, epochs=2, learning_rate=3e-3
    )
    prepare_backend(seed=3, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_stores(Path(folder), training_params(params))
        maps = DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"])
    (member,) = plan_members((3, 0, 0, 0), maps.cluster, count=1, fraction=0.2)
    run, trainer = ListRun(), CnnTrainer(maps.pixels, settings)
    trained = trainer.train(member, maps, "m500c", run=run, progress=lambda _: None)
    losses = [value for name, value, _ in run.metrics if name.endswith("loss")]
    return {"losses": losses, "log10_m": trained.log10_m_pred.tolist()}


def reports(weights: Path) -> dict[str, Any]:
    """The backend, and what both trainings report."""
    backend = keras.backend.backend()
    return {"backend": backend, "mresunet": steps_of_mresunet(weights), "cnn": member_of_cnn()}


if __name__ == "__main__":
    print(json.dumps(reports(Path(sys.argv[1]))))
