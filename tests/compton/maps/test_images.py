from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from helpers import ROOT
from szmass.compton.maps.clusters import SourceClusters, first_tests, list_samples
from szmass.compton.maps.images import ClusterSimulator
from szmass.compton.maps.stores import ORIGINALS_GRID
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import PARTITIONS
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import Ellipsoids, disc_integral, projected_y
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
    y_cyl_mpc2,
)
from szmass.units import FWHM_PER_SIGMA

GRID = PixelGrid(96, 1.7)
BEAM = 10.0


@pytest.fixture(scope="module")
def model(params):
    return MockClusters(**asdict(params.morphology))


@pytest.fixture(scope="module")
def images(model):
    return BeamedImages(model.tables(), GRID, BEAM)


@pytest.fixture(scope="module")
def simulator(params, model):
    means = tuple(gas.cool_core_mean for gas in params.baryon_models.values())
    return ClusterSimulator(model, means, GRID, BEAM)


@pytest.fixture(scope="module")
def cosmology(params):
    return Cosmology.of(params.compton)


@pytest.fixture(scope="module")
def samples(params, cosmology):
    psz2 = read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()
    few = replace(
        params.compton,
        development_clusters=600,
        development_projections=1,
        test_clusters=60,
        other_model_clusters=60,
    )
    source = SourceClusters(psz2.redshift, psz2.msz_1e14_msun)
    return list_samples(31, params.bins, few, params.baryon_models, source, cosmology)


def cluster(model, theta500, seed=1):
    """One of ours, in arcmin, with a mean y of 1 within theta500."""
    parts = with_mean_y(model.tables(), model.draw(np.random.default_rng(seed), 0.4), np.pi)
    return parts.scaled(length=theta500, amplitude=1 / theta500)


@pytest.mark.parametrize("theta500", [4.0, 25.0])
def test_an_image_is_the_projection_under_the_beam(model, images, theta500):
    parts = cluster(model, theta500)
    finer, margin = 9, 15  # fine pixels a pixel; pixels about the map
    step = GRID.pixel_arcmin / finer
    axis = (np.arange((96 + 2 * margin) * finer) - ((96 + 2 * margin) * finer - 1) / 2) * step
    x, y = np.meshgrid(axis, axis)
    sharp = projected_y(model.tables(), parts, x, y)
    smooth = gaussian_filter(sharp, BEAM / FWHM_PER_SIGMA / step, mode="nearest", truncate=6)
    middle = np.arange(96) * finer + margin * finer + finer // 2
    expected = smooth[np.ix_(middle, middle)]
    np.testing.assert_allclose(images(parts), expected, atol=1e-3 * expected.max())


@pytest.mark.parametrize("theta500", [2.5, 9.0, 60.0])
def test_no_copy_of_the_cluster_reaches_the_map(model, images, theta500):
    wide = BeamedImages(model.tables(), PixelGrid(480, 1.7), BEAM)
    parts = cluster(model, theta500, seed=5)
    middle = slice(192, 288)
    expected = wide(parts)[middle, middle]
    np.testing.assert_allclose(images(parts), expected, atol=2e-6 * expected.max())


def test_a_smaller_beam_than_pixels_resolve_is_sampled_all_the_same(model):
    parts = cluster(model, 12.0)
    coarse = BeamedImages(model.tables(), PixelGrid(32, 5.1), BEAM)(parts)
    fine = BeamedImages(model.tables(), PixelGrid(96, 1.7), BEAM)(parts)
    np.testing.assert_allclose(coarse, fine[1::3, 1::3], atol=2e-6 * fine.max())


def test_the_image_of_a_sphere_is_centred_between_the_middle_pixels(images):
    sphere = Ellipsoids(np.array([[0.4, 0.6]]), np.zeros((1, 3)), 64.0 * np.eye(3)[None])
    image = images(sphere)
    for turned in (image[::-1], image[:, ::-1], image.T):
        np.testing.assert_allclose(image, turned, atol=1e-6 * image.max())
    assert image[47:49, 47:49].min() >= image.max() * (1 - 1e-6)
    whole = disc_integral(images.tables, sphere, 80.0)
    assert image.sum() * 1.7**2 == pytest.approx(whole, rel=1e-4)


def test_an_offset_has_the_right_sign(images):
    # x is the last axis of an image, y the first, both growing
    small = Ellipsoids(np.array([[1.0, 0.0]]), np.array([[17.0, -8.5, 3.0]]), np.eye(3)[None])
    row, column = np.unravel_index(images(small).argmax(), (96, 96))
    assert GRID.axis_arcmin[column] == pytest.approx(17.0, abs=0.86)
    assert GRID.axis_arcmin[row] == pytest.approx(-8.5, abs=0.86)


def test_y500_is_the_pixel_sum_of_the_original(simulator, samples):
    for row in range(3):
        one = first_tests(samples, 1).at(slice(row, row + 1))
        image, y500 = simulator.original(one)
        inside = ORIGINALS_GRID.radius_arcmin < one.theta500_arcmin[0]
        pixel_sum = image[0][inside].sum(dtype=float) * ORIGINALS_GRID.pixel_arcmin**2
        assert pixel_sum == pytest.approx(y500[0], rel=2e-3)


def test_the_original_and_the_image_hold_the_same_y(simulator, samples):
    # the most distant of them lies in the map with all that it has
    one = first_tests(samples, 1).at(slice(3, 4))
    original, _ = simulator.original(one)
    image, _ = simulator.beamed(one)
    total = original.sum(dtype=float) * ORIGINALS_GRID.pixel_arcmin**2
    assert image.sum(dtype=float) * GRID.pixel_arcmin**2 == pytest.approx(total, rel=2e-3)


def test_a_map_depends_on_its_own_identity_alone(simulator, samples):
    chosen = samples.at(np.array([0, 1, 500, 601]))
    together, y500 = simulator.beamed(chosen)
    for row in range(4):
        alone, y_alone = simulator.beamed(chosen.at(slice(row, row + 1)))
        np.testing.assert_array_equal(alone[0], together[row])
        assert y_alone[0] == y500[row]


def test_lines_of_sight_show_one_cluster_from_elsewhere(simulator, samples):
    one = samples.at(np.array([5, 5, 5]))
    turned = replace(one, projection=np.array([0, 1, 2], dtype=np.int8))
    maps, y500 = simulator.beamed(turned)
    peak = maps.max()
    assert np.abs(maps[0] - maps[1]).max() > 0.01 * peak
    np.testing.assert_allclose(y500, y500.mean(), rtol=0.2)
    assert len(set(y500)) == 3


@pytest.fixture(scope="module")
def y500_mpc2(simulator, samples, cosmology):
    """Intrinsic Y of every sample within R500 on its line of sight."""
    tables = simulator.model.tables()
    y500 = [
        disc_integral(tables, parts, theta500)
        for parts, theta500 in zip(
            simulator.on_the_sky(samples), samples.theta500_arcmin.tolist(), strict=True
        )
    ]
    return np.array(y500) * mpc2_per_arcmin2(samples.redshift, cosmology)


def test_the_relation_that_was_put_in_comes_out(samples, params, cosmology, y500_mpc2):
    for number, gas in enumerate(params.baryon_models.values()):
        chosen = samples.baryon_model == number
        mass, redshift = samples.m500c_msun[chosen], samples.redshift[chosen]
        relation = ScalingRelation.of(gas)
        pivot = y_cyl_mpc2(np.full(mass.shape, 6e14), redshift, relation, cosmology)
        ln_y = np.log(y500_mpc2[chosen] / pivot)
        ln_mass = np.log(mass / 6e14)
        (slope, offset), covariance = np.polyfit(ln_mass, ln_y, 1, cov=True)
        error = np.sqrt(np.diag(covariance))
        scatter = (ln_y - slope * ln_mass - offset).std()
        # lines of sight add about 4 % of scatter, and the mean of its logarithm is -scatter^2 / 2
        assert slope == pytest.approx(gas.alpha, abs=4 * error[0])
        assert offset == pytest.approx(0.0, abs=4 * error[1] + 0.002)
        assert gas.sigma_lny * 0.85 < scatter < np.hypot(gas.sigma_lny, 0.06) * 1.15


@pytest.mark.parametrize(("mass_1e14", "bias"), [(3, 0.04), (6, 0.10), (10, 0.14)])
def test_planck_would_give_these_clusters_the_published_bias(
    samples, cosmology, y500_mpc2, mass_1e14, bias
):
    chosen = samples.partition == PARTITIONS.index("development")
    mass, redshift = samples.m500c_msun[chosen], samples.redshift[chosen]
    planck = m500c_msun_from_y_cyl(y500_mpc2[chosen], redshift, PLANCK_RELATION, cosmology)
    slope, offset = np.polyfit(np.log(mass / 6e14), np.log(planck / mass), 1)
    found = 1 - np.exp(offset + slope * np.log(mass_1e14 / 6))
    assert found == pytest.approx(bias, abs=0.02)


def test_random_lines_of_sight_average_to_the_mean_y(simulator, samples):
    one = samples.at(np.full(300, 9))
    turned = replace(one, projection=np.arange(300))
    tables = simulator.model.tables()
    y500 = [
        disc_integral(tables, parts, float(one.theta500_arcmin[0]))
        for parts in simulator.on_the_sky(turned)
    ]
    error = np.std(y500) / np.sqrt(300)
    assert np.mean(y500) == pytest.approx(one.mean_y_arcmin2[0], abs=4 * error)
