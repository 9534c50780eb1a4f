"""Arrays through a network, batch by batch; its weights on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from helpers.full_disk import room_for
from szmass.files import OutputError
from szmass.networks.backend import EVALUATION_BATCH, predict, save_weights


class Counted(keras.layers.Layer):
    """Passes maps on; its Python runs when it is compiled, not when maps go through it."""

    compiled = 0

    def call(self, inputs: Any) -> Any:
        """Counts."""
        self.compiled += 1
        return inputs


@pytest.fixture
def network() -> keras.Model:
    """Of two outputs, the shapes of a map and of a number."""
    image = keras.Input((8, 8, 1))
    blurred = keras.layers.Conv2D(2, 3, padding="same")(Counted(name="counted")(image))
    model = keras.Model(image, [blurred, keras.layers.GlobalAveragePooling2D()(blurred)])
    model.compile(jit_compile=False)
    return model


@pytest.mark.parametrize("count", [1, EVALUATION_BATCH, EVALUATION_BATCH + 1, 150])
def test_each_map_gets_its_own_outputs(network: keras.Model, count: int) -> None:
    maps = np.random.default_rng(count).normal(size=(count, 8, 8, 1)).astype(np.float32)
    outputs = predict(network, maps)
    for output, wanted in zip(outputs, network(maps), strict=True):
        np.testing.assert_allclose(output, keras.ops.convert_to_numpy(wanted), atol=1e-6)


def test_a_short_last_batch_asks_for_no_compilation_of_its_own(network: keras.Model) -> None:
    maps = np.zeros((2 * EVALUATION_BATCH + 3, 8, 8, 1), np.float32)
    predict(network, maps[:EVALUATION_BATCH])
    before = network.get_layer("counted").compiled
    predict(network, maps)
    assert network.get_layer("counted").compiled == before > 0


def test_weights_are_those_of_keras_and_a_full_disk_is_named(
    network: keras.Model, tmp_path: Path
) -> None:
    ours, theirs = tmp_path / "ours.weights.h5", tmp_path / "theirs.weights.h5"
    save_weights(network, ours)
    network.save_weights(theirs)
    assert ours.read_bytes() == theirs.read_bytes()

    with (
        room_for(10_000),
        pytest.raises(OutputError, match=rf"{ours}: could not be written .*{tmp_path} has room"),
    ):
        save_weights(network, ours)
