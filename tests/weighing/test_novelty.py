"""Flags rest on what the best template leaves, and say where a map is unlike the training."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.mock_record import (
    BEAM_FWHM_ARCMIN,
    GRID,
    NOISE_RMS,
    mock_record,
    mock_survey,
    noisy_amplitudes,
    templates,
)
from szmass.params import Params
from szmass.sky.cosmology import Cosmology
from szmass.units import FWHM_PER_SIGMA
from szmass.weighing.gas import PivotY
from szmass.weighing.novelty import (
    COMPACT_FLAG,
    EDGE_FLAG,
    FAINT_FLAG,
    NOISY_FLAG,
    OFFSET_FLAG,
    QUIET_FLAG,
    REDSHIFT_FLAG,
    SHAPE_FLAG,
    SPOT_FLAG,
    Familiar,
    Limits,
    Residual,
    Usual,
)
from szmass.weighing.record import Record, RecordError
from szmass.weighing.spots import Spots
from szmass.weighing.training.make_record import usual_residuals
from szmass.weighing.training.network import TrainingClusters

BANK = mock_survey().bank
MODES = BANK.whitening.shape[1]


@pytest.mark.parametrize("template", range(4))
@pytest.mark.parametrize("height", [0.5, 7.0, 300.0])
def test_a_template_of_any_height_leaves_nothing(template: int, height: float) -> None:
    amplitude = height * BANK.amplitudes(templates().astype(float))[[template]]
    left = Residual.of(amplitude, np.ones(1), BANK)
    assert left.signal_to_noise[0] == pytest.approx(amplitude.max())
    # the filters are float32
    assert left.chi2[0] < 1e-8 * left.signal_to_noise[0] ** 2
    assert abs(left.compact[0]) < 1e-4 * left.signal_to_noise[0]


def test_noise_about_a_bright_template_leaves_one_for_each_mode() -> None:
    """All templates but the cluster's own fit worse, so chi^2 has the other modes' freedom."""
    count = 4000
    noise = noisy_amplitudes(BANK, count, np.random.default_rng(2))
    amplitude = noise + 200.0 * BANK.noise_covariance[0]
    chi2 = Residual.of(amplitude, np.ones(count), BANK).chi2
    error = np.sqrt(2.0 / (MODES - 1) / count)
    assert chi2.mean() == pytest.approx(1.0, abs=5 * error)


def test_the_level_is_the_unit() -> None:
    amplitude = noisy_amplitudes(BANK, 5, np.random.default_rng(3))
    level = np.full(5, 1e-6)
    plain = Residual.of(amplitude, np.ones(5), BANK)
    scaled = Residual.of(amplitude * 1e-6, level, BANK)
    for name in ("signal_to_noise", "chi2", "compact"):
        np.testing.assert_allclose(getattr(scaled, name), getattr(plain, name), atol=1e-9)


def test_a_source_beside_the_cluster_is_seen() -> None:
    x, y = np.meshgrid(GRID.axis_arcmin, GRID.axis_arcmin)
    sigma = BEAM_FWHM_ARCMIN / FWHM_PER_SIGMA
    source = np.exp(-((x - 12.0) ** 2 + y**2) / (2.0 * sigma**2))
    cluster = templates()[1] / templates()[1].max()
    maps = np.stack([cluster + height * source for height in (0.0, 0.5, 1.0, 2.0)])
    chi2 = Residual.of(BANK.amplitudes(10.0 * maps), np.ones(4), BANK).chi2
    assert chi2[0] < 1e-6
    assert (chi2[1:] > 1.0).all()


def test_limits_hold_their_share_faint_or_bright() -> None:
    rng = np.random.default_rng(4)
    ratio = rng.uniform(0.0, 50.0, 40_000)
    chi2 = rng.chisquare(5, 40_000) / 5.0 * (1.0 + ratio / 10.0)
    limits = Limits.of(ratio, chi2)
    assert (np.diff(limits.signal_to_noise) > 0).all()
    unusual = chi2 > limits(ratio)
    for half in (ratio < 25.0, ratio >= 25.0):
        # the ends of the axis are flat
        assert unusual[half].mean() == pytest.approx(0.005, abs=0.0025)


def test_the_limits_of_a_training_are_those_of_its_clusters(params: Params) -> None:
    rng, survey = np.random.default_rng(5), mock_survey()
    count = 3000
    redshift = rng.uniform(0.1, 0.6, count)
    y = rng.lognormal(0.0, 1.0, (count, 1))
    clusters = TrainingClusters(
        amplitude=1e-3 * y * BANK.noise_covariance[rng.integers(0, 4, count)],
        outer_level=np.zeros(count),
        log10_m500c_msun=rng.uniform(14.0, 15.5, count),
        redshift=redshift,
        pivot=PivotY.at(redshift, Cosmology.of(params.compton)),
        bank=BANK,
        meter=survey.meter,
        settings=params.weighing,
        noise_rms=NOISE_RMS,
        contaminant_amplitude=np.zeros((count, len(BANK.filters))),
        contaminant_level=np.zeros(count),
    )
    limits, compact = usual_residuals(clusters, np.random.default_rng(6))
    again, _ = usual_residuals(clusters, np.random.default_rng(6))
    np.testing.assert_array_equal(limits.largest, again.largest)
    inputs, _ = clusters.draw(np.random.default_rng(7), np.arange(count))
    left = Residual.of(inputs.amplitude, inputs.level, BANK)
    ratio = left.signal_to_noise
    assert (left.chi2 > limits(ratio)).mean() == pytest.approx(0.005, abs=0.005)
    assert (np.abs(left.compact) > compact(ratio)).mean() == pytest.approx(0.005, abs=0.005)


@pytest.mark.parametrize(("height", "sign"), [(8.0, 1.0), (-8.0, -1.0)])
def test_a_point_source_at_the_centre_is_what_is_left_there(height: float, sign: float) -> None:
    """On a wide cluster; a radio source is fainter in y than the sky."""
    sigma = BEAM_FWHM_ARCMIN / FWHM_PER_SIGMA
    source = np.exp(-0.5 * (GRID.radius_arcmin / sigma) ** 2)
    source /= BANK.amplitudes(source[None])[0, 0]
    cluster = templates()[3] / BANK.amplitudes(templates()[[3]])[0, 3]
    maps = 30.0 * cluster + height * source
    left = Residual.of(BANK.amplitudes(maps[None]), np.ones(1), BANK)
    assert sign * left.compact[0] > 3.0


LIMITS = Limits(np.array([3.0, 30.0]), np.array([3.0, 6.0]))
FAMILIAR = Familiar(
    Usual(LIMITS, LIMITS, Limits(np.array([4.0, 20.0]), np.array([12.0, 3.0])), 5.0),
    [1e-8, 5e-6],
    [0.01, 1.0],
    [14.0, 16.0],
)
USUAL_MAP = {
    "signal_to_noise": 10.0,
    "chi2": 1.0,
    "compact": 0.0,
    "near": 10.0,
    "offset_arcmin": 1.7,
    "elsewhere": 4.0,
    "level": 1e-6,
    "redshift": 0.3,
    "m500_msun": 5e14,
}


def flags_of(values: dict[str, float], *, with_maps: bool = True) -> list[str]:
    columns = {name: np.array([value]) for name, value in values.items()}
    residual = Residual(*(columns.pop(name) for name in ("signal_to_noise", "chi2", "compact")))
    spots = Spots(*(columns.pop(name) for name in ("near", "offset_arcmin", "elsewhere")))
    return FAMILIAR.flags(residual, spots if with_maps else None, **columns).tolist()


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ""),
        ({"signal_to_noise": 2.9}, FAINT_FLAG),
        ({"signal_to_noise": 3.0}, ""),
        ({"chi2": 5.0}, SHAPE_FLAG),
        ({"chi2": 5.0, "signal_to_noise": 29.0}, ""),
        ({"compact": 5.0}, COMPACT_FLAG),
        ({"compact": -5.0}, COMPACT_FLAG),
        ({"compact": 5.0, "signal_to_noise": 29.0}, ""),
        ({"offset_arcmin": 8.0}, OFFSET_FLAG),
        ({"offset_arcmin": 8.0, "near": 4.0}, ""),
        ({"elsewhere": 11.0}, SPOT_FLAG),
        ({"elsewhere": 9.0}, ""),
        ({"elsewhere": 4.5, "near": 4.0}, ""),
        ({"elsewhere": 5.1, "near": 4.0}, SPOT_FLAG),
        ({"level": 1e-8}, QUIET_FLAG),
        ({"level": 6e-6}, NOISY_FLAG),
        ({"redshift": 0.005}, REDSHIFT_FLAG),
        ({"m500_msun": 1.2e14}, EDGE_FLAG),
        ({"m500_msun": 9e15}, EDGE_FLAG),
        ({"signal_to_noise": 1.0, "level": 6e-6}, f"{FAINT_FLAG}; {NOISY_FLAG}"),
    ],
)
def test_each_flag_has_its_words(changed: dict[str, float], expected: str) -> None:
    assert flags_of(USUAL_MAP | changed) == [expected]


def test_amplitudes_alone_have_no_flag_of_a_map() -> None:
    assert flags_of(USUAL_MAP | {"offset_arcmin": 9.0, "elsewhere": 99.0}, with_maps=False) == [""]


def test_a_record_keeps_its_limits(params: Params, tmp_path: Path) -> None:
    record = mock_record(params)
    record.write(tmp_path / "r.npz")
    again = Record.read(tmp_path / "r.npz")
    np.testing.assert_array_equal(again.usual.chi2.largest, record.usual.chi2.largest)
    levels = np.array(params.weighing.noise_levels) * NOISE_RMS
    assert again.familiar.levels == pytest.approx(levels.tolist())


def test_a_record_without_limits_is_to_be_made_again(params: Params, tmp_path: Path) -> None:
    mock_record(params).write(tmp_path / "r.npz")
    with np.load(tmp_path / "r.npz") as file:
        arrays = dict(file)
    del arrays["usual_chi2"]
    np.savez(tmp_path / "old.npz", **arrays)
    with pytest.raises(RecordError, match="expected an array 'usual_chi2'"):
        Record.read(tmp_path / "old.npz")
    facts = json.loads(str(arrays["facts"]))
    del facts["largest_level"]
    arrays["facts"] = np.array(json.dumps(facts))
    np.savez(tmp_path / "older.npz", **arrays)
    with pytest.raises(RecordError, match="largest_level.*make it again"):
        Record.read(tmp_path / "older.npz")
