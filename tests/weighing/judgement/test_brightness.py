"""A round cluster's mass is found by its round image; a mass that falls is seen to fall."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.small_weighing import small_survey, small_weighing
from helpers.toy_weighing import COSMOLOGY
from szmass.sky.clusters.universal import beamed_profiles
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.judgement.brightness import Brightened, RoundFit
from szmass.weighing.mixture import Inputs

BINS = {"z1": [0.0, 0.2], "z2": [0.2, 1.0]}
GAS = Gas(np.array(1.63), np.array(-0.19), np.array(0.11))


@pytest.fixture(scope="module")
def settings(params):
    """More filters, between which amplitudes are interpolated."""
    small = small_weighing(params)
    return replace(small, weighing=replace(small.weighing, filters=12))


@pytest.fixture(scope="module")
def survey(settings, tmp_path_factory):
    return small_survey(settings, tmp_path_factory.mktemp("no_files"))


@pytest.mark.parametrize("log10_mass", [14.6, 15.0, 15.3])
def test_the_mass_of_a_round_cluster_is_found(settings, survey, log10_mass):
    redshift = np.array([0.15, 0.3, 0.6])
    mass = np.full(3, 10.0**log10_mass)
    theta500 = COSMOLOGY.theta500_arcmin(mass, redshift)
    radii, index = survey.grid.unique_radii
    profiles = beamed_profiles(theta500, radii, beam_fwhm_arcmin=survey.beam_fwhm_arcmin)
    y = PivotY.at(redshift, COSMOLOGY).mean_y_arcmin2(np.full(3, log10_mass), GAS)
    maps = (y[:, None] * profiles)[:, index].reshape(3, *[survey.grid.pixels] * 2)
    level = np.full(3, survey.noise_rms)
    inputs = Inputs(survey.bank.amplitudes(maps), level, redshift, survey.bank.whitening)
    found = RoundFit.of(survey, settings.weighing, COSMOLOGY)(inputs, GAS)
    np.testing.assert_allclose(found, log10_mass, atol=0.01)


def test_the_largest_fall_of_a_bin_is_found():
    """Of three clusters, one in each bin and one in none."""
    log10_msun = np.array([[14.0, 14.5, 15.0], [14.0, 14.8, 14.6], [15.0, 14.0, 13.0]])
    fit = np.array([[np.nan, np.nan, 15.1], [np.nan, 14.75, 14.7], [np.nan] * 3])
    metrics = Brightened(np.array([0, 1, -1]), log10_msun, fit).metrics(BINS)
    assert list(metrics) == ["z1", "z2"]
    assert metrics["z1"] == pytest.approx(
        {"maps": 1, "fall_dex": 0.0, "bright_dex": 0.1, "bright_dex_p95": 0.1}
    )
    assert metrics["z2"]["fall_dex"] == pytest.approx(0.2)
    assert metrics["z2"]["bright_dex"] == pytest.approx(0.075)


def test_where_nothing_is_bright_there_is_nothing_to_compare_with():
    values = np.array([[14.0, 14.1]])
    metrics = Brightened(np.array([0]), values, np.full((1, 2), np.nan)).metrics(BINS)
    assert metrics == {"z1": {"maps": 1, "fall_dex": 0.0}}
