"""The CNN of de Andres et al. 2022 (arXiv 2209.10333, Supplement C), a small VGG."""

from __future__ import annotations

import keras
from keras import layers

from szmass.networks.backend import jit_compile
from szmass.params import Cnn

LAST_NEURONS = (100, 20)


def cnn(pixels: int, settings: Cnn) -> keras.Model:
    """Returns the network: one normalised y-map in, one number out.

    The k-th convolution has `filters * 2^k` filters and no padding, so with a kernel of 3 maps of
    96 pixels shrink as 96-94-47-45-22-20-10; after global average pooling and a dropout follow
    dense layers of `neurons`, each with a dropout, then 100, 20 and 1 neurons. The grid of the
    paper's Supp. Fig. 5 is spanned by these settings.

    ReLU stands behind each pooling instead of before it: both are monotonic, so that they
    commute, and behind it there is a quarter of the work.

    Args:
        pixels: of the map, on a side.
        settings: `params.cnn`.

    Returns:
        Model from `(n, pixels, pixels, 1)` to `(n, 1)`. 58 437 parameters with the paper's
        settings.
    """
    # === Functional Model ===
    # seeds of dropouts are set by the training; given here, equal networks have equal files
    image = keras.Input((pixels, pixels, 1), name="compton_y")
    x = image
    for k in range(settings.convolutions):
        x = layers.Conv2D(settings.filters * 2**k, settings.kernel, name=f"conv{k + 1}")(x)
        x = layers.MaxPooling2D(2, name=f"pool{k + 1}")(x)
        x = layers.ReLU(name=f"relu{k + 1}")(x)
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    x = layers.Dropout(settings.dropout, seed=0, name="mean_dropout")(x)
    for k in range(settings.dense_layers):
        x = layers.Dense(settings.neurons, activation="relu", name=f"dense{k + 1}")(x)
        x = layers.Dropout(settings.dropout, seed=0, name=f"dense{k + 1}_dropout")(x)
    for neurons in LAST_NEURONS:
        x = layers.Dense(neurons, activation="relu", name=f"dense_{neurons}")(x)
    outputs = layers.Dense(1, dtype="float32", name="log10_mass")(x)
    return keras.Model(image, outputs, name="cnn")


def compile_cnn(model: keras.Model, settings: Cnn) -> None:
    """Sets the paper's loss, mean square error of log10 mass (Eq. S.6), and Adam."""
    optimizer = keras.optimizers.Adam(settings.learning_rate)
    model.compile(optimizer=optimizer, loss="mse", jit_compile=jit_compile())
    # moments made now: made within the first step they double its compilation
    model.optimizer.build(model.trainable_variables)
