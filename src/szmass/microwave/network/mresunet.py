"""The mResUNet of Gupta & Reichardt 2020 (arXiv 2003.06135, Sec. 2.1 and Fig. 1)."""

from __future__ import annotations

import keras
from keras import KerasTensor as Tensor
from keras import layers

DILATIONS = (1, 2, 3, 4)
SKIPPED_DILATIONS = (4, 2)
OUTPUT_CHANNELS = ("mass", "sz_profile")


def mresunet(
    *,
    pixels: int = 40,
    width: int = 64,
    dropout: float = 0.3,
    dropout_phase: str = "decoder",
) -> keras.Model:
    """Returns the network: one temperature image in, mass image and SZ profile out.

    A block is four sub-stages `x -> x + BN(SELU(conv3x3(x)))` with dilations 1, 2, 3, 4; the sum
    is taken wherever input and output have the same shape. The first convolution of every
    encoder block but the first has stride 2 and doubles the filters (pixels 40-20-10-5, filters
    `width * (1, 2, 4, 8)`). A decoder block up-samples, and takes the outputs of the encoder's
    sub-stages of dilation 4 and 2 by concatenation before its sub-stages of dilation 1 and 3.

    Args:
        pixels: pixels on a side of the square input; a multiple of 8.
        width: filters of the first block; 64 in the paper.
        dropout: share of the feature maps' values dropped before a convolution in training.
        dropout_phase: `decoder` (Sec. 2.1 of the paper), `encoder` (its Sec. 3) or `both`.

    Returns:
        Model from `(n, pixels, pixels, 1)` to `(n, pixels, pixels, 2)`, channels as in
        `OUTPUT_CHANNELS`. 16 396 482 parameters at width 64.
    """
    in_encoder = dropout if dropout_phase in ("encoder", "both") else 0.0
    in_decoder = dropout if dropout_phase in ("decoder", "both") else 0.0

    # === Functional Model ===
    image = keras.Input((pixels, pixels, 1), name="temperature")
    x = image
    encoded = []
    for level in range(3):
        x, by_dilation = encoder_block(
            x,
            width * 2**level,
            stride=1 if level == 0 else 2,
            dropout=in_encoder,
            name=f"encoder{level + 1}",
        )
        encoded.append(by_dilation)
    x, _ = encoder_block(x, width * 8, stride=2, dropout=in_encoder, name="bridge")
    for level in reversed(range(3)):
        x = decoder_block(
            x, encoded[level], width * 2**level, dropout=in_decoder, name=f"decoder{level + 1}"
        )
    outputs = layers.Conv2D(len(OUTPUT_CHANNELS), 1, dtype="float32", name="images")(x)
    return keras.Model(image, outputs, name="mresunet")


def sub_stage(
    x: Tensor, filters: int, dilation: int, *, stride: int, dropout: float, name: str
) -> Tensor:
    """Dropout, convolution, SELU and batch normalisation, added to the input if shapes match."""
    y = layers.Dropout(dropout, name=f"{name}_dropout")(x) if dropout else x
    y = layers.Conv2D(
        filters,
        3,
        strides=stride,
        dilation_rate=dilation,
        padding="same",
        activation="selu",
        kernel_initializer="lecun_normal",
        name=f"{name}_conv",
    )(y)
    y = layers.BatchNormalization(name=f"{name}_norm")(y)
    return layers.Add(name=f"{name}_residual")([x, y]) if y.shape == x.shape else y


def encoder_block(
    x: Tensor, filters: int, *, stride: int, dropout: float, name: str
) -> tuple[Tensor, dict[int, Tensor]]:
    """Four sub-stages; returns the last output, and all of them by dilation."""
    outputs = {}
    for dilation in DILATIONS:
        x = sub_stage(
            x,
            filters,
            dilation,
            stride=stride if dilation == 1 else 1,
            dropout=dropout,
            name=f"{name}_d{dilation}",
        )
        outputs[dilation] = x
    return x, outputs


def decoder_block(
    x: Tensor, encoded: dict[int, Tensor], filters: int, *, dropout: float, name: str
) -> Tensor:
    """Up-sampling and four sub-stages with the encoder's outputs of dilation 4 and 2 beside."""
    x = layers.UpSampling2D(2, name=f"{name}_up")(x)
    skips = dict(zip((1, 3), SKIPPED_DILATIONS, strict=True))
    for dilation in DILATIONS:
        if dilation in skips:
            skip = encoded[skips[dilation]]
            x = layers.Concatenate(name=f"{name}_skip{skips[dilation]}")([x, skip])
        x = sub_stage(x, filters, dilation, stride=1, dropout=dropout, name=f"{name}_d{dilation}")
    return x


def describe_blocks(model: keras.Model) -> list[tuple[str, int, int, tuple[str, ...]]]:
    """The network's blocks in their order: name, pixels on a side, filters, and skips taken in."""
    names = [layer.name for layer in model.layers]
    blocks: list[tuple[str, int, int, tuple[str, ...]]] = []
    for layer in model.layers:
        name, _, rest = layer.name.partition("_")
        if rest != f"d{DILATIONS[-1]}_residual":
            continue
        takes_skips = any(other.startswith(f"{name}_skip") for other in names)
        skips = (name.replace("decoder", "encoder"),) if takes_skips else ()
        blocks.append((name, layer.output.shape[1], layer.output.shape[3], skips))
    return blocks
