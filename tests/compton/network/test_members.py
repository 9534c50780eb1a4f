"""A member is a function of data, settings and its own seed."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from helpers.mock_stores import BINS, FEW, training_params, write_stores
from helpers.recording import ListRun
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.members import (
    CnnTrainer,
    Member,
    MemberError,
    TrainedMember,
    learning_rate,
    plan_members,
)
from szmass.networks.backend import prepare_backend
from szmass.networks.training import TrainingError
from szmass.params import Cnn, Params

IDENTITY = (1, 2, 1, 0)


@pytest.fixture(scope="module")
def maps(params: Params, tmp_path_factory: pytest.TempPathFactory) -> DevelopmentMaps:
    paths = write_stores(tmp_path_factory.mktemp("maps"), training_params(params))
    return DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"])


@pytest.fixture
def settings(params: Params) -> Cnn:
    return dataclasses.replace(
        params.cnn, filters=4, neurons=16, batch=8, epochs=6, learning_rate=5e-3, schedule="cosine"
    )


def trained(
    trainer: CnnTrainer, member: Member, maps: DevelopmentMaps
) -> tuple[TrainedMember, ListRun, int]:
    run = ListRun()
    seen: list[int] = []
    result = trainer.train(member, maps, "m500c", run=run, progress=seen.append)
    return result, run, sum(seen)


def test_clusters_are_divided_anew_for_each_member_and_never_shared(maps: DevelopmentMaps) -> None:
    members = plan_members(IDENTITY, maps.cluster, count=3, fraction=0.25)
    for member in members:
        train, validation = (set(maps.cluster[rows]) for rows in (member.train, member.validation))
        assert not train & validation
        assert len(validation) == FEW // 4
        assert len(member.train) + len(member.validation) == len(maps)
    assert len({member.validation.tobytes() for member in members}) == 3
    assert len({member.identity for member in members}) == 3
    (alone,) = plan_members(IDENTITY, maps.cluster, count=1, fraction=0.25)
    np.testing.assert_array_equal(alone.validation, members[0].validation)


@pytest.mark.parametrize("fraction", [0.1, 0.4, 0.9])
def test_every_cluster_is_out_of_fold_as_soon_as_can_be(
    maps: DevelopmentMaps, fraction: float
) -> None:
    enough = int(np.ceil(1.0 / fraction))
    members = plan_members(IDENTITY, maps.cluster, count=2 * enough, fraction=fraction)
    held_out = [set(maps.cluster[member.validation]) for member in members]
    assert set.union(*held_out[:enough]) == set(maps.cluster)
    first, again = held_out[:enough], held_out[enough:]
    assert first != again
    for member in members:
        assert 0 < len(member.train) < len(maps)
        assert len(set(maps.cluster[member.validation])) <= round(fraction * FEW)
    fewer = plan_members(IDENTITY, maps.cluster, count=1, fraction=fraction)
    np.testing.assert_array_equal(fewer[0].validation, members[0].validation)


def test_one_cluster_cannot_be_divided() -> None:
    with pytest.raises(MemberError, match="1 development clusters: expected two or more"):
        plan_members(IDENTITY, np.array([5, 5, 5]), count=1, fraction=0.1)


def test_a_member_is_the_same_after_others_and_on_its_own(
    maps: DevelopmentMaps, settings: Cnn
) -> None:
    prepare_backend(seed=1, threads=2)
    first, second = plan_members(IDENTITY, maps.cluster, count=2, fraction=0.2)
    trainer = CnnTrainer(maps.pixels, settings)
    other, run, seen = trained(trainer, first, maps)
    after, _, _ = trained(trainer, second, maps)
    prepare_backend(seed=99, threads=2)
    alone, _, _ = trained(CnnTrainer(maps.pixels, settings), second, maps)
    assert after.history == alone.history
    for ours, theirs in zip(after.weights, alone.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    np.testing.assert_array_equal(after.log10_m_pred, alone.log10_m_pred)
    assert other.history != after.history

    assert seen == settings.epochs * len(first.train)
    reported = [(step, value) for name, value, step in run.metrics if name == "validation_loss"]
    assert reported == [(epoch.epoch, epoch.validation_loss) for epoch in other.history]


def test_a_member_learns_and_keeps_its_best_epoch(maps: DevelopmentMaps, settings: Cnn) -> None:
    prepare_backend(seed=1, threads=2)
    (member,) = plan_members(IDENTITY, maps.cluster, count=1, fraction=0.2)
    settings = dataclasses.replace(settings, epochs=12)
    result, _, _ = trained(CnnTrainer(maps.pixels, settings), member, maps)
    losses = [epoch.validation_loss for epoch in result.history]
    assert result.best_epoch == np.argmin(losses) + 1
    truth = maps.log10_m["m500c"][member.validation]
    # Eq. S.6, and far below the variance of the masses
    assert np.mean((result.log10_m_pred - truth) ** 2) == pytest.approx(min(losses), rel=1e-4)
    assert min(losses) < 0.3 * truth.var()


def test_a_new_start_is_glorot_s_and_seeds_the_dropouts(settings: Cnn) -> None:
    trainer = CnnTrainer(32, settings)
    starts = []
    for seed in (1, 1, 2):
        trainer.restart(np.random.default_rng(seed))
        starts.append(trainer.network.get_weights())
    for weights, again, other in zip(*starts, strict=True):
        np.testing.assert_array_equal(weights, again)
        assert (weights != other).any() or not weights.any()
    kernel = trainer.network.get_layer("dense_100").get_weights()[0]
    inputs, outputs = kernel.shape
    assert kernel.std() == pytest.approx(np.sqrt(2.0 / (inputs + outputs)), rel=0.05)
    states = [
        variable
        for layer in trainer.network.layers
        if "dropout" in layer.name
        for variable in layer.variables
    ]
    assert len(states) == 2
    assert len({tuple(map(int, state.numpy())) for state in states}) == 2
    assert trainer.network.optimizer.iterations == 0


def test_rates(params: Params) -> None:
    cosine = dataclasses.replace(params.cnn, schedule="cosine", learning_rate=1e-3, epochs=10)
    rates = [learning_rate(cosine, epoch) for epoch in range(1, 11)]
    assert rates == sorted(rates, reverse=True)
    assert rates[0] > 0.99e-3
    assert rates[-1] < 0.01e-3
    assert np.mean(rates) == pytest.approx(0.5e-3)
    constant = dataclasses.replace(cosine, schedule="constant")
    assert {learning_rate(constant, epoch) for epoch in range(1, 11)} == {1e-3}


def test_a_loss_that_is_no_number_ends_the_training(maps: DevelopmentMaps, settings: Cnn) -> None:
    (member,) = plan_members(IDENTITY, maps.cluster, count=1, fraction=0.2)
    unweighed = copy.copy(maps)
    unweighed.log10_m = {"m500c": np.full(len(maps), np.nan)}
    with pytest.raises(TrainingError, match=r"member 0, epoch 1: loss = nan.*cnn.learning_rate"):
        trained(CnnTrainer(maps.pixels, settings), member, unweighed)
