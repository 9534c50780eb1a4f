"""The line between two kinds of masses, against planted truths and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm, t

from szmass.comparison import fit
from szmass.comparison.fit import FitError, MassFit, fit_masses, ln_likelihood

ONE_MINUS_B, SLOPE, SCATTER = 0.8, 1.0, 0.15
POPULATION = 0.5
PIVOT_MSUN = 5e14
SETS = 250
WITHIN = 3.0 * np.sqrt(0.68 * 0.32 / SETS)
"""Three standard deviations of a share of `SETS`."""


def plant(
    rng: np.random.Generator,
    clusters: int,
    *,
    slope: float = SLOPE,
    scatter: float = SCATTER,
    error: float = 0.15,
    reference_error: float = 0.15,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Logarithms of M and M_ref, each with its errors, of clusters with a known line."""
    x = rng.normal(0.0, POPULATION, clusters)
    y = np.log(ONE_MINUS_B) + slope * x + rng.normal(0.0, scatter, clusters)
    errors, reference_errors = (
        size * rng.uniform(0.6, 1.6, clusters) for size in (error, reference_error)
    )
    y, x = (
        y + errors * rng.standard_normal(clusters),
        x + reference_errors * rng.standard_normal(clusters),
    )
    return y + np.log(PIVOT_MSUN), errors, x + np.log(PIVOT_MSUN), reference_errors


def fitted(data: tuple[np.ndarray, ...], seed: int = 1) -> MassFit:
    ln_mass, ln_error, ln_reference, ln_reference_error = data
    rng = np.random.default_rng(seed)
    return fit_masses(
        ln_mass, ln_error, ln_reference, ln_reference_error, pivot_msun=PIVOT_MSUN, rng=rng
    )


def test_planted_numbers_come_back_within_their_68_intervals_68_percent_of_the_time() -> None:
    rng = np.random.default_rng(7)
    planted = {"one_minus_b": ONE_MINUS_B, "slope": SLOPE, "scatter_ln_mass": SCATTER}
    hits, hits_95 = dict.fromkeys(planted, 0), dict.fromkeys(planted, 0)
    medians = []
    for seed in range(SETS):
        estimates = fitted(plant(rng, 40), seed).estimates
        medians.append([number.median for number in estimates.values()])
        for name, number in estimates.items():
            hits[name] += number.p16 <= planted[name] <= number.p84
            hits_95[name] += number.p2p5 <= planted[name] <= number.p97p5
    for name in planted:
        assert hits[name] / SETS == pytest.approx(0.68, abs=WITHIN), name
        assert hits_95[name] / SETS == pytest.approx(0.95, abs=0.04), name
    assert np.mean(medians, axis=0) == pytest.approx(list(planted.values()), abs=0.02)


def test_the_likelihood_is_the_integral_over_true_masses() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(0.0, 0.5, (2, 4))
    x_error, y_error = rng.uniform(0.05, 0.4, (2, 4))
    a, s, ln_scatter, mu, ln_tau = -0.2, 1.3, np.log(0.2), 0.1, np.log(0.6)

    def of_pair(row: int) -> float:
        width = np.hypot(np.exp(ln_scatter), y_error[row])

        def at(true: float) -> float:
            measured = norm.pdf(x[row], true, x_error[row]) * norm.pdf(y[row], a + s * true, width)
            return float(measured * norm.pdf(true, mu, np.exp(ln_tau)))

        return float(quad(at, -4.0, 4.0, points=[x[row]], limit=200, epsabs=0.0)[0])

    expected = sum(np.log(of_pair(row)) for row in range(len(x)))
    parameters = np.array([[a, s, ln_scatter, mu, ln_tau]])
    assert ln_likelihood(parameters, x, y, x_error, y_error)[0] == pytest.approx(expected, 1e-8)


def test_without_errors_it_is_the_posterior_of_a_straight_line() -> None:
    """Then ln(1 - b) and slope follow Student's t with n - 3 degrees of freedom about OLS.

    Flat priors of intercept, slope and scatter; integrated over the scatter, the posterior is
    (RSS + (theta - OLS)' X'X (theta - OLS))^-(n - 1)/2.
    """
    clusters, tiny = 30, np.full(30, 1e-6)
    rng = np.random.default_rng(4)
    x = rng.normal(0.0, POPULATION, clusters)
    y = np.log(ONE_MINUS_B) + SLOPE * x + rng.normal(0.0, 0.05, clusters)
    design = np.column_stack([np.ones(clusters), x])
    ols, (rss,), _, _ = np.linalg.lstsq(design, y)
    freedom = clusters - 3
    widths = np.sqrt(np.diag(np.linalg.inv(design.T @ design)) * rss / freedom)
    found = fitted((y + np.log(PIVOT_MSUN), tiny, x + np.log(PIVOT_MSUN), tiny))
    for draws, best, width in zip((found.ln_one_minus_b, found.slope), ols, widths, strict=True):
        for level in (0.025, 0.16, 0.5, 0.84, 0.975):
            exact = best + width * t.ppf(level, freedom)
            assert np.quantile(draws, level) == pytest.approx(exact, abs=0.12 * width), level


def test_errors_of_the_reference_do_not_flatten_the_slope() -> None:
    data = plant(np.random.default_rng(5), 1000, reference_error=0.4)
    y, _, x, _ = data
    ordinary = np.polyfit(x, y, 1)[0]
    assert ordinary < 0.7  # tau^2 / (tau^2 + error^2) = 0.59 and some
    slope = fitted(data).estimates["slope"]
    assert slope.p2p5 < SLOPE < slope.p97p5
    assert slope.p97p5 - slope.p2p5 < 0.3


def test_errors_are_not_taken_for_scatter() -> None:
    none = fitted(plant(np.random.default_rng(6), 200, scatter=0.0)).estimates["scatter_ln_mass"]
    some = fitted(plant(np.random.default_rng(6), 200, scatter=0.3)).estimates["scatter_ln_mass"]
    assert none.p2p5 < 0.02
    assert none.p97p5 < 0.15  # the errors are of 0.23 together
    assert some.median == pytest.approx(0.3, abs=0.05)


def test_a_slope_moves_one_minus_b_with_the_pivot() -> None:
    y, errors, x, reference_errors = plant(np.random.default_rng(8), 300, slope=0.8)
    at = {
        pivot: fit_masses(
            y, errors, x, reference_errors, pivot_msun=pivot, rng=np.random.default_rng(1)
        )
        for pivot in (PIVOT_MSUN, 2 * PIVOT_MSUN)
    }
    low, high = (found.estimates["one_minus_b"].median for found in at.values())
    slope = at[PIVOT_MSUN].estimates["slope"].median
    assert high / low == pytest.approx(2 ** (slope - 1), rel=0.01)
    line = at[PIVOT_MSUN].line_msun(np.array([2 * PIVOT_MSUN]))[:, 0]
    number = at[2 * PIVOT_MSUN].estimates["one_minus_b"]
    expected = 2 * PIVOT_MSUN * np.array([number.median, number.p16, number.p84])
    assert line == pytest.approx(expected, rel=0.01)


def test_the_same_seed_gives_the_same_draws() -> None:
    data = plant(np.random.default_rng(9), 12)
    np.testing.assert_array_equal(fitted(data).slope, fitted(data).slope)


def test_five_clusters_and_one_mass_of_all_have_wide_intervals() -> None:
    few = fitted(plant(np.random.default_rng(10), 5)).estimates["slope"]
    y, errors, x, reference_errors = plant(np.random.default_rng(11), 30)
    alike = fitted((y, errors, np.full_like(x, x.mean()), reference_errors)).estimates["slope"]
    assert few.p97p5 - few.p2p5 > 0.5
    assert alike.p97p5 - alike.p2p5 > 2.0


@pytest.mark.parametrize(("part", "value"), [(0, np.nan), (1, 0.0), (2, np.inf), (3, -0.1)])
def test_masses_and_errors_are_numbers(part: int, value: float) -> None:
    data = plant(np.random.default_rng(13), 6)
    data[part][3] = value
    with pytest.raises(FitError, match="expected finite numbers, and errors above 0"):
        fitted(data)


def test_a_table_compared_with_itself_has_no_bias_and_no_scatter() -> None:
    y, errors, _, _ = plant(np.random.default_rng(14), 200)
    estimates = fitted((y, errors, y, errors)).estimates
    assert estimates["one_minus_b"].median == pytest.approx(1.0, abs=0.01)
    assert estimates["slope"].median == pytest.approx(1.0, abs=0.02)
    assert estimates["scatter_ln_mass"].p97p5 < 0.05


def test_a_posterior_that_cannot_be_sampled_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fit, "FEWEST", 1.0)
    with pytest.raises(FitError, match="12 pairs of masses do not determine a line: expected"):
        fitted(plant(np.random.default_rng(12), 12))
