"""Gradients of networks whose gradient is known."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from szmass.compton.network.arrays import MapScale
from szmass.compton.network.ensemble import Ensemble
from szmass.compton.network.saliency import saliency_maps


def test_a_linear_network_hangs_on_its_weights() -> None:
    image = keras.Input((4, 4, 1))
    outputs = keras.layers.Dense(1)(keras.layers.Flatten()(image))
    network = keras.Model(image, outputs)
    rng = np.random.default_rng(1)
    weights = [[rng.normal(size=(16, 1)).astype(np.float32), np.zeros(1, np.float32)] for _ in "ab"]
    scales = [MapScale(1e-7, std, 14.5) for std in (1e-6, 2e-6)]
    ensemble = Ensemble(network, weights, scales, selected=1, facts={})
    found = saliency_maps(ensemble, rng.normal(size=(70, 4, 4)))
    expected = np.abs(weights[1][0].reshape(4, 4)) / 2e-6
    assert found.shape == (70, 4, 4)
    assert found == pytest.approx(np.broadcast_to(expected, found.shape), rel=1e-5)


def test_it_is_the_slope_of_log10_m_along_each_pixel() -> None:
    keras.utils.set_random_seed(3)
    image = keras.Input((6, 6, 1))
    x = keras.layers.Conv2D(4, 3, activation="tanh")(image)
    network = keras.Model(image, keras.layers.Dense(1)(keras.layers.Flatten()(x)))
    network.compile(jit_compile=False)
    scale = MapScale(0.0, 0.5, 14.5)
    ensemble = Ensemble(network, [network.get_weights()], [scale], selected=0, facts={})
    maps = np.random.default_rng(2).normal(size=(2, 6, 6))
    step = np.zeros_like(maps)
    step[:, 2, 3] = 1e-2
    slope = (ensemble(maps + step)[0] - ensemble(maps - step)[0]) / 2e-2
    assert saliency_maps(ensemble, maps)[:, 2, 3] == pytest.approx(np.abs(slope), rel=1e-2)
