"""Clusters of known mass are judged under the density that they are drawn from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from helpers.toy_weighing import (
    GAS_MODELS,
    GRID,
    linear_network,
    one_level,
    toy_clusters,
    toy_ensemble,
    toy_inputs,
    toy_record,
)
from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing.judgement.gate import judge, judge_shares
from szmass.weighing.judgement.judged import Calibration, calibrate, weigh_known
from szmass.weighing.judgement.metrics import (
    compare,
    measure,
    noise_metrics,
    shares,
    tails,
    total_shares,
)
from szmass.weighing.weigher import Weigher

AMPLITUDE, SIGMA_LNY = 1e9, 0.11
BINS = {"z1": [0.0, 0.2], "z2": [0.2, 1.0]}


@pytest.fixture(scope="module")
def clusters(params):
    """Far above the noise, so that the scatter of ln Y alone makes the posterior."""
    settings = replace(one_level(params.weighing), sigma_lny=[SIGMA_LNY, SIGMA_LNY + 1e-9])
    low, high = settings.log10_m500c_msun
    masses = np.random.default_rng(1).uniform(low, high, 1500)
    return toy_clusters(settings, log10_m500c_msun=masses, amplitude=AMPLITUDE)


def exact_weigher(clusters, *, width=1.0, bias_dex=0.0):
    """A network that knows Y: asinh(a) = ln(2 a), less the pivot's and what h70 adds to it."""
    offset = -np.log(2.0 * AMPLITUDE) - clusters.pivot.ln_y_arcmin2[0] + 2.0 * clusters.pivot.ln_h70
    network = linear_network(slope=1.0, offset=offset, sigma=width * SIGMA_LNY)
    network[-1][5, 1] = -clusters.pivot.ln_h70  # alpha's
    network[-2][1] += 1.7 * np.log(10.0) * bias_dex
    return Weigher(toy_record(toy_ensemble(network), axis_nodes=641))


def stopped(calibration):
    return [
        check for check in judge(calibration.rank, calibration.groups(BINS)) if not check.passed
    ]


def test_exact_posteriors_pass_each_by_its_own_relation(clusters):
    calibration = calibrate(exact_weigher(clusters), clusters, np.random.default_rng(2))
    assert [check.in_words() for check in stopped(calibration)] == []
    error = calibration.median_log10_msun - clusters.log10_m500c_msun
    # sigma_lny over a slope of some 1.7
    assert error.std() == pytest.approx(SIGMA_LNY / 1.7 / np.log(10.0), rel=0.1)
    assert sum(len(part.density) for part in calibration.posteriors) == 1500
    np.testing.assert_array_equal(calibration.truth_log10_msun, clusters.log10_m500c_msun)


@pytest.mark.parametrize("wrong", [{"width": 0.8}, {"width": 1.3}, {"bias_dex": 0.01}], ids=str)
def test_wrong_ones_are_stopped(clusters, wrong):
    weigher = exact_weigher(clusters, **wrong)
    calibration = calibrate(weigher, clusters, np.random.default_rng(2))
    failed = {check.what for check in stopped(calibration) if check.group == "all"}
    assert ("mean_rank" if "bias_dex" in wrong else "coverage_68") in failed


def test_groups_divide_all_clusters(clusters):
    rng = np.random.default_rng(3)
    calibration = Calibration(
        rank=rng.random(1000),
        median_log10_msun=rng.uniform(14.0, 15.5, 1000),
        redshift=rng.uniform(0.01, 1.0, 1000),
        signal_to_noise=rng.lognormal(1.0, 1.0, 1000),
        posteriors=[],
        truth_log10_msun=np.zeros(1000),
    )
    groups = calibration.groups(BINS)
    assert groups.pop("all").all()
    for name in BINS:
        of_bin, z = groups[f"redshift {name}"], calibration.redshift
        near, far = (
            groups.pop(f"redshift {name}, {word} fifth") for word in ("nearest", "farthest")
        )
        assert near.sum() == pytest.approx(of_bin.sum() / 5.0, abs=1.0) == far.sum()
        assert z[near].max() < z[of_bin & ~near].min()
        assert z[far].min() > z[of_bin & ~far].max()
    for kind, count in (("redshift", 2), ("log10 mass", 5), ("signal to noise", 5)):
        rows = [rows for name, rows in groups.items() if name.startswith(kind)]
        assert len(rows) == count
        np.testing.assert_array_equal(np.sum(rows, axis=0), 1)
        if count == 5:
            assert [int(of_one.sum()) for of_one in rows] == [200] * 5


def known_masses(count=400, brightest=1.0):
    """Gaussian posteriors of one gas, with truths drawn from them; and the width in dex."""
    gas = GAS_MODELS["gadget_x"]
    weigher = Weigher(toy_record(toy_ensemble(linear_network(slope=1.0, offset=-3.0, sigma=0.2))))
    rng = np.random.default_rng(4)
    ln_y = rng.uniform(-1.5, brightest, count)
    width = 0.2 / np.log(10.0) / gas["alpha"]
    mean = np.log10(PIVOT_M500_MSUN) + (ln_y / np.log(10.0) - gas["log10_b"]) / gas["alpha"]
    truth = mean + width * rng.standard_normal(count)
    inputs = replace(toy_inputs(np.sinh(ln_y + 3.0)), redshift=rng.uniform(0.01, 1.0, count))
    judged = weigh_known(
        weigher, "toy", inputs, 10.0**truth, np.arange(count), prior="flat", gas="gadget_x"
    )
    return judged, mean, width, truth


def test_ranks_are_the_probability_below_the_truth():
    judged, mean, width, truth = known_masses()
    np.testing.assert_allclose(judged.rank, norm.cdf(truth, mean, width), atol=5e-3)
    # a prior of the gas that has no width is no other posterior, but for sums in float32
    np.testing.assert_allclose(judged.total_rank, judged.rank, atol=1e-6)


def test_metrics_of_known_posteriors():
    judged, mean, width, truth = known_masses()
    metrics = measure(judged, BINS)
    assert list(metrics) == ["z1", "z2", "all"]
    assert metrics["z1"]["maps"] + metrics["z2"]["maps"] == metrics["all"]["maps"] == 400
    values = metrics["all"]
    error = 1.0 - 10.0 ** (truth - mean)
    assert values["relerr_median"] == pytest.approx(np.median(error), abs=2e-3)
    assert values["scatter_dex"] == pytest.approx(np.std(mean - truth), rel=0.01)
    assert values["interval_68_dex"] == pytest.approx(0.9945 * width, rel=0.01)
    inside = np.abs(truth - mean) < norm.ppf(0.975) * width
    assert values["coverage_95"] == pytest.approx(inside.mean(), abs=0.01)


def test_bins_of_few_clusters_have_no_metrics():
    judged, *_ = known_masses(20)
    few = {"z1": [0.0, 0.2], "none": [1.5, 2.0]}
    assert set(measure(judged, few)) <= {"z1", "all"}
    assert measure(judged, few)["all"]["maps"] == 20


def test_others_masses_are_found_by_their_clusters_number():
    """Whatever the order of their table; and not by its place."""
    judged, *_ = known_masses()
    rng = np.random.default_rng(5)
    order = rng.permutation(len(judged.cluster))
    truth = judged.truth_msun[order]
    columns = ("matched_filter_msun", "ensemble_msun", "posterior_msun")
    table = {"cluster": judged.cluster[order], "m500c_msun": truth}
    others = pd.DataFrame(table | dict.fromkeys(columns, truth / 0.9))
    others.loc[judged.redshift[order] > 0.2, "ensemble_msun"] *= 0.9 / 0.7
    found = compare(judged, others, BINS)
    assert found["z1"]["cnn_relerr_median"] == pytest.approx(0.1)
    assert found["z2"]["cnn_relerr_median"] == pytest.approx(0.3)
    assert found["all"]["matched_filter_relerr_median"] == pytest.approx(0.1)
    assert found["all"]["cnn_posterior_relerr_half_width"] == pytest.approx(0.0, abs=1e-9)


def test_the_tails_are_those_of_the_masses_above_a_cut():
    judged, mean, width, truth = known_masses(4000, brightest=1.8)
    found = {(one.cut_msun, one.by_truth): one for one in tails(judged)}
    for cut in (1e15, 1.7e15):
        above = truth > np.log10(cut)
        one = found[cut, True].coverage[0.68]
        assert one.clusters == above.sum()
        inside = np.abs(truth - mean) < norm.ppf(0.84) * width
        assert one.found == pytest.approx(inside[above].mean(), abs=0.03)
        # a posterior's own share, in closed form: P(inside, above) / P(above)
        low, high = (mean + side * norm.ppf(0.84) * width for side in (-1.0, 1.0))
        below_high = norm.cdf(np.maximum(high, np.log10(cut)), mean, width)
        held = below_high - norm.cdf(np.maximum(low, np.log10(cut)), mean, width)
        expected = held.sum() / norm.sf(np.log10(cut), mean, width).sum()
        assert one.expected == pytest.approx(expected, abs=0.005)
        estimated = found[cut, False].coverage[0.95]
        assert estimated.expected == pytest.approx(0.95)
        assert estimated.error == pytest.approx(np.sqrt(0.95 * 0.05 / estimated.clusters))
    values = measure(judged, BINS)["all"]
    assert values["coverage_68_above_1p0e15"] == found[1e15, True].coverage[0.68].found
    assert values["maps_above_1p7e15_estimated"] == found[1.7e15, False].coverage[0.95].clusters


def test_shares_for_the_gate_name_their_groups_once():
    judged, *_ = known_masses(4000)
    of_gate = shares(judged, BINS)
    names = [(one.group, one.what) for one in of_gate]
    assert len(set(names)) == len(names)
    assert {"toy, z1", "toy, z2, nearest fifth", "toy, all"} < {group for group, _ in names}
    assert "toy, true mass above 1e+15 Msun" in {group for group, _ in names}
    assert [check for check in judge_shares(of_gate) if not check.passed] == []
    assert [(one.low, one.high) for one in total_shares(judged)] == [(0.5, 1.0), (0.9, 1.0)]


@pytest.mark.parametrize("too_much", [1.0, 1.3])
def test_noise_is_compared_with_what_is_claimed(too_much):
    """White noise of level 2 in the maps, and in their halves' difference as much or more."""
    weigher = Weigher(toy_record(toy_ensemble(linear_network(slope=1.0, offset=0.0, sigma=0.2))))
    rng = np.random.default_rng(6)
    maps, noise = 2.0 * rng.standard_normal((2, 3000, GRID.pixels, GRID.pixels))
    noise[5, 3, 3] = np.nan
    values = noise_metrics(weigher, maps, too_much * noise)
    assert values["maps"] == 2999
    assert values["noise_ratio"] == pytest.approx(too_much, rel=0.05)
    assert values["noise_ratio_own_level"] == pytest.approx(1.0, rel=0.05)
