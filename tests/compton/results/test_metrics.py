"""Metrics of the Compton line give back what is put in."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.compton.results.metrics import (
    BASELINES,
    CUTS,
    LEVELS,
    POSTERIOR,
    PREDICTORS,
    cluster_bootstrap_error,
    coverage,
    coverage_metrics,
    equal_count_groups,
    judge,
    log10_ratio,
    passing_counts,
    relative_error,
    relerr_metrics,
    within_cut,
)

SIGMA_DEX, COUNT = 0.07, 4000


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(12)


def measure(
    rng: np.random.Generator, ratio_dex: np.ndarray, truth_msun: np.ndarray
) -> dict[str, float]:
    estimate = truth_msun * 10.0**ratio_dex
    cluster = np.arange(len(estimate))
    return relerr_metrics(
        estimate, truth_msun, cluster, name="ensemble", cuts=CUTS, draws=100, rng=rng
    )


def test_the_estimate_stands_below_the_line() -> None:
    assert relative_error(np.array([5e14]), np.array([4e14])) == pytest.approx(0.2)
    assert log10_ratio(np.array([1e15]), np.array([1e14])) == pytest.approx(1.0)


def test_a_network_unbiased_in_log_mass_shows_the_mean_that_the_tables_state(
    rng: np.random.Generator,
) -> None:
    metrics = measure(rng, rng.normal(0, SIGMA_DEX, 40 * COUNT), np.full(40 * COUNT, 4e14))
    sigma_ln = SIGMA_DEX * np.log(10)
    error = sigma_ln / np.sqrt(40 * COUNT)
    assert metrics["relerr_mean_ensemble"] == pytest.approx(-(sigma_ln**2) / 2, abs=5 * error)
    assert metrics["relerr_median_ensemble"] == pytest.approx(0, abs=7 * error)
    assert metrics["relerr_half_width_ensemble"] == pytest.approx(np.sinh(sigma_ln), rel=0.02)
    assert metrics["relerr_p16_ensemble"] == pytest.approx(1 - np.exp(sigma_ln), rel=0.03)
    assert metrics["relerr_p84_ensemble"] == pytest.approx(1 - np.exp(-sigma_ln), rel=0.03)
    assert metrics["scatter_dex_ensemble"] == pytest.approx(SIGMA_DEX, rel=0.02)


def test_moments_are_zero_and_three_for_a_gaussian_and_known_for_an_exponential(
    rng: np.random.Generator,
) -> None:
    gaussian = measure(rng, rng.normal(0, SIGMA_DEX, COUNT), np.full(COUNT, 4e14))
    assert gaussian["skewness_ensemble"] == pytest.approx(0, abs=5 * np.sqrt(6 / COUNT))
    assert gaussian["kurtosis_ensemble"] == pytest.approx(3, abs=5 * np.sqrt(24 / COUNT))
    exponential = measure(rng, 0.05 * rng.exponential(1, 40 * COUNT), np.full(40 * COUNT, 4e14))
    assert exponential["skewness_ensemble"] == pytest.approx(2, rel=0.1)
    assert exponential["kurtosis_ensemble"] == pytest.approx(9, rel=0.2)
    assert exponential["bias_dex_ensemble"] == pytest.approx(0.05, rel=0.02)


def test_cuts_are_in_estimated_mass_as_in_the_papers_table(rng: np.random.Generator) -> None:
    truth = rng.uniform(2e14, 1e15, COUNT)
    ratio = np.where(truth > 5e14, 0.1, 0.0)
    metrics = measure(rng, ratio, truth)
    estimate = truth * 10.0**ratio
    assert metrics["maps_ensemble_above_5e14"] == (estimate > 5e14).sum()
    assert metrics["maps_ensemble_below_3e14"] == (estimate <= 3e14).sum()
    assert metrics["relerr_median_ensemble_above_5e14"] == pytest.approx(1 - 10.0**-0.1)
    assert metrics["relerr_median_ensemble_below_3e14"] == pytest.approx(0)


def test_a_cut_that_hardly_any_map_passes_has_no_numbers(rng: np.random.Generator) -> None:
    metrics = measure(rng, rng.normal(0, SIGMA_DEX, 50), np.full(50, 1e15))
    assert not [key for key in metrics if key.endswith("_below_3e14")]
    assert [key for key in metrics if key.endswith("_above_5e14")]


def test_a_constant_estimate_has_no_shape(rng: np.random.Generator) -> None:
    metrics = measure(rng, np.zeros(50), np.full(50, 4e14))
    assert np.isfinite(list(metrics.values())).all()
    assert "skewness_ensemble" not in metrics


def test_the_bootstrap_keeps_a_clusters_lines_of_sight_together(rng: np.random.Generator) -> None:
    own = rng.normal(0, 1, 400)
    alone = cluster_bootstrap_error(own, np.arange(400), draws=800, rng=rng)
    assert alone == pytest.approx(np.sqrt(np.pi / 2 / 400), rel=0.25)
    lines_of_sight = np.repeat(own, 9)
    order = rng.permutation(len(lines_of_sight))
    together = cluster_bootstrap_error(
        lines_of_sight[order], np.repeat(np.arange(400), 9)[order], draws=800, rng=rng
    )
    assert together == pytest.approx(alone, rel=0.15)
    apart = cluster_bootstrap_error(lines_of_sight, np.arange(3600), draws=800, rng=rng)
    assert apart < 0.6 * together


def test_the_bootstrap_is_of_medians_of_whole_resampled_clusters(
    rng: np.random.Generator,
) -> None:
    cluster = rng.integers(60, size=300) * 7
    values = np.round(rng.normal(size=300), 1)  # with ties
    found = cluster_bootstrap_error(values, cluster, draws=200, rng=np.random.default_rng(4))
    names = np.unique(cluster)
    picked = np.random.default_rng(4).integers(len(names), size=(200, len(names)))
    medians = [
        np.median(np.concatenate([values[cluster == names[number]] for number in row]))
        for row in picked
    ]
    assert found == pytest.approx(np.std(medians, ddof=1), rel=1e-12)


def test_the_bootstrap_takes_clusters_of_different_numbers_of_maps() -> None:
    values, cluster = np.array([0.0, 0.0, 0.0, 1.0]), np.array([5, 5, 5, 2])
    draws = cluster_bootstrap_error(values, cluster, draws=400, rng=np.random.default_rng(0))
    # two clusters: both (3/4), or one of them twice; the median is 1 where it is cluster 2 twice
    assert draws == pytest.approx(np.sqrt(0.25 * 0.75), rel=0.1)


def test_groups_are_of_equal_count_and_in_order(rng: np.random.Generator) -> None:
    values = rng.random(103)
    groups = equal_count_groups(values, 10)
    assert {len(rows) for rows in groups} == {10, 11}
    tops = [values[rows].max() for rows in groups]
    assert tops == sorted(tops)
    assert np.sort(np.concatenate(groups)).tolist() == list(range(103))


def test_uniform_ranks_are_covered_as_promised_and_narrow_posteriors_are_not(
    rng: np.random.Generator,
) -> None:
    ranks = (np.arange(1000) + 0.5) / 1000
    assert [coverage(ranks, level) for level in LEVELS] == [level / 100 for level in LEVELS]
    assert coverage(np.where(ranks < 0.5, 0.0, 1.0), 95) == 0
    metrics = coverage_metrics(ranks, np.full(1000, 6e14), np.zeros(1000))
    assert metrics["coverage_68_posterior_above_5e14"] == metrics["coverage_68_posterior"] == 0.68
    assert "coverage_68_posterior_below_3e14" not in metrics


def test_the_ends_in_redshift_are_judged_apart(rng: np.random.Generator) -> None:
    redshift = rng.uniform(0.1, 0.2, 1000)
    ranks = np.where(redshift < 0.14, 0.01, rng.random(1000))  # wrong for the near ones
    metrics = coverage_metrics(ranks, np.full(1000, 6e14), redshift)
    assert metrics["coverage_95_posterior_nearest_fifth"] == 0
    assert metrics["coverage_68_posterior_farthest_fifth"] == pytest.approx(0.68, abs=0.1)


def test_a_network_passes_where_its_worst_mass_bin_is_below_the_threshold() -> None:
    counts = passing_counts([0.01, 0.04, 0.2], np.array([0.01, 0.02, 0.05, 0.3]))
    assert counts.tolist() == [0, 1, 2, 3]


def test_the_cuts_have_no_gap_in_between(rng: np.random.Generator) -> None:
    masses = rng.uniform(1e14, 1e15, 200)
    assert within_cut(masses, "").all()
    assert not (within_cut(masses, "_above_5e14") & within_cut(masses, "_below_3e14")).any()
    assert set(CUTS) == {"", "_above_5e14", "_below_3e14"}


def test_all_estimates_of_a_table_are_judged_each_against_its_own_truth(
    rng: np.random.Generator,
) -> None:
    truth = rng.uniform(2e14, 1e15, 100)
    table = {"cluster": np.arange(100), "m500c_msun": truth, "m200c_msun": 1.5 * truth}
    table["redshift"] = rng.uniform(0.0, 0.1, 100)
    table |= {f"{name}_msun": truth for name in (*PREDICTORS, POSTERIOR, *BASELINES)}
    table["rank_posterior"] = rng.random(100)
    table["m200_selected_msun"] = 3.0 * truth
    metrics = judge(table, draws=5, rng=rng)
    medians = {key: value for key, value in metrics.items() if "relerr_median" in key}
    wanted = {f"relerr_median_{name}": 0.0 for name in (*PREDICTORS, POSTERIOR, *BASELINES)}
    wanted["m200_relerr_median_selected"] = 0.5
    wanted |= {f"relerr_median_{name}{cut}": 0.0 for name in PREDICTORS for cut in CUTS}
    assert medians == pytest.approx(wanted)
    inside = np.abs(table["rank_posterior"] - 0.5) <= 0.475
    assert metrics["coverage_95_posterior"] == pytest.approx(inside.mean())
