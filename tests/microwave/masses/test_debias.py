"""A biased estimator is brought back on its mean relation."""

from __future__ import annotations

import numpy as np

from szmass.microwave.masses.debias import Response


def test_the_pull_of_a_prior_is_undone() -> None:
    rng = np.random.default_rng(2)

    def shrunk(truth_msun: np.ndarray) -> np.ndarray:
        return 0.7 * truth_msun + 0.3 * 4.5e14 + rng.normal(0, 0.3e14, len(truth_msun))

    reference = np.repeat(np.arange(1, 9) * 1e14, 2000)
    response = Response.measure(shrunk(reference), reference)
    for mass in (2.5e14, 5e14):
        corrected = response.invert(shrunk(np.full(20_000, mass)))
        assert abs(np.median(corrected) / mass - 1) < 0.01


def test_outside_the_reference_the_estimate_stays_at_its_edge() -> None:
    reference = np.array([1e14, 2e14, 3e14])
    response = Response.measure(reference * 0.9, reference)
    np.testing.assert_allclose(response.invert(np.array([0.1e14, 9e14])), [1e14, 3e14])


def test_a_response_that_turns_back_is_made_monotonic() -> None:
    reference = np.array([1e14, 2e14, 3e14])
    response = Response.measure(np.array([1e14, 3e14, 2e14]), reference)
    assert (np.diff(response.median_msun) >= 0).all()
