"""Clusters are drawn by identity and in their ranges; their amplitudes are those of templates."""

from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import kstest

from helpers.small_weighing import small_survey, small_weighing
from helpers.toy_weighing import COSMOLOGY
from szmass.sky.clusters.bands import BandImages
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import COOL_CORE, MockClusters
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.grid import PixelGrid
from szmass.weighing.training.clusters import (
    PARTITIONS,
    AmplitudeSimulator,
    ClusterList,
    list_clusters,
    store_spec,
)


@pytest.fixture(scope="module")
def settings(params):
    return replace(
        params.weighing, training_clusters=3000, validation_clusters=500, test_clusters=500
    )


@pytest.fixture(scope="module")
def clusters(settings):
    return list_clusters(1, settings, COSMOLOGY)


def of_partition(clusters, name):
    return clusters.at(np.flatnonzero(clusters.partition == PARTITIONS.index(name)))


def test_a_cluster_is_the_same_whatever_the_counts(settings, clusters):
    fewer = replace(settings, training_clusters=7, validation_clusters=5, test_clusters=3)
    few = list_clusters(1, fewer, COSMOLOGY)
    assert [len(of_partition(few, name)) for name in PARTITIONS] == [7, 5, 3]
    for name in PARTITIONS:
        one, many = of_partition(few, name), of_partition(clusters, name)
        for key, values in vars(one).items():
            np.testing.assert_array_equal(values, vars(many)[key][: len(one)])


def test_no_two_clusters_are_alike_and_another_seed_gives_others(settings, clusters):
    assert len(np.unique(clusters.seeds, axis=0)) == len(clusters) == 4000
    assert len(np.unique(clusters.log10_m500c_msun)) == 4000
    fewer = replace(settings, training_clusters=20, validation_clusters=1, test_clusters=1)
    other = list_clusters(2, replace(fewer, test_seed=fewer.test_seed + 1), COSMOLOGY)
    assert not np.isin(other.log10_m500c_msun, clusters.log10_m500c_msun).any()


def test_another_test_seed_gives_other_test_clusters_and_no_other_training(settings, clusters):
    other = list_clusters(1, replace(settings, test_seed=settings.test_seed + 1), COSMOLOGY)
    for name in PARTITIONS:
        masses = of_partition(clusters, name).log10_m500c_msun
        same = np.isin(of_partition(other, name).log10_m500c_msun, masses)
        assert not same.any() if name == "test" else same.all()


@pytest.mark.parametrize("name", ["log10_m500c_msun", "cool_core_mean"])
def test_masses_and_cores_are_flat_in_their_ranges(settings, clusters, name):
    low, high = getattr(settings, name)
    place = (getattr(clusters, name) - low) / (high - low)
    assert 0.0 <= place.min() < 0.01
    assert 0.99 < place.max() <= 1.0
    assert kstest(place, "uniform").pvalue > 1e-3


def test_masses_do_not_depend_on_redshift(clusters):
    correlation = np.corrcoef(clusters.log10_m500c_msun, clusters.redshift)[0, 1]
    assert abs(correlation) < 4 / np.sqrt(len(clusters))


def test_redshifts_are_flat_in_z_and_a_share_in_ln_z(settings, clusters):
    (low, high), near, share = settings.redshifts, settings.near_redshift, settings.near_share

    def cumulative(z):
        of_near = np.clip(np.log(z / low) / np.log(near / low), 0.0, 1.0)
        return share * of_near + (1.0 - share) * (z - low) / (high - low)

    assert low <= clusters.redshift.min()
    assert clusters.redshift.max() <= high
    assert kstest(clusters.redshift, cumulative).pvalue > 1e-3
    # a third, not more, lies below 0.1: flat in z alone a tenth would
    assert kstest(clusters.redshift, lambda z: (z - low) / (high - low)).pvalue < 1e-6


def test_angles_are_those_of_the_masses(clusters):
    expected = COSMOLOGY.theta500_arcmin(10.0**clusters.log10_m500c_msun, clusters.redshift)
    np.testing.assert_array_equal(clusters.theta500_arcmin, expected)


def test_offsets_are_gaussian_along_both_axes(settings, clusters):
    sigma = settings.centre_offset_arcmin
    assert kstest(np.hypot(*clusters.offset_arcmin.T), "rayleigh", (0.0, sigma)).pvalue > 1e-3
    for axis in range(2):
        assert kstest(clusters.offset_arcmin[:, axis], "norm", (0.0, sigma)).pvalue > 1e-3
    assert abs(np.corrcoef(clusters.offset_arcmin.T)[0, 1]) < 4 / np.sqrt(len(clusters))


def test_no_offset_is_none(settings):
    fewer = replace(
        settings, training_clusters=5, validation_clusters=1, test_clusters=1,
        centre_offset_arcmin=0.0,
    )  # fmt: skip
    assert (list_clusters(1, fewer, COSMOLOGY).offset_arcmin == 0.0).all()


@pytest.fixture(scope="module")
def small(params):
    return small_weighing(params)


@pytest.fixture(scope="module")
def survey(small, tmp_path_factory):
    return small_survey(small, tmp_path_factory.mktemp("no_files"))


def simulator(survey, morphology):
    model = MockClusters(**asdict(morphology))
    y = BeamedImages(model.tables(), survey.grid, survey.beam_fwhm_arcmin)
    images = BandImages([y], [1.0])
    return AmplitudeSimulator(model, images, survey.bank, survey.meter)


def round_clusters(theta500_arcmin, offset_arcmin=(0.0, 0.0)):
    count = len(theta500_arcmin)
    return ClusterList(
        partition=np.zeros(count, dtype=np.int8),
        log10_m500c_msun=np.full(count, 14.5),
        redshift=np.full(count, 0.3),
        theta500_arcmin=np.asarray(theta500_arcmin),
        cool_core_mean=np.ones(count),
        offset_arcmin=np.tile(offset_arcmin, (count, 1)),
        seeds=np.array([(1, 50, 0, number) for number in range(count)]),
    )


@pytest.fixture(scope="module")
def round_morphology(small):
    """One sphere, whose gas is that of a cool core."""
    return replace(
        small.morphology, axis_ratio_mean=[1.0, 1.0], axis_ratio_scatter=0.0, scale_scatter_ln=0.0,
        cool_core_scatter=0.0, subhaloes_mean=0.0, merger_fraction=0.0,
    )  # fmt: skip


def templates(survey, theta500_arcmin, truncation_r500):
    pressure = GnfwPressure(
        *COOL_CORE, alpha_p=0.0, alpha_p_of_radius=False, truncation_r500=truncation_r500
    )
    radii, index = survey.grid.unique_radii
    profiles = beamed_profiles(
        np.asarray(theta500_arcmin),
        radii,
        beam_fwhm_arcmin=survey.beam_fwhm_arcmin,
        pressure=pressure,
    )
    return profiles[:, index].reshape(-1, survey.grid.pixels, survey.grid.pixels)


def test_a_round_cluster_has_the_amplitudes_of_a_template_of_1_arcmin2(survey, round_morphology):
    theta500 = np.array([1.5, 4.0, 9.0])
    amplitude, outer_level = simulator(survey, round_morphology)(round_clusters(theta500))
    maps = templates(survey, theta500, round_morphology.truncation_r500)
    np.testing.assert_allclose(amplitude, survey.bank.amplitudes(maps), rtol=2e-3)
    np.testing.assert_allclose(outer_level, survey.meter(maps), rtol=0.01, atol=1e-7)


def test_a_cluster_that_is_off_the_centre_is_seen_less(survey, round_morphology):
    simulate = simulator(survey, round_morphology)
    at_centre, aside, across = (
        simulate(round_clusters([4.0], offset))[0] for offset in ((0.0, 0.0), (3.0, 0.0), (0, 3))
    )
    assert (aside < 0.95 * at_centre).all()
    # the filters have the square's symmetries
    np.testing.assert_allclose(aside, across, rtol=1e-4)


def test_the_mean_over_shapes_is_near_the_round_clusters(survey, small, round_morphology):
    """All have the same Y on average over lines of sight: large beams see little else."""
    count = 60
    clusters = round_clusters(np.full(count, 2.0))
    amplitude, _ = simulator(survey, small.morphology)(clusters)
    expected, _ = simulator(survey, round_morphology)(round_clusters([2.0]))
    ratio = amplitude[:, 1] / expected[0, 1]
    assert ratio.std() > 0.01
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)


def test_clusters_are_simulated_by_their_seeds_in_any_order(survey, small):
    simulate = simulator(survey, small.morphology)
    settings = replace(small.weighing, training_clusters=6, validation_clusters=1, test_clusters=1)
    clusters = list_clusters(3, settings, COSMOLOGY)
    whole = simulate(clusters)
    rows = np.array([4, 1])
    for all_values, values in zip(whole, simulate(clusters.at(rows)), strict=True):
        np.testing.assert_allclose(all_values[rows], values, rtol=1e-6)
    assert len(np.unique(whole[0][:, 0])) == 8


def test_the_survey_has_filters_of_its_settings(survey, small):
    assert survey.grid == PixelGrid.of(small.compton)
    assert survey.bank.filters.shape == (4, 32**2)
    np.testing.assert_allclose(np.diag(survey.bank.noise_covariance), 1.0)
    assert survey.noise_rms == small.planck_sky.noise_rms
    # unit noise: white of the survey's spectrum has this variance at a pixel
    assert 0.0 < survey.meter.variance < 1.0


def test_the_contract_names_every_array(clusters):
    spec = store_spec(4000, 16)
    assert set(clusters.labels()) | {"amplitude", "outer_level"} == set(spec.arrays)
    assert [len(range(*rows.indices(4000))) for rows in spec.shards()] == [500] * 8
