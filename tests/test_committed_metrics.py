"""What README and docs claim, held by the committed metrics.

A limit is a claim of the text, or the finite-sample error of a calibrated estimator; numbers of the
papers come from `data/reference`, by way of `paper_...`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from helpers import ROOT
from helpers.committed import in_git
from helpers.pages import PARAMS

MICROWAVE, HYDRO, CNN, PSZ2, WEIGHING = (
    json.loads(in_git(f"metrics/{name}.json"))
    for name in ("microwave", "hydro", "cnn", "psz2", "weighing")
)
BINS = [*PARAMS["bins"], "all"]
LEVELS = (50, 68, 90, 95)
FALSE_ALARM = 1e-4
"""Of one coverage: there are a hundred, of which none may fail by chance."""
MOST_BIAS = 0.02
"""Of a median b, in each redshift bin."""
OTHER_GAS = [f"planck_{name}" for name in PARAMS["baryon_models"] if name != "gadget_x"]
WEIGHED = [name for name, bins in WEIGHING.items() if "relerr_median" in bins.get("all", {})]
"""The data sets whose clusters have true masses."""
each_bin = pytest.mark.parametrize("name", BINS)


def within_finite_sample_error(coverage: float, level: int, clusters: float) -> bool:
    low, high = binom.interval(1.0 - FALSE_ALARM, int(clusters), level / 100)
    return bool(low <= round(coverage * clusters) <= high)


def median_error(metrics: dict[str, Any]) -> float:
    """Of the median of as many normal numbers, by their half-width."""
    return float(np.sqrt(np.pi / 2.0 / metrics["maps"]) * metrics["relerr_half_width"])


@each_bin
def test_weighing_scatters_less_than_every_other_estimator(name: str) -> None:
    found = WEIGHING["planck"][name]
    others = [key for key in found if key.endswith("_relerr_half_width")]
    assert {"matched_filter_relerr_half_width", "cnn_relerr_half_width"} <= set(others)
    for other in others:
        assert found["relerr_half_width"] < found[other], other


@each_bin
@pytest.mark.parametrize("data_set", ["planck", "clean"])
def test_weighing_has_no_bias_and_its_intervals_hold(data_set: str, name: str) -> None:
    found = WEIGHING[data_set][name]
    assert abs(found["relerr_median"]) < MOST_BIAS
    for level in LEVELS:
        coverage = found[f"coverage_{level}"]
        assert within_finite_sample_error(coverage, level, found["maps"]), (level, coverage)
    assert found["interval_68_dex_total"] > found["interval_68_dex"]


@pytest.mark.parametrize("data_set", WEIGHED)
def test_total_intervals_hold_clusters_of_any_gas(data_set: str) -> None:
    """Their error is common to all clusters of a gas, so no share is exactly what they say."""
    found = WEIGHING[data_set]["all"]
    assert found["coverage_68_total"] > 0.5
    assert found["coverage_95_total"] > 0.9


def test_weighing_is_as_narrow_as_is_said() -> None:
    assert WEIGHING["planck"]["all"]["relerr_half_width"] < 0.108
    assert WEIGHING["planck"]["all"]["scatter_dex"] < 0.049
    assert WEIGHING["clean"]["all"]["relerr_half_width"] < 0.075


@pytest.mark.parametrize("data_set", OTHER_GAS)
def test_clusters_of_another_gas_are_weighed_by_their_own_relation(data_set: str) -> None:
    found = WEIGHING[data_set]["all"]
    assert abs(found["relerr_median"]) < 4 * median_error(found)
    for level in LEVELS:
        assert within_finite_sample_error(found[f"coverage_{level}"], level, found["maps"]), level


def test_on_the_stand_in_sky_intervals_hold_at_least_what_they_say() -> None:
    """Its clusters have no scatter of Y, which the intervals allow for."""
    found = WEIGHING["stand_in"]["all"]
    assert abs(found["relerr_median"]) < MOST_BIAS
    assert found["coverage_68"] > 0.68
    assert found["coverage_95"] > 0.94


def test_the_readme_says_what_is_found_on_the_stand_in_sky() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    found, sources = (WEIGHING[name]["all"] for name in ("stand_in", "stand_in_sources"))
    within = [round(100 * found[f"coverage_{level}"]) for level in (68, 95)]
    flagged = [round(100 * one["flagged_share"]) for one in (found, sources)]
    assert "intervals contain {} and {} % of the true masses".format(*within) in readme
    assert "{} % of the maps have a flag, {} % with twice the point".format(*flagged) in readme


@pytest.mark.parametrize("suffix", ["", "_no_scatter"])
def test_no_estimator_beats_the_exact_posterior_by_more_than_chance(suffix: str) -> None:
    metric = f"scatter_ln_mass{suffix}"
    bound, error = (MICROWAVE["bound_train"][f"{metric}{end}"] for end in ("", "_err"))
    network = MICROWAVE["mresunet"][metric]
    assert bound - 2 * error < network < 1.05 * bound


def test_the_mresunet_scatters_as_the_papers() -> None:
    ours, paper = (
        [MICROWAVE["mresunet"][f"{start}scatter_ln_mass_gauss{end}"] for end in ("", "_err")]
        for start in ("", "paper_")
    )
    assert abs(ours[0] - paper[0]) < 2 * np.hypot(ours[1], paper[1])


def test_hydro_like_clusters_scatter_as_the_papers() -> None:
    ours, paper = (
        [HYDRO["mresunet"][f"{start}scatter_ln_mass_gauss{end}"] for end in ("", "_err")]
        for start in ("", "paper_")
    )
    assert abs(ours[0] - paper[0]) < 2 * np.hypot(ours[1], paper[1])
    # what is left of the bias after r, which alone takes away a quarter of the mass
    assert abs(HYDRO["mresunet"]["mean_ln_ratio"]) < 0.06
    assert HYDRO["mresunet"]["mean_ln_ratio_unscaled"] < -0.2


@each_bin
def test_cnns_have_the_papers_bias_and_width(name: str) -> None:
    """A median as near 0 as the paper's farthest, -0.05, and its half-width within 0.04."""
    found = CNN["planck"][name]
    assert abs(found["relerr_median_selected"]) < 0.05
    key = "relerr_half_width_selected"
    assert abs(found[key] - found[f"paper_{key}"]) < 0.04
    assert found["relerr_half_width_selected"] > CNN["clean"][name]["relerr_half_width_selected"]


def test_half_of_the_variance_with_noise_is_that_of_the_shapes_as_is_said() -> None:
    widths = (CNN[name]["all"]["relerr_half_width_ensemble"] for name in ("clean", "planck"))
    clean, planck = widths
    assert 0.4 < (clean / planck) ** 2 < 0.6


def test_narrow_redshift_bins_scatter_as_the_papers() -> None:
    found = CNN["planck"]["all"]
    assert found["scatter_dex_selected"] == pytest.approx(found["paper_scatter_dex_selected"], 0.1)


def test_psz2_is_lighter_by_planck_than_by_the_cnn() -> None:
    """The paper's finding; on the stand-in sky ours is more by 0.03, a listed difference."""
    found = PSZ2["all"]
    assert found["relerr_clusters_msz"] == found["paper_relerr_clusters_msz"] == 1094
    assert abs(found["relerr_median_msz"] - found["paper_relerr_median_msz"]) < 0.05
    assert found["relerr_median_msz_above_5e14"] > found["relerr_median_msz"]


@pytest.mark.parametrize("model", ["gadget_music", "gizmo_simba", "magneticum"])
def test_offsets_between_gases_are_those_that_were_put_in(model: str) -> None:
    """ln(B / B_gadget_x) / alpha at the pivot: they are inputs, which the study gives back."""
    study = json.loads(in_git("studies/baryon_models/metrics.json"))
    models = PARAMS["baryon_models"]
    share = 10 ** ((models[model]["log10_b"] - models["gadget_x"]["log10_b"]) / 1.63)
    offset = study[model]["relerr_mean_ensemble"] - study["gadget_x"]["relerr_mean_ensemble"]
    if models[model]["alpha"] == models["gadget_x"]["alpha"]:
        assert offset == pytest.approx(1.0 - 1.0 / share, abs=0.02)
    else:
        assert offset < 0
