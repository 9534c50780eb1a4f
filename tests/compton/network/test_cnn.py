"""The network has the paper's shape."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from szmass.compton.network.cnn import cnn
from szmass.params import Cnn, Params


@pytest.fixture
def paper(params: Params) -> Cnn:
    return dataclasses.replace(
        params.cnn,
        filters=16,
        kernel=3,
        convolutions=3,
        dense_layers=1,
        neurons=200,
        dropout=0.1,
    )


def test_the_paper_s_network_has_58437_parameters(paper: Cnn) -> None:
    assert cnn(96, paper).count_params() == 58_437


def test_maps_shrink_as_without_padding(paper: Cnn) -> None:
    model = cnn(96, paper)
    sizes = [
        model.get_layer(f"{kind}{k}").output.shape[1]
        for k in (1, 2, 3)
        for kind in ("conv", "pool")
    ]
    assert sizes == [94, 47, 45, 22, 20, 10]
    assert [model.get_layer(f"conv{k}").filters for k in (1, 2, 3)] == [16, 32, 64]


def test_dropouts_stand_behind_the_mean_and_each_dense_layer_of_the_grid(paper: Cnn) -> None:
    model = cnn(96, dataclasses.replace(paper, dense_layers=2))
    names = [layer.name for layer in model.layers]
    assert names[names.index("mean") :] == [
        "mean",
        "mean_dropout",
        "dense1",
        "dense1_dropout",
        "dense2",
        "dense2_dropout",
        "dense_100",
        "dense_20",
        "log10_mass",
    ]


@pytest.mark.parametrize(("convolutions", "kernel", "filters"), [(4, 2, 32), (5, 1, 16)])
def test_the_grid_of_hyperparameters_can_be_built(
    paper: Cnn, convolutions: int, kernel: int, filters: int
) -> None:
    settings = dataclasses.replace(paper, convolutions=convolutions, kernel=kernel, filters=filters)
    model = cnn(96, settings)
    last = model.get_layer(f"conv{convolutions}")
    assert last.filters == filters * 2 ** (convolutions - 1)
    assert last.kernel_size == (kernel, kernel)


def test_relu_and_pooling_commute(paper: Cnn) -> None:
    model = cnn(32, paper)
    images = np.random.default_rng(0).standard_normal((3, 32, 32, 1)).astype(np.float32)
    convolved = model.get_layer("conv1")(images)
    ours = model.get_layer("relu1")(model.get_layer("pool1")(convolved))
    papers = keras.ops.max_pool(keras.ops.relu(convolved), 2)
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, papers)))
