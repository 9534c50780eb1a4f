"""Trains the members of an ensemble of CNNs, each a function of data, settings and its seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from szmass.compton.network.arrays import DevelopmentMaps, MapScale, epoch_blocks
from szmass.compton.network.cnn import cnn, compile_cnn
from szmass.errors import SzmassError
from szmass.networks.backend import predict, state_variables
from szmass.networks.training import Arrays, Epoch, MemoryState, Plan, best_epoch, train
from szmass.params import Cnn
from szmass.reporting import Run
from szmass.streams import CNN_MEMBERS

SPLIT, START, EPOCH = 0, 1, 2  # what a member draws for


class MemberError(SzmassError):
    """There are too few clusters to train a member on."""


@dataclass(frozen=True)
class Member:
    """A member before its training: its seed, and its maps, by their position in the bin."""

    identity: tuple[int, ...]
    """(seed, stream, bin, data set, target, number of the member)."""
    train: np.ndarray
    validation: np.ndarray

    def rng(self, *purpose: int) -> np.random.Generator:
        """A generator of this member and purpose alone."""
        return np.random.default_rng((*self.identity, *purpose))


@dataclass(frozen=True)
class TrainedMember:
    """A member at its best epoch."""

    weights: list[np.ndarray]
    scale: MapScale
    best_epoch: int
    history: list[Epoch]
    log10_m_pred: np.ndarray
    """Of its validation maps."""


def plan_members(
    identity: tuple[int, int, int, int], cluster: np.ndarray, *, count: int, fraction: float
) -> list[Member]:
    """Divides a bin's development clusters for each member.

    The clusters are shuffled again and again, and each member holds out the next part of that
    sequence: soon every cluster has been held out by some member, and the posterior is fitted on
    what that one says of it. A part that reaches into the next shuffle may hold a cluster twice,
    and is then smaller.

    Args:
        identity: seed, and the indices of bin, data set and target.
        cluster: number of the cluster of each development map.
        count: members.
        fraction: of the clusters that a member validates on.

    Raises:
        MemberError: there are fewer than two clusters.
    """
    clusters = np.unique(cluster)
    if len(clusters) < 2:
        raise MemberError(
            f"{len(clusters)} development clusters: expected two or more in each redshift bin"
        )
    held_out = min(max(1, round(fraction * len(clusters))), len(clusters) - 1)
    identities = [(identity[0], CNN_MEMBERS, *identity[1:], number) for number in range(count)]
    shuffles = [
        np.random.default_rng((*own, SPLIT)).permutation(clusters)
        for own in identities[: -(-count * held_out // len(clusters))]
    ]
    sequence = np.concatenate(shuffles)
    members = []
    for number, own in enumerate(identities):
        part = sequence[number * held_out : (number + 1) * held_out]
        validation = np.isin(cluster, part)
        members.append(Member(own, np.flatnonzero(~validation), np.flatnonzero(validation)))
    return members


class CnnTrainer:
    """A network that is compiled once, and trained from a new start for each member.

    Args:
        pixels: of the maps, on a side.
        settings: `params.cnn`.
    """

    def __init__(self, pixels: int, settings: Cnn) -> None:
        self.settings = settings
        self.network = cnn(pixels, settings)
        compile_cnn(self.network, settings)
        self._fresh = [keras.ops.convert_to_numpy(v) for v in state_variables(self.network)]

    def restart(self, rng: np.random.Generator) -> None:
        """Gives the network a new start, the same on every backend.

        Weights are Glorot uniform and the seeds of the dropouts new, both from `rng`; biases are
        zero, and the optimiser has no past.
        """
        for variable, fresh in zip(state_variables(self.network), self._fresh, strict=True):
            value = fresh
            if variable.path.endswith("/kernel"):
                *field, inputs, outputs = fresh.shape
                limit = np.sqrt(6.0 / (np.prod(field) * (inputs + outputs)))
                value = rng.uniform(-limit, limit, fresh.shape)
            elif variable.path.endswith("seed_generator_state"):
                value = rng.integers(2**31, size=fresh.shape)
            variable.assign(value.astype(fresh.dtype))

    def train(
        self,
        member: Member,
        maps: DevelopmentMaps,
        target: str,
        *,
        passes: int = 1,
        run: Run,
        progress: Callable[[int], object],
    ) -> TrainedMember:
        """Trains one member; it keeps the epoch of the least validation loss.

        Args:
            member: seed and maps.
            maps: of the redshift bin and data set.
            target: one of `compton_arrays.TARGETS`.
            passes: how often an epoch shows each map.
            run: is told loss and validation loss of each epoch.
            progress: is told the maps of each step.

        Raises:
            TrainingError: the loss is no longer finite.
        """
        network, settings = self.network, self.settings
        self.restart(member.rng(START))
        scale = maps.scale(member.train, target)
        held_out = scale.inputs(maps.compton_y(member.validation))
        truth = scale.labels(maps.log10_m[target][member.validation])

        def blocks(epoch: int) -> Iterator[Arrays]:
            rng = member.rng(EPOCH, epoch)
            return epoch_blocks(
                maps, member.train, target, scale, passes=passes, flips=settings.flips, rng=rng
            )

        plan = Plan(
            epochs=settings.epochs,
            batch=settings.batch,
            blocks=blocks,
            blocks_an_epoch=passes * len(maps.shuffled(member.train, member.rng(EPOCH))),
            validation=(held_out, truth),
            keep_best=True,
            rate_setting=f"cnn.learning_rate = {settings.learning_rate:g}",
            label=f"member {member.identity[-1]}, ",
            learning_rate=lambda history: learning_rate(settings, len(history) + 1),
        )
        history = train(network, plan, state=MemoryState(), run=run, progress=progress)
        (outputs,) = predict(network, held_out)
        log10_m_pred = scale.log10_m(outputs)
        return TrainedMember(
            network.get_weights(), scale, best_epoch(history), history, log10_m_pred
        )


def learning_rate(settings: Cnn, epoch: int) -> float:
    """The rate of an epoch, numbered from 1: constant, or along half a cosine towards zero."""
    if settings.schedule == "constant":
        return settings.learning_rate
    phase = (epoch - 0.5) / settings.epochs
    return float(settings.learning_rate * 0.5 * (1.0 + np.cos(np.pi * phase)))
