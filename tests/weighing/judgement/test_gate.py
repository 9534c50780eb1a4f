"""The gate lets right posteriors pass, and stops those that are too narrow or biased."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, norm

from szmass.weighing.judgement.gate import (
    FALSE_ALARM,
    FEWEST_BRIGHTENED,
    LEVELS,
    Share,
    TailCoverage,
    coverage,
    expected_coverage,
    judge,
    judge_all,
    judge_brightness,
    judge_shares,
)

CLUSTERS = 6000
SEEDS = 200
AXIS = np.linspace(-6.0, 6.0, 1201)


def groups(rng, count=CLUSTERS):
    """Everyone, and five groups by each of two values that the posterior knows."""
    found = {"all": np.ones(count, dtype=bool)}
    for name in ("redshift", "signal to noise"):
        place = rng.random(count)
        found |= {f"{name} {fifth}": (5 * place).astype(int) == fifth for fifth in range(5)}
    return found


def ranks(rng, count=CLUSTERS, *, width=1.0, bias=0.0):
    """Of true values under Gaussian posteriors of a width and a bias in their true sigmas."""
    return norm.cdf((rng.standard_normal(count) - bias) / width)


def failed(values, of_groups):
    return [check for check in judge(values, of_groups) if not check.passed]


def test_calibrated_posteriors_hardly_ever_fail():
    """At most 1 in 200 does by design; 2 of 200 seeds are 1 in 100."""
    failures = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng((1, seed))
        failures += bool(failed(ranks(rng), groups(rng)))
    assert failures <= SEEDS // 100


@pytest.mark.parametrize("width", [0.85, 1.0 / 0.85])
def test_widths_15_percent_off_are_caught(width):
    for seed in range(20):
        rng = np.random.default_rng((3, seed))
        stopped = failed(ranks(rng, width=width), groups(rng))
        assert {"coverage_68"} <= {check.what for check in stopped if check.group == "all"}


def test_a_bias_is_caught_by_the_mean_rank():
    """A fifth of a sigma changes no coverage by more than 1 %, and the mean rank by 0.056."""
    for seed in range(20):
        rng = np.random.default_rng((4, seed))
        stopped = failed(ranks(rng, bias=0.2), groups(rng))
        assert "mean_rank" in {check.what for check in stopped if check.group == "all"}
        low = next(check for check in stopped if check.what == "mean_rank")
        assert low.found < low.low


def test_a_fault_of_one_group_is_found_there():
    rng = np.random.default_rng(5)
    of_groups, values = groups(rng), ranks(rng)
    faulty = of_groups["redshift 1"]
    values[faulty] = ranks(rng, int(faulty.sum()), width=0.7)
    stopped = failed(values, of_groups)
    assert "redshift 1" in {check.group for check in stopped}
    assert not {check.group for check in stopped if check.group.startswith("redshift")} - {
        "redshift 1"
    }


def test_the_ranges_are_the_binomials_of_the_shared_alarm():
    rng = np.random.default_rng(6)
    of_groups = {"all": np.ones(500, dtype=bool), "few": np.arange(500) < 40}
    checks = judge(ranks(rng, 500), of_groups)
    assert len(checks) == 2 * (len(LEVELS) + 1)
    alarm = FALSE_ALARM / len(checks)
    for check in checks:
        if check.what == "mean_rank":
            # the mean of uniform ranks has the scatter 1 / sqrt(12 n)
            sigmas = (check.high - 0.5) * np.sqrt(12.0 * check.clusters)
            assert 2.0 * norm.sf(sigmas) == pytest.approx(alarm)
            assert check.fault == "a bias of 0.2 sigma"
            continue
        assert check.fault == "widths 15 % too small"
        count = check.clusters
        low, high = round(check.low * count), round(check.high * count)
        outside = binom.cdf(low - 1, count, check.expected)
        outside += binom.sf(high, count, check.expected)
        assert outside <= alarm
        # a narrower range would ring too often
        assert binom.cdf(low, count, check.expected) > alarm / 2.0
        # posteriors of 0.85 of their width hold so much, and fail where they hold less than `low`
        held = 2.0 * norm.cdf(0.85 * norm.ppf((1.0 + check.expected) / 2.0)) - 1.0
        assert check.power == pytest.approx(binom.pmf(np.arange(low), count, held).sum())


def test_the_power_is_the_share_of_narrow_posteriors_that_fail():
    rng = np.random.default_rng(7)
    everyone = {"all": np.ones(400, dtype=bool)}
    caught, power = 0, 0.0
    for _ in range(400):
        check = judge(ranks(rng, 400, width=0.85), everyone)[1]
        caught, power = caught + (not check.passed), check.power
    assert 0.1 < power < 0.9
    assert caught / 400 == pytest.approx(power, abs=5 * np.sqrt(power * (1 - power) / 400))


def test_the_mean_ranks_power_is_the_share_of_biased_posteriors_that_fail():
    rng = np.random.default_rng(12)
    everyone = {"all": np.ones(150, dtype=bool)}
    caught, power = 0, 0.0
    for _ in range(1000):
        check = judge(ranks(rng, 150, bias=-0.2), everyone)[-1]
        caught, power = caught + (not check.passed), check.power
    assert check.what == "mean_rank"
    assert 0.1 < power < 0.9
    # ranks of biased posteriors scatter a little less than uniform ones, which power leaves out
    assert caught / 1000 == pytest.approx(power, abs=0.05)


PRIOR_SIGMA, NOISE_SIGMA = 1.0, 0.5


def posteriors_of_a_population(rng, count, *, width=1.0):
    """Truths from N(0, 1) seen with noise: ranks, the probability below a cut, the truths."""
    truth, mean = seen(rng, count)
    sigma = width * NOISE_SIGMA / np.sqrt(1.25)
    return norm.cdf(truth, mean, sigma), lambda cut: norm.cdf(cut, mean, sigma), truth


def seen(rng, count):
    """Truths, and the means of their exact posteriors."""
    truth = PRIOR_SIGMA * rng.standard_normal(count)
    return truth, (truth + NOISE_SIGMA * rng.standard_normal(count)) / 1.25


@pytest.mark.parametrize("level", [0.68, 0.95])
def test_intervals_hold_what_posteriors_expect_of_those_above_a_true_value(level):
    """Fewer than the level, as selection by truth makes it; found and expected agree."""
    pulls = []
    for seed in range(60):
        values, below, truth = posteriors_of_a_population(np.random.default_rng((13, seed)), 4000)
        tail = TailCoverage.of(values, below(2.0), truth > 2.0, level)
        assert tail.clusters == (truth > 2.0).sum()
        assert tail.expected < level - 0.02
        pulls.append((tail.found - tail.expected) / tail.error)
    assert abs(np.mean(pulls)) < 4.0 / np.sqrt(60)
    assert 0.75 < np.std(pulls) < 1.25


def test_what_is_expected_above_a_true_value_is_the_integral_over_the_population():
    """P(inside | truth > cut) by quadrature over truth and noise."""
    values, below, truth = posteriors_of_a_population(np.random.default_rng(14), 400_000)
    tail = TailCoverage.of(values, below(2.0), truth > 2.0, 0.68)
    of_truth = np.linspace(2.0, 7.0, 2001)
    sigma, half = NOISE_SIGMA / np.sqrt(1.25), norm.ppf(0.84)
    # the truth t is inside where |(t + n) / 1.25 - t| < half sigma
    ends = [1.25 * (of_truth + side * half * sigma) - of_truth for side in (-1.0, 1.0)]
    inside = norm.cdf(ends[1], scale=NOISE_SIGMA) - norm.cdf(ends[0], scale=NOISE_SIGMA)
    weight = norm.pdf(of_truth)
    exact = np.trapezoid(inside * weight, of_truth) / np.trapezoid(weight, of_truth)
    assert tail.expected == pytest.approx(exact, abs=0.004)


def test_where_no_posterior_reaches_the_cut_none_is_expected():
    tail = TailCoverage.of(np.ones(20), np.ones(20), np.arange(20) < 3, 0.68)
    assert (tail.clusters, tail.found, tail.expected, tail.error) == (3, 0.0, 0.0, 0.0)


def test_a_share_may_leave_its_bounds_by_its_finite_sample_error_alone():
    bounds = 0.68, 0.65, 0.71
    few = Share("planck, z1", "coverage_68", 100, 0.60, *bounds)
    many = Share("planck, z2", "coverage_68", 4000, 0.60, *bounds)
    within = Share("planck, z3", "coverage_68", 400_000, 0.652, *bounds)
    assert [check.passed for check in judge_shares([few, many, within])] == [True, False, True]
    # a probability of at least so much has no upper end
    most = Share("planck_magneticum", "coverage_68_total", 800, 0.99, 0.68, 0.5, 1.0)
    least = replace(most, found=0.4)
    assert [check.passed for check in judge_shares([most, least])] == [True, False]


def test_a_mass_that_falls_as_its_cluster_brightens_is_stopped():
    right = {"maps": 200, "fall_dex": 0.0, "bright_dex": 0.02, "bright_dex_p95": 0.06}
    assert all(check.passed for check in judge_brightness({"z1": right}))
    for wrong in ({"fall_dex": 0.01}, {"bright_dex": 0.12}):
        checks = judge_brightness({"z1": right, "z2": right | wrong})
        failed_ones = [check for check in checks if not check.passed]
        assert [(one.group, one.what) for one in failed_ones] == [("brightened, z2", *wrong)]
        assert judge_brightness({"z2": right | wrong | {"maps": FEWEST_BRIGHTENED - 1}}) == []


def test_calibrated_posteriors_hardly_ever_fail_all_checks_together():
    failures = 0
    for seed in range(SEEDS):
        rng = np.random.default_rng((11, seed))
        of_maps = [
            Share("planck", "coverage_68", 2400, rng.binomial(2400, 0.68) / 2400, 0.68, 0.68, 0.68)
            for _ in range(30)
        ]
        about_points = np.array([rng.binomial(CLUSTERS, level) / CLUSTERS for level in LEVELS])
        checks = judge_all(ranks(rng), groups(rng), expected_coverage=about_points, of_maps=of_maps)
        failures += not all(check.passed for check in checks)
    assert failures <= SEEDS // 100


@pytest.mark.parametrize("width", [0.85, 1.0 / 0.85])
def test_all_checks_together_catch_widths_15_percent_off(width):
    right = np.array(LEVELS)
    for seed in range(20):
        rng = np.random.default_rng((12, seed))
        checks = judge_all(
            ranks(rng, width=width), groups(rng), expected_coverage=right, of_maps=[]
        )
        failures = {check.what for check in checks if not check.passed}
        assert "coverage_68" in failures


def test_a_small_groups_want_of_power_is_said():
    rng = np.random.default_rng(8)
    of_groups = {"all": np.ones(CLUSTERS, dtype=bool), "few": np.arange(CLUSTERS) < 30}
    checks = {(check.group, check.what): check for check in judge(ranks(rng), of_groups)}
    few, everyone = checks["few", "coverage_68"], checks["all", "coverage_68"]
    assert few.power < 0.05
    assert few.in_words().endswith(f"; widths 15 % too small pass in {1.0 - few.power:.0%}")
    assert everyone.power > 0.99
    assert "too small" not in everyone.in_words()


def test_words_name_group_number_and_expectation():
    values = np.concatenate([np.full(900, 0.5), np.full(100, 0.99)])
    check = judge(values, {"z1": np.ones(1000, dtype=bool)})[1]
    assert not check.passed
    low, high = f"{check.low:.3f}", f"{check.high:.3f}"
    assert check.in_words() == (
        f"z1: coverage_68 = 0.900 of 1000 clusters: expected 0.68, {low} to {high}"
    )
    assert replace(check, found=0.68).passed


def test_empty_groups_are_left_out():
    of_groups = {"all": np.ones(100, dtype=bool), "none": np.zeros(100, dtype=bool)}
    checks = judge(np.linspace(0.0, 1.0, 100), of_groups)
    assert {check.group for check in checks} == {"all"}


@pytest.mark.parametrize("level", LEVELS)
def test_coverage_of_evenly_spaced_ranks_is_the_level(level):
    assert coverage((np.arange(10_000) + 0.5) / 10_000, level) == pytest.approx(level, abs=2e-4)


def gaussian_posteriors(rng, count, *, width=1.0):
    """Truths from N(0, 1) seen with noise of 0.5: exact posteriors, but for their width."""
    truth = rng.standard_normal(count)
    seen = truth + 0.5 * rng.standard_normal(count)
    return truth, norm.cdf(AXIS, (seen / 1.25)[:, None], width * np.sqrt(0.2))


def test_regions_about_random_points_hold_what_they_say():
    rng = np.random.default_rng(9)
    truth, cumulative = gaussian_posteriors(rng, 4000)
    levels = np.linspace(0.05, 0.95, 19)
    held = expected_coverage(AXIS, cumulative, truth, levels=levels, rng=rng)
    error = np.sqrt(levels * (1.0 - levels) / 4000)
    assert (np.abs(held - levels) < 4.0 * error).all()


@pytest.mark.parametrize("width", [0.85, 1.2])
def test_regions_of_wrong_widths_do_not(width):
    rng = np.random.default_rng(10)
    truth, cumulative = gaussian_posteriors(rng, 4000, width=width)
    levels = np.linspace(0.05, 0.95, 19)
    held = expected_coverage(AXIS, cumulative, truth, levels=levels, rng=rng)
    error = np.sqrt(levels * (1.0 - levels) / 4000)
    assert (np.abs(held - levels) > 4.0 * error).any()
    # too narrow regions hold too little, too wide ones too much
    assert np.sign(held - levels)[-4:].tolist() == [np.sign(width - 1.0)] * 4


def test_a_region_about_a_point_that_is_drawn_far_away_is_one_sided():
    """About a point below all, a region is the masses below the truth: the rank itself."""
    rng = np.random.default_rng(11)
    truth, cumulative = gaussian_posteriors(rng, 500)
    axis = np.concatenate([[-1e9], AXIS])
    far = np.concatenate([np.zeros((500, 1)), cumulative], axis=1)
    levels = np.array([0.2, 0.5, 0.8])
    held = expected_coverage(axis, far, truth, levels=levels, rng=rng)
    rank = np.array([np.interp(t, AXIS, row) for t, row in zip(truth, cumulative, strict=True)])
    np.testing.assert_allclose(held, (rank[:, None] <= levels).mean(axis=0))
