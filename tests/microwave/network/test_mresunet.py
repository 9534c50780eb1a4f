"""The network has the paper's shape, and its residual and skip connections live."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from szmass.microwave.network.mresunet import describe_blocks, mresunet


def sub_stage_names(model: keras.Model) -> list[str]:
    return [layer.name[: -len("_residual")] for layer in model.layers if "residual" in layer.name]


def test_the_full_network_has_the_papers_16_million_parameters() -> None:
    model = mresunet(width=64)
    assert model.count_params() == 16_396_482
    assert model.output_shape == (None, 40, 40, 2)


def test_feature_maps_halve_and_filters_double() -> None:
    blocks = describe_blocks(mresunet(width=4))
    assert blocks == [
        ("encoder1", 40, 4, ()),
        ("encoder2", 20, 8, ()),
        ("encoder3", 10, 16, ()),
        ("bridge", 5, 32, ()),
        ("decoder3", 10, 16, ("encoder3",)),
        ("decoder2", 20, 8, ("encoder2",)),
        ("decoder1", 40, 4, ("encoder1",)),
    ]


def test_every_block_has_dilations_1_to_4_and_strides_where_filters_double() -> None:
    model = mresunet(width=2)
    convolutions = [layer for layer in model.layers if layer.name.endswith("_conv")]
    assert [layer.dilation_rate[0] for layer in convolutions] == [1, 2, 3, 4] * 7
    strided = [layer.name for layer in convolutions if layer.strides != (1, 1)]
    assert strided == ["encoder2_d1_conv", "encoder3_d1_conv", "bridge_d1_conv"]


def test_residuals_are_added_wherever_shapes_allow() -> None:
    encoder = [
        f"{block}_d{d}"
        for block in ("encoder1", "encoder2", "encoder3", "bridge")
        for d in (2, 3, 4)
    ]
    decoder = [f"decoder{n}_d{d}" for n in (3, 2, 1) for d in (2, 4)]
    assert sub_stage_names(mresunet(width=2)) == encoder + decoder


@pytest.mark.parametrize("training", [False, True])
def test_a_silenced_sub_stage_passes_its_input_through(training: bool) -> None:
    model = mresunet(pixels=16, width=2, dropout=0.0)
    images = np.random.default_rng(0).standard_normal((3, 16, 16, 1)).astype(np.float32)
    for name in sub_stage_names(model):
        convolution = model.get_layer(f"{name}_conv")
        convolution.set_weights([np.zeros_like(weight) for weight in convolution.get_weights()])
        around = keras.Model(
            model.input, [convolution.input, model.get_layer(f"{name}_residual").output]
        )
        before, after = (keras.ops.convert_to_numpy(x) for x in around(images, training=training))
        assert np.ptp(before) > 0
        np.testing.assert_array_equal(before, after, err_msg=name)


def test_skips_reach_the_output_past_a_silent_bridge() -> None:
    model = mresunet(pixels=16, width=2, dropout=0.0)
    for layer in model.layers:
        if layer.name.startswith("bridge") and layer.get_weights():
            layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    images = np.random.default_rng(0).standard_normal((2, 16, 16, 1)).astype(np.float32)
    first, second = keras.ops.convert_to_numpy(model(images))
    assert np.abs(first - second).max() > 1e-3


@pytest.mark.parametrize(
    ("phase", "blocks"),
    [
        ("decoder", {"decoder1", "decoder2", "decoder3"}),
        ("encoder", {"encoder1", "encoder2", "encoder3", "bridge"}),
    ],
)
def test_dropout_stands_in_the_phase_asked_for(phase: str, blocks: set[str]) -> None:
    model = mresunet(pixels=16, width=2, dropout=0.3, dropout_phase=phase)
    dropouts = [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert {layer.name.split("_")[0] for layer in dropouts} == blocks
    assert {layer.rate for layer in dropouts} == {0.3}
