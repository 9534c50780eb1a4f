"""Training learns, resumes to the same weights, and measures its normalisation anew."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import pytest

from helpers.recording import ListRun
from helpers.shared_project import flip_a_bit
from szmass.hashes import SUMS_FILE, HashError, sha256, write_sums
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.network.arrays import Maps, MassPrior, Normalisation, draw_maps
from szmass.microwave.network.estimator import (
    ARCHITECTURE_FILE,
    WEIGHTS_FILE,
    ModelError,
    MresunetEstimator,
)
from szmass.microwave.network.mresunet import mresunet
from szmass.microwave.network.training import (
    epochs_without_improvement,
    fresh_maps,
    plateau_rate,
    recalibrate_normalisation,
    shuffled_maps,
    train,
    train_estimator,
)
from szmass.networks.backend import prepare_backend
from szmass.networks.training import Epoch, TrainingError, TrainingState
from szmass.params import Mresunet, Params

PRIOR = MassPrior.flat([1, 8])
NORMALISATION = Normalisation(500.0, 300.0, PRIOR.mean_msun, "flat")
COUNT = 64


@pytest.fixture
def settings(params: Params) -> Mresunet:
    return dataclasses.replace(params.mresunet, width=2, dropout=0.2, batch=16, epochs=4)


def small_network(dropout: float) -> keras.Model:
    """Between the mResUNet's input and outputs, one layer of each kind that a training minds."""
    layers = keras.layers
    return keras.Sequential([
        keras.Input((40, 40, 1)),
        layers.Conv2D(4, 3, padding="same", activation="selu"),
        layers.BatchNormalization(),
        layers.Dropout(dropout),
        layers.Conv2D(2, 1),
    ])  # fmt: skip


def new_maps(epoch: int, *, sky: MicrowaveSky) -> Maps:
    return draw_maps(sky, PRIOR, np.random.default_rng((7, epoch)), COUNT)


def run_training(
    settings: Mresunet,
    sky: MicrowaveSky,
    folder: Path,
    *,
    normalisation: Normalisation = NORMALISATION,
) -> tuple[keras.Model, list[Epoch], ListRun]:
    prepare_backend(seed=1, threads=2)
    model = small_network(settings.dropout)
    run = ListRun()
    history = train(
        model,
        settings,
        maps_of_epoch=partial(new_maps, sky=sky),
        maps_per_epoch=COUNT,
        validation=new_maps(99, sky=sky),
        normalisation=normalisation,
        nfw=None,
        seed=1,
        state=TrainingState(folder, "one"),
        run=run,
    )
    return model, history, run


class KilledError(Exception):
    """Stands for whatever ends a training between two epochs."""


def test_a_training_learns_and_after_a_stop_goes_on_to_the_same_weights(
    settings: Mresunet, sky: MicrowaveSky, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, whole_history, _ = run_training(settings, sky, tmp_path / "whole")
    assert whole_history[-1].loss < 0.9 * whole_history[0].loss
    assert whole_history[-1].maps_seen == 4 * COUNT

    save = TrainingState.save

    def save_then_stop(
        self: TrainingState, model: keras.Model, history: list[Epoch], keep: set[int]
    ) -> None:
        save(self, model, history, keep)
        if len(history) == 2:
            raise KilledError

    monkeypatch.setattr(TrainingState, "save", save_then_stop)
    with pytest.raises(KilledError):
        run_training(settings, sky, tmp_path / "halves")
    monkeypatch.undo()
    resumed, history, run = run_training(settings, sky, tmp_path / "halves")

    assert [epoch.loss for epoch in history] == [epoch.loss for epoch in whole_history]
    assert [step for name, _, step in run.metrics if name == "loss"] == [1, 2, 3, 4]
    for ours, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_loss_that_is_no_number_ends_the_training(
    settings: Mresunet, sky: MicrowaveSky, tmp_path: Path
) -> None:
    broken = dataclasses.replace(NORMALISATION, mass_msun=1e-10)
    with pytest.raises(TrainingError, match=r"epoch 1: loss = .*mresunet.learning_rate"):
        run_training(settings, sky, tmp_path, normalisation=broken)


def test_plateau_halves_after_epochs_without_improvement() -> None:
    falling = [1.0, 0.9, 0.8]
    assert plateau_rate(falling, 1e-3, patience=2) == 1e-3
    assert plateau_rate([*falling, 0.8, 0.85], 1e-3, patience=2) == 5e-4
    assert plateau_rate([*falling, 0.8, 0.85, 0.81, 0.8], 1e-3, patience=2) == 2.5e-4
    assert plateau_rate([*falling, 0.8, 0.7, 0.75], 1e-3, patience=2) == 1e-3
    assert epochs_without_improvement([]) == 0
    assert epochs_without_improvement([*falling, 0.8, 0.85]) == 2


def test_plateau_stops_and_keeps_the_best_epoch(
    settings: Mresunet, sky: MicrowaveSky, tmp_path: Path
) -> None:
    patient = dataclasses.replace(
        settings, schedule="plateau", epochs=40, patience_epochs=2, learning_rate=0.02
    )
    model, history, _ = run_training(patient, sky, tmp_path)
    losses = [epoch.validation_loss for epoch in history]
    assert len(history) < 40
    assert int(np.argmin(losses)) == len(losses) - 3
    validation = new_maps(99, sky=sky)
    loss = model.evaluate(
        NORMALISATION.inputs(validation.temperature_uk),
        NORMALISATION.labels(validation.m200c_msun, validation.sz_uk, None),
        batch_size=64,
        verbose=0,
    )
    assert loss == pytest.approx(min(losses), rel=1e-6)


def test_an_epochs_maps_are_its_own_and_the_same_again(sky: MicrowaveSky) -> None:
    stored = new_maps(1, sky=sky)
    for maps_of_epoch in (
        fresh_maps(sky, PRIOR, seed=1, count=8),
        shuffled_maps(stored, seed=1),
    ):
        first, second, again = (maps_of_epoch(epoch).m200c_msun for epoch in (1, 2, 1))
        np.testing.assert_array_equal(first, again)
        assert (first != second).any()
    maps, other = shuffled_maps(stored, seed=1)(1), shuffled_maps(stored, seed=1, stream=2)(1)
    order = [int(np.flatnonzero(stored.m200c_msun == mass)[0]) for mass in maps.m200c_msun]
    assert sorted(order) == list(range(COUNT))
    np.testing.assert_array_equal(maps.temperature_uk, stored.temperature_uk[order])
    np.testing.assert_array_equal(maps.sz_uk, stored.sz_uk[order])
    assert (maps.m200c_msun != other.m200c_msun).any()


@pytest.mark.parametrize(
    ("scale", "network"), [("peak", lambda **_: small_network(0.2)), ("rms", mresunet)]
)
def test_an_estimator_has_the_constants_of_maps_that_it_is_not_trained_on(
    params: Params,
    settings: Mresunet,
    sky: MicrowaveSky,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    scale: Literal["peak", "rms"],
    network: Callable[..., keras.Model],
) -> None:
    monkeypatch.setattr("szmass.microwave.network.training.mresunet", network)
    settings = dataclasses.replace(settings, epochs=1, profile_scale=scale, recalibration_maps=32)
    prepare_backend(seed=1, threads=2)
    seen: list[int] = []

    def maps_of_epoch(epoch: int) -> Maps:
        seen.append(epoch)
        return new_maps(epoch, sky=sky)

    estimator, history = train_estimator(
        settings,
        params.microwave,
        PRIOR,
        maps_of_epoch=maps_of_epoch,
        validation=new_maps(99, sky=sky),
        seed=1,
        state=TrainingState(tmp_path, "one"),
        run=ListRun(),
    )
    assert seen == [0, 1]
    assert [epoch.maps_seen for epoch in history] == [COUNT]
    maps = new_maps(0, sky=sky)
    scales = {"peak": np.abs(maps.sz_uk).max(), "rms": np.sqrt(np.mean(maps.sz_uk**2))}
    assert estimator.normalisation.sz_uk == pytest.approx(scales[scale], rel=1e-6)
    assert estimator.normalisation.temperature_uk == np.abs(maps.temperature_uk).max()
    assert estimator.normalisation.mass_msun == PRIOR.mean_msun
    assert np.isfinite(estimator(maps.temperature_uk)[0]).all()


def test_recalibration_makes_inference_agree_with_training_mode(sky: MicrowaveSky) -> None:
    prepare_backend(seed=1, threads=2)
    model = mresunet(width=2, dropout=0.0)
    maps_uk = new_maps(1, sky=sky).temperature_uk
    inputs = NORMALISATION.inputs(maps_uk)
    weights = model.get_weights()
    wanted = keras.ops.convert_to_numpy(model(inputs, training=True))
    model.set_weights(weights)  # without what that call told the running averages
    before = np.abs(keras.ops.convert_to_numpy(model(inputs, training=False)) - wanted).max()
    recalibrate_normalisation(model, maps_uk, NORMALISATION)
    after = np.abs(keras.ops.convert_to_numpy(model(inputs, training=False)) - wanted).max()
    assert after < 1e-3 < before


def test_recalibration_averages_over_all_the_maps(sky: MicrowaveSky) -> None:
    prepare_backend(seed=1, threads=2)
    model = mresunet(width=2, dropout=0.0)
    maps_uk = draw_maps(sky, PRIOR, np.random.default_rng(3), 1024).temperature_uk
    recalibrate_normalisation(model, maps_uk, NORMALISATION)
    convolution = keras.Model(model.input, model.get_layer("encoder1_d1_conv").output)
    outputs = convolution.predict(NORMALISATION.inputs(maps_uk), verbose=0)
    norm = model.get_layer("encoder1_d1_norm")
    np.testing.assert_allclose(norm.moving_mean, outputs.mean((0, 1, 2)), rtol=1e-3, atol=1e-4)
    assert norm.momentum == 0.99


def test_a_saved_estimator_is_the_same_bytes_and_gives_the_same_masses(
    sky: MicrowaveSky, tmp_path: Path
) -> None:
    prepare_backend(seed=1, threads=2)
    estimator = MresunetEstimator(mresunet(width=2), NORMALISATION)
    for name in ("first", "second"):
        estimator.save(tmp_path / name)
    for name in (WEIGHTS_FILE, SUMS_FILE):
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    maps_uk = new_maps(1, sky=sky).temperature_uk
    masses, profiles = estimator(maps_uk)
    loaded_masses, loaded_profiles = MresunetEstimator.load(tmp_path / "first")(maps_uk)
    np.testing.assert_array_equal(masses, loaded_masses)
    np.testing.assert_array_equal(profiles, loaded_profiles)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


def test_a_model_with_a_changed_or_missing_file_is_not_loaded(tmp_path: Path) -> None:
    MresunetEstimator(mresunet(width=2), NORMALISATION).save(tmp_path)
    weights = tmp_path / WEIGHTS_FILE
    before = sha256(weights)
    flip_a_bit(weights)
    with pytest.raises(HashError) as caught:
        MresunetEstimator.load(tmp_path)
    assert str(caught.value) == (
        f"{weights}: changed since it was saved: its sha256 is {sha256(weights)}, expected "
        f"{before} as in SHA256SUMS; make it again (dvc repro train_mresunet) or fetch it (dvc "
        "pull)"
    )
    weights.unlink()
    with pytest.raises(HashError, match=f"{weights}: .* for it is missing, expected {before}"):
        MresunetEstimator.load(tmp_path)
    (tmp_path / SUMS_FILE).unlink()
    with pytest.raises(HashError, match="the model is missing, or was saved by an earlier version"):
        MresunetEstimator.load(tmp_path)


def test_maps_that_do_not_fit_are_refused(sky: MicrowaveSky) -> None:
    estimator = MresunetEstimator(mresunet(width=2), NORMALISATION)
    with pytest.raises(ValueError, match=r"shape \(2, 32, 32\): expected \(n, 40, 40\)"):
        estimator(np.zeros((2, 32, 32)))
    maps_uk = new_maps(1, sky=sky).temperature_uk
    maps_uk[3, 0, 0] = np.nan
    with pytest.raises(ValueError, match="map 3: has pixels that are not finite"):
        estimator(maps_uk)


def test_a_model_of_other_code_is_named(tmp_path: Path) -> None:
    (tmp_path / ARCHITECTURE_FILE).write_text("{}")
    write_sums(tmp_path)
    with pytest.raises(ModelError, match=f"{tmp_path}: cannot be read as a trained mResUNet"):
        MresunetEstimator.load(tmp_path)
