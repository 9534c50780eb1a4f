"""A writer of a network's weights, for `killed_writers`; importing it imports Keras."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from szmass.files import replacing_folder
from szmass.networks.backend import save_weights


def write_weights(path: Path, value: float) -> None:
    """Replaces the folder of a small network."""
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    network.set_weights([np.full_like(array, value) for array in network.get_weights()])
    with replacing_folder(path) as unfinished:
        save_weights(network, unfinished / "network.weights.h5")
