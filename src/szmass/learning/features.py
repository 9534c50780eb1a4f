"""What a network has seen in a map, before it turns it into a mass."""

from __future__ import annotations

import keras
import numpy as np

from szmass.learning.backend import predict
from szmass.learning.ensemble import Ensemble

FEATURE_LAYER = "mean"


def features(ensemble: Ensemble, compton_y: np.ndarray) -> np.ndarray:
    """Mean of each filter of the last convolution, of the selected member, over each map.

    Args:
        ensemble: of the maps' redshift bin.
        compton_y: `(n, pixels, pixels)`.

    Returns:
        `(n, filters)`.
    """
    network, member = ensemble.network, ensemble.selected
    network.set_weights(ensemble.weights[member])
    pooled = keras.Model(network.input, network.get_layer(FEATURE_LAYER).output)
    pooled.compile(jit_compile=False)
    return predict(pooled, ensemble.scales[member].inputs(compton_y))
