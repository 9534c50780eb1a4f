"""Which pixels a network's mass hangs on: its gradient with respect to the map."""

from __future__ import annotations

import keras
import numpy as np

from szmass.compton.network.ensemble import Ensemble

BATCH = 64


def saliency_maps(ensemble: Ensemble, compton_y: np.ndarray) -> np.ndarray:
    """|d log10 M / d y| of the selected member in each pixel (arXiv 2209.10333, Supp. G).

    Args:
        ensemble: of the maps' redshift bin.
        compton_y: `(n, pixels, pixels)`.

    Returns:
        `(n, pixels, pixels)` float64, per unit of Compton y.
    """
    network, scale = ensemble.network, ensemble.scales[ensemble.selected]
    inputs = scale.inputs(compton_y)
    with ensemble.as_member(ensemble.selected):
        parts = [
            _input_gradient(network, inputs[start : start + BATCH])
            for start in range(0, len(inputs), BATCH)
        ]
    # the network sees (y - mean) / std
    return np.abs(np.concatenate(parts)[..., 0].astype(np.float64)) / scale.std_y


def _input_gradient(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Gradient of each map's output with respect to its own pixels; maps do not mix."""
    if keras.backend.backend() == "jax":
        import jax

        values = [variable.value for variable in network.trainable_variables]
        fixed = [variable.value for variable in network.non_trainable_variables]

        def total(maps: jax.Array) -> jax.Array:
            return network.stateless_call(values, fixed, maps, training=False)[0].sum()

        return np.asarray(jax.grad(total)(inputs))
    import tensorflow as tf

    maps = tf.constant(inputs)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        outputs = network(maps, training=False)
    return tape.gradient(outputs, maps).numpy()
