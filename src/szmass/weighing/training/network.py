"""The network of weighing in Keras, and the training clusters that it sees in an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
from keras import layers, ops

from szmass.networks.backend import jit_compile
from szmass.networks.training import Arrays, MemoryState, Plan, train
from szmass.params import Weighing
from szmass.reporting import Run
from szmass.streams import WEIGHING_EPOCHS, WEIGHING_NETWORKS, WEIGHING_NOISE
from szmass.weighing.filters import FilterBank, Level
from szmass.weighing.gas import Gas, PivotY, draw_gas
from szmass.weighing.mixture import LN_SIGMAS, LN_SQRT_2PI, Ensemble, Inputs, Standard

VALIDATION_DRAWS = 3
"""Of gas, scatter and noise for each validation cluster."""


def mixture_loss(truth: keras.KerasTensor, outputs: keras.KerasTensor) -> keras.KerasTensor:
    """-ln p of the true log10 M under a network's mixture, both standardised."""
    weight, mean, ln_sigma = ops.split(outputs, 3, axis=-1)
    ln_sigma = ops.clip(ln_sigma, *LN_SIGMAS)
    terms = ops.log_softmax(weight) - 0.5 * ops.square((truth - mean) / ops.exp(ln_sigma))
    return LN_SQRT_2PI - ops.logsumexp(terms - ln_sigma, axis=-1)


def build(features: int, settings: Weighing, *, steps: int, seed: int) -> keras.Model:
    """A compiled network.

    Args:
        features: how many inputs.
        settings: its size and training.
        steps: of the whole training, over which the learning rate falls to 0.
        seed: of its first weights.
    """
    inputs = values = keras.Input((features,))
    for layer in range(settings.hidden_layers):
        first = keras.initializers.GlorotUniform(seed=seed + layer)
        values = layers.Dense(settings.hidden, activation="silu", kernel_initializer=first)(values)
    last = layers.Dense(3 * settings.gaussians, kernel_initializer="zeros")
    straight = layers.Dense(3 * settings.gaussians, use_bias=False, kernel_initializer="zeros")
    model = keras.Model(inputs, layers.add([last(values), straight(inputs)]))
    # components that begin alike would stay so
    spread = np.zeros(3 * settings.gaussians)
    spread[settings.gaussians : 2 * settings.gaussians] = np.linspace(-1, 1, settings.gaussians)
    last.bias.assign(spread)
    model.compile(
        optimizer=keras.optimizers.AdamW(
            keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps),
            weight_decay=settings.weight_decay,
        ),
        loss=mixture_loss,
        jit_compile=jit_compile(),
    )
    return model


class Clusters(Protocol):
    """Training clusters, with new random draws whenever they are shown."""

    @property
    def settings(self) -> Weighing:
        """Of the networks and their training."""

    def __len__(self) -> int:
        """How many."""

    def examples(self, rng: np.random.Generator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a network is told of some of them, `(n, features)`, and their ln Y, `(n,)`.

        Y is that of the mean relation at the cluster's mass, over the pivot's: `Gas.ln_y`.
        """


@dataclass(frozen=True)
class TrainingClusters:
    """Simulated clusters, with new gas, scatter and noise whenever they are shown."""

    amplitude: np.ndarray
    """For Y = 1 arcmin^2, `(n, filters)`."""
    outer_level: np.ndarray
    """For such a Y, `(n,)`."""
    log10_m500c_msun: np.ndarray
    redshift: np.ndarray
    pivot: PivotY
    bank: FilterBank
    meter: Level
    settings: Weighing
    noise_rms: float
    """The level of noise that levels of the settings are in units of."""
    contaminant_amplitude: np.ndarray
    """Of what else is in the map, in its unit, `(n, filters)`."""
    contaminant_level: np.ndarray
    """What this adds to the noise level as it is measured, in quadrature, `(n,)`."""

    def __len__(self) -> int:
        return len(self.redshift)

    def examples(self, rng: np.random.Generator, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and ln Y of some of the clusters, drawn as `draw` does."""
        inputs, gas = self.draw(rng, rows)
        return inputs.features(gas), gas.ln_y(self.log10_m500c_msun[rows])

    def draw(self, rng: np.random.Generator, rows: np.ndarray) -> tuple[Inputs, Gas]:
        """Some of the clusters with new gas, scatter and noise.

        Args:
            rng: of all that is drawn.
            rows: which clusters.

        Returns:
            What the network is told of each map, and its relation of the gas.
        """
        count = len(rows)
        gas = draw_gas(self.settings, rng, count)
        pivot = PivotY(self.pivot.ln_y_arcmin2[rows], self.pivot.ln_h70)
        y = pivot.mean_y_arcmin2(self.log10_m500c_msun[rows], gas)
        y *= np.exp(gas.sigma_lny * rng.standard_normal(count))
        level = self.noise_rms * _levels(self.settings, rng, count)
        root = noise_root(self.bank.noise_covariance)
        noise = rng.standard_normal((count, len(root))) @ root
        return observed(
            y[:, None] * self.amplitude[rows]
            + level[:, None] * noise
            + self.contaminant_amplitude[rows],
            level,
            np.hypot(y * self.outer_level[rows], self.contaminant_level[rows]),
            self.redshift[rows],
            whitening=self.bank.whitening,
            meter=self.meter,
            least_level=self.noise_rms * self.settings.noise_levels[0],
            rng=rng,
        ), gas


def observed(
    amplitude: np.ndarray,
    level: np.ndarray,
    outer_level: np.ndarray,
    redshift: np.ndarray,
    *,
    whitening: np.ndarray,
    meter: Level,
    least_level: float,
    rng: np.random.Generator,
) -> Inputs:
    """A network's inputs, with a noise level as it would be measured in the map.

    The square of the measured level is that of the noise, with the scatter of a variance from
    `meter.modes` values, plus what the cluster itself adds.
    """
    of_noise, of_cluster = level**2, outer_level**2
    scatter = np.sqrt((2.0 * of_noise + 4.0 * of_cluster) * of_noise / meter.modes)
    square = of_noise + of_cluster + scatter * rng.standard_normal(len(level))
    return Inputs(amplitude, np.sqrt(np.maximum(square, least_level**2)), redshift, whitening)


def _levels(settings: Weighing, rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise levels over `noise_rms`: most within `usual_levels`, a share down to the least."""
    usual, all_levels = np.log(settings.usual_levels), np.log(settings.noise_levels)
    share, place = rng.random((2, count))
    of_any = share < settings.any_level_share
    low = np.where(of_any, all_levels[0], usual[0])
    high = np.where(of_any, all_levels[1], usual[1])
    return np.exp(low + (high - low) * place)


def noise_root(covariance: np.ndarray) -> np.ndarray:
    """R with R^T R = C, for a covariance that is nearly singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(np.maximum(values, 0.0))[:, None] * vectors.T


def train_ensemble(
    training: Clusters,
    validation: Clusters,
    *,
    seed: int,
    run: Run,
    progress: Callable[[int], object],
) -> Ensemble:
    """Trains the networks, one after the other, each from first weights and draws of its own.

    Args:
        training: the clusters that they see.
        validation: the clusters by whose loss each network's best epoch is chosen.
        seed: of the pipeline.
        run: gets a child for each network, and the ensemble's loss on the validation clusters.
        progress: is told of clusters as they have been trained on.
    """
    settings, count = training.settings, len(training)
    standard = Standard.of(
        *training.examples(np.random.default_rng((seed, WEIGHING_NOISE, 0)), np.arange(count))
    )
    features, ln_y = validation.examples(
        np.random.default_rng((seed, WEIGHING_NOISE, 1)),
        np.tile(np.arange(len(validation)), VALIDATION_DRAWS),
    )
    unseen = standard.features(features), standard.labels(ln_y)

    def train_network(member: int) -> list[np.ndarray]:
        def blocks(epoch: int) -> Iterator[Arrays]:
            rng = np.random.default_rng((seed, WEIGHING_EPOCHS, member, epoch))
            features, ln_y = training.examples(rng, rng.permutation(count))
            yield standard.features(features), standard.labels(ln_y)

        first = int(np.random.default_rng((seed, WEIGHING_NETWORKS, member)).integers(2**30))
        steps = settings.epochs * -(-count // settings.batch)
        model = build(unseen[0].shape[1], settings, steps=steps, seed=first)
        plan = Plan(
            epochs=settings.epochs,
            batch=settings.batch,
            blocks=blocks,
            blocks_an_epoch=1,
            validation=unseen,
            keep_best=True,
            rate_setting=f"weighing.learning_rate = {settings.learning_rate}",
            label=f"network {member}: ",
        )
        with run.child(f"network_{member}") as child:
            train(model, plan, state=MemoryState(), run=child, progress=progress)
        return [np.array(values) for values in model.get_weights()]

    weights = [train_network(member) for member in range(settings.networks)]
    ensemble = Ensemble(weights, standard)
    run.metric("validation_loss", ensemble.mean_loss(features, ln_y))
    return ensemble
