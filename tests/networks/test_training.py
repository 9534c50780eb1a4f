"""The one loop of all trainings: its order, its history, its best epoch, and how it resumes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np
import pytest

from helpers.recording import ListRun
from szmass.networks.backend import state_variables
from szmass.networks.training import (
    STATE_FILE,
    Arrays,
    Epoch,
    MemoryState,
    Plan,
    State,
    TrainingError,
    TrainingState,
    best_epoch,
    prefetched,
    train,
)

SLOPE = 3.0
BLOCKS, BLOCK = 3, 20


def line(seed: int, slope: float = SLOPE) -> Arrays:
    x = np.random.default_rng(seed).normal(size=(BLOCK, 1)).astype(np.float32)
    return x, slope * x


def blocks(epoch: int) -> Iterator[Arrays]:
    return (line(10 * epoch + number) for number in range(BLOCKS))


@pytest.fixture
def plan() -> Plan:
    return Plan(
        epochs=4,
        batch=8,
        blocks=blocks,
        blocks_an_epoch=BLOCKS,
        validation=line(0),
        keep_best=False,
        rate_setting="a.learning_rate = 0.1",
    )


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(1)
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    network.compile(keras.optimizers.Adam(0.1), "mse", jit_compile=False)
    network.optimizer.build(network.trainable_variables)
    return network


def run_training(
    model: keras.Model, plan: Plan, state: State | None = None
) -> tuple[list[Epoch], ListRun, int]:
    run = ListRun()
    seen: list[int] = []
    history = train(model, plan, state=state or MemoryState(), run=run, progress=seen.append)
    return history, run, sum(seen)


def values(model: keras.Model) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(value).copy() for value in state_variables(model)]


def test_the_history_is_that_of_the_epochs_and_is_reported(model: keras.Model, plan: Plan) -> None:
    history, run, seen = run_training(model, plan)
    assert [epoch.epoch for epoch in history] == [1, 2, 3, 4]
    assert [epoch.maps_seen for epoch in history] == [BLOCKS * BLOCK * n for n in (1, 2, 3, 4)]
    assert seen == 4 * BLOCKS * BLOCK
    assert history[-1].loss < history[0].loss
    assert history[-1].validation_loss == pytest.approx(
        model.evaluate(*plan.validation, verbose=0), rel=1e-5
    )
    assert [epoch.learning_rate for epoch in history] == pytest.approx([0.1] * 4)
    for name in ("loss", "validation_loss", "learning_rate", "maps_seen"):
        reported = [(step, value) for key, value, step in run.metrics if key == name]
        assert reported == [(epoch.epoch, getattr(epoch, name)) for epoch in history]


def test_a_loss_is_the_mean_over_maps_whatever_their_blocks(model: keras.Model, plan: Plan) -> None:
    def uneven(epoch: int) -> Iterator[Arrays]:
        x, y = (np.concatenate(parts) for parts in zip(*blocks(epoch), strict=True))
        return ((x[part], y[part]) for part in (slice(7), slice(7, None)))

    start = values(model)
    still = dataclasses.replace(plan, epochs=1, learning_rate=lambda _: 0.0)
    (whole,), _, _ = run_training(model, still)
    for variable, value in zip(state_variables(model), start, strict=True):
        variable.assign(value)
    parts = dataclasses.replace(still, blocks=uneven, blocks_an_epoch=2)
    (parted,), _, _ = run_training(model, parts)
    assert parted.loss == pytest.approx(whole.loss, rel=1e-5)


def test_a_rule_sets_each_epochs_rate_and_ends_the_training(model: keras.Model, plan: Plan) -> None:
    prepared: list[int] = []

    def rule(history: Sequence[Epoch]) -> float | None:
        return None if len(history) == 2 else 0.1 / (1 + len(history))

    by_rule = dataclasses.replace(plan, learning_rate=rule, before_epoch=prepared.append)
    history, _, _ = run_training(model, by_rule)
    assert [epoch.learning_rate for epoch in history] == [0.1, 0.05]
    assert float(model.optimizer.learning_rate) == pytest.approx(0.05)
    assert prepared == [1, 2]


@pytest.mark.parametrize("on_disk", [False, True])
def test_the_best_epoch_is_kept_where_that_is_asked(
    model: keras.Model, plan: Plan, tmp_path: Path, *, on_disk: bool
) -> None:
    # from the third epoch on it is taught another line
    def worse(epoch: int) -> Iterator[Arrays]:
        return iter([line(epoch, SLOPE if epoch < 3 else -SLOPE)])

    state = TrainingState(tmp_path, "one") if on_disk else MemoryState()
    to_best = dataclasses.replace(plan, blocks=worse, blocks_an_epoch=1, keep_best=True)
    history, _, _ = run_training(model, to_best, state)
    losses = [epoch.validation_loss for epoch in history]
    assert best_epoch(history) == int(np.argmin(losses)) + 1 < 4
    assert model.evaluate(*plan.validation, verbose=0) == pytest.approx(min(losses), rel=1e-5)


class KilledError(Exception):
    """Stands for whatever ends a training between two epochs."""


class Killing(TrainingState):
    """Ends the training once two epochs are kept."""

    def save(self, model: keras.Model, history: list[Epoch], keep: set[int]) -> None:
        super().save(model, history, keep)
        if len(history) == 2:
            raise KilledError


def test_a_killed_training_goes_on_to_the_same_values(
    model: keras.Model, plan: Plan, tmp_path: Path
) -> None:
    start = values(model)
    history, _, _ = run_training(model, plan)
    whole = values(model)
    for variable, value in zip(state_variables(model), start, strict=True):
        variable.assign(value)
    with pytest.raises(KilledError):
        run_training(model, plan, Killing(tmp_path, "one"))
    for variable in state_variables(model):
        variable.assign(np.zeros(variable.shape))
    resumed, run, seen = run_training(model, plan, TrainingState(tmp_path, "one"))
    assert resumed == history
    assert [step for name, _, step in run.metrics if name == "loss"] == [1, 2, 3, 4]
    assert seen == 4 * BLOCKS * BLOCK
    for ours, theirs in zip(values(model), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_state_of_another_training_or_a_damaged_one_is_not_taken_up(
    model: keras.Model, tmp_path: Path
) -> None:
    TrainingState(tmp_path, "one").save(model, [Epoch(1, 64, 1.0, 1.0, 1e-3, 2.0)], keep=set())
    assert len(TrainingState(tmp_path, "one").restore(model)) == 1
    assert TrainingState(tmp_path, "two").restore(model) == []
    (tmp_path / STATE_FILE).write_text("{half a sta")
    assert TrainingState(tmp_path, "one").restore(model) == []


STATES = [b"[]", b"{}", b"\xff", b'{"identity": "one", "history": [[]]}']


@pytest.mark.parametrize("damaged", STATES)
def test_a_damaged_state_is_a_new_start_said_in_a_line(
    model: keras.Model, tmp_path: Path, caplog: pytest.LogCaptureFixture, damaged: bytes
) -> None:
    (tmp_path / STATE_FILE).write_bytes(damaged)
    assert TrainingState(tmp_path, "one").restore(model) == []
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path / STATE_FILE}: damaged")
    assert "\n" not in message


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def changed(content: bytes) -> bytes:
    """Another value within an array."""
    place = content.index(b"\x93NUMPY") + 128
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize("damage", [cut, changed, lambda _: b""])
@pytest.mark.parametrize(("best", "damaged", "goes_on"), [(1, 2, 1), (1, 1, 0), (2, 2, 0)])
def test_a_damaged_epoch_is_trained_again_to_the_same_values(
    model: keras.Model,
    plan: Plan,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
    best: int,
    damaged: int,
    goes_on: int,
) -> None:
    rates = {1: 0.1, 2: 0.1 if best == 2 else 10.0, 3: 0.1, 4: 0.1}
    by_rule = dataclasses.replace(plan, learning_rate=lambda history: rates[len(history) + 1])
    start = values(model)
    history, _, _ = run_training(model, by_rule)
    whole = values(model)

    def restart() -> None:
        for variable, value in zip(state_variables(model), start, strict=True):
            variable.assign(value)

    restart()
    with pytest.raises(KilledError):
        run_training(model, by_rule, Killing(tmp_path, "one"))
    assert {path.name for path in tmp_path.glob("*.npz")} == {
        f"epoch_{epoch}.npz" for epoch in (best, 2)
    }
    file = tmp_path / f"epoch_{damaged}.npz"
    file.write_bytes(damage(file.read_bytes()))
    restart()
    resumed, _, _ = run_training(model, by_rule, TrainingState(tmp_path, "one"))
    assert resumed == history
    what = "the state after epoch 2 cannot be read; the training goes on after epoch"
    assert caplog.messages == [f"{tmp_path}: {what} {goes_on}"]
    for ours, theirs in zip(values(model), whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("state", [lambda _: MemoryState(), lambda path: TrainingState(path, "")])
def test_only_epochs_that_are_needed_are_kept(
    model: keras.Model, tmp_path: Path, state: Callable[[Path], State]
) -> None:
    kept, history = state(tmp_path), []
    for number in (1, 2, 3):
        history.append(Epoch(number, 64, 1.0, 1.0, 1e-3, 2.0))
        kept.save(model, history, keep={1})
    kept.load(model, 1)
    kept.load(model, 3)
    with pytest.raises((KeyError, FileNotFoundError)):
        kept.load(model, 2)


def test_a_loss_that_is_no_number_names_the_setting(model: keras.Model, plan: Plan) -> None:
    x, y = plan.validation
    broken = dataclasses.replace(plan, validation=(x, y * np.nan), label="member 7, ")
    with pytest.raises(
        TrainingError,
        match=r"member 7, epoch 1: loss = .*validation loss = nan.*; lower a.learning_rate = 0.1",
    ):
        run_training(model, broken)


def test_items_are_made_ahead_in_their_order_and_an_error_arrives() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(3):
            made.append(number)
            yield number
        raise OSError("the disk is gone")

    ahead = prefetched(items())
    assert next(ahead) == 0
    assert [next(ahead), next(ahead)] == [1, 2]
    with pytest.raises(OSError, match="the disk is gone"):
        next(ahead)
