"""Takes training steps on whatever backend KERAS_BACKEND names; prints the losses as JSON.

python one_step.py WEIGHTS    loads the weights, or writes them when the file is not there
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np

from helpers.committed import SETTINGS
from szmass.microwave.network.mresunet import mresunet
from szmass.microwave.network.training import compile_for_training
from szmass.networks.backend import prepare_backend
from szmass.params import load


def main(weights: Path) -> None:
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
    losses = [float(model.train_on_batch(images, labels)) for _ in range(2)]
    print(json.dumps({"backend": keras.backend.backend(), "losses": losses}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
