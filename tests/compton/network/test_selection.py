"""The choice among members follows the paper's criteria."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.compton.network.selection import Score, score, select


def test_bins_hold_equal_counts_in_the_order_of_predicted_mass() -> None:
    pred = np.array([15.0, 14.0, 14.5, 14.9, 14.1, 14.6])
    b = np.array([0.3, 0.0, 0.1, 0.3, 0.02, 0.1])
    true = pred + np.log10(1.0 - b)  # b = (M_pred - M_true) / M_pred
    measured = score(pred, true, mass_bins=3)
    np.testing.assert_allclose(measured.mean_b, [0.01, 0.1, 0.3])
    np.testing.assert_allclose(measured.std_b, [0.01, 0.0, 0.0], atol=1e-12)
    assert measured.max_abs_bias == pytest.approx(0.3)
    assert measured.sum_std == pytest.approx(0.01)


def test_an_unbiased_log_mass_shows_the_bias_of_its_scatter() -> None:
    rng = np.random.default_rng(4)
    pred = rng.uniform(14.0, 15.0, 100_000)
    sigma = 0.06
    measured = score(pred, pred + sigma * rng.standard_normal(len(pred)), mass_bins=10)
    ln_sigma = sigma * np.log(10.0)
    np.testing.assert_allclose(measured.mean_b, 1.0 - np.exp(ln_sigma**2 / 2.0), atol=0.006)


def test_the_least_scatter_among_the_unbiased_is_chosen() -> None:
    biased = Score([0.06, 0.0], [0.01, 0.01])
    scattered = Score([-0.04, 0.0], [0.2, 0.2])
    good = Score([0.04, 0.01], [0.1, 0.1])
    assert select([biased, scattered, good], 0.05) == (2, 2)
    assert select([biased, scattered, good], 0.07) == (0, 3)


def test_without_an_unbiased_member_the_least_biased_is_chosen() -> None:
    members = [Score([0.2, -0.3], [0.1, 0.1]), Score([0.1, -0.25], [0.5, 0.5])]
    assert select(members, 0.05) == (1, 0)


def test_fewer_maps_than_bins() -> None:
    assert len(score(np.array([14.0, 15.0]), np.array([14.0, 15.0]), mass_bins=10).mean_b) == 2
