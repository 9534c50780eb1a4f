"""Metrics give back the bias and scatter of estimates whose bias and scatter are known."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.evaluation.statistics import bootstrap_error, gaussian_width, half_width
from szmass.microwave.results.metrics import (
    mass_label,
    mass_metrics,
    profile_residual,
    scatter_metrics,
)

SIGMA, COUNT = 0.18, 4000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_names_of_masses() -> None:
    assert [mass_label(mass * 1e14) for mass in (0.5, 0.75, 2, 10)] == [
        "m0p5e14",
        "m0p75e14",
        "m2p0e14",
        "m10p0e14",
    ]


def test_every_width_of_a_gaussian_is_its_sigma(rng: np.random.Generator) -> None:
    values = rng.normal(0.1, SIGMA, COUNT)
    error = SIGMA / np.sqrt(2 * COUNT)
    assert abs(half_width(values) - SIGMA) < 5 * error
    assert abs(gaussian_width(values) - SIGMA) < 5 * error
    measured = scatter_metrics(
        1e14 * np.exp(values), np.full(COUNT, 1e14), suffix="", draws=200, rng=rng
    )
    assert abs(measured["scatter_ln_mass"] - SIGMA) < 4 * error
    assert measured["scatter_ln_mass_err"] == pytest.approx(error, rel=0.3)
    assert abs(measured["median_ln_ratio"] - 0.1) < 5 * SIGMA / np.sqrt(COUNT)


def test_a_fitted_gaussian_ignores_a_tail_that_the_deviation_sees(
    rng: np.random.Generator,
) -> None:
    values = np.concatenate([rng.normal(0, SIGMA, COUNT), rng.normal(-2, 0.1, COUNT // 50)])
    assert np.std(values) > 1.5 * SIGMA
    assert gaussian_width(values) == pytest.approx(SIGMA, rel=0.06)


def test_the_bootstrap_knows_the_error_of_a_mean(rng: np.random.Generator) -> None:
    values = rng.normal(0, 1, 500)
    error = bootstrap_error(lambda v: float(np.mean(v)), values, draws=1000, rng=rng)
    assert error == pytest.approx(1 / np.sqrt(500), rel=0.15)


def test_bias_is_in_units_of_the_half_width(rng: np.random.Generator) -> None:
    truth = np.repeat([2e14, 4e14], COUNT)
    noise = rng.normal(0, 1, 2 * COUNT)
    estimate = truth + 0.5e14 * noise + 0.25e14
    metrics = mass_metrics(estimate, truth, reference_msun=truth + 0.4e14 * noise)
    for label in ("m2p0e14", "m4p0e14"):
        assert metrics[f"bias_median_sigma_{label}"] == pytest.approx(0.5, abs=0.08)
        assert metrics[f"half_width_1e14_{label}"] == pytest.approx(0.5, rel=0.06)
        assert metrics[f"offset_from_bound_sigma_{label}"] == pytest.approx(0.25 / 0.4, abs=0.08)
    assert metrics["relative_half_width_m4p0e14"] == pytest.approx(0.125, rel=0.06)


def test_an_estimate_that_is_no_mass_is_counted_not_lost() -> None:
    estimate = np.array([1e14, 1e14, -3e14, 1e14])
    metrics = scatter_metrics(
        estimate, np.full(4, 1e14), suffix="_no_scatter", draws=10, rng=np.random.default_rng(0)
    )
    assert metrics["scatter_ln_mass_no_scatter"] > 1
    assert np.isfinite(list(metrics.values())).all()


def test_the_residual_of_a_profile_is_a_share_of_its_peak(rng: np.random.Generator) -> None:
    true_uk = -rng.random((50, 8, 8))
    true_uk[:, 4, 4] = -40.0
    predicted_uk = true_uk.copy()
    predicted_uk[:, 4, 4] = -38.0
    assert profile_residual(predicted_uk, true_uk) == pytest.approx(0.05)


def test_estimates_without_scatter_have_no_bias_in_its_units() -> None:
    truth = np.full(9, 2e14)
    reference = truth * np.linspace(0.9, 1.1, 9)
    metrics = mass_metrics(np.full(9, 1e14), truth, reference)
    assert metrics["half_width_1e14_m2p0e14"] == 0
    assert "bias_median_sigma_m2p0e14" not in metrics
