"""Statistics of y-maps against closed forms and against simulated clusters."""

from dataclasses import asdict

import numpy as np
import pytest
from scipy.stats import norm

from helpers import ROOT
from szmass.compton.checks.noise import expected_correlation
from szmass.compton.checks.statistics import MOST_LAG, ClusterStatistics, lag_products, noise_error
from szmass.planck.files import read_noise_spectrum
from szmass.planck.noise import unit_variance
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.clusters.projection import Ellipsoids, disc_integral, random_rotation
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gaussian_map, gnomonic_pixels
from szmass.validation.statistics import linear_fit, sampling_error

BEAM_FWHM_ARCMIN = 10.0


@pytest.fixture(scope="module")
def clusters(params):
    return MockClusters(**asdict(params.morphology))


@pytest.fixture(scope="module")
def grid(params):
    return PixelGrid.of(params.compton)


@pytest.fixture(scope="module")
def statistics(grid, clusters):
    return ClusterStatistics(grid, BEAM_FWHM_ARCMIN, clusters.tables())


def sphere(theta_arcmin):
    """A sphere of the mean profile, scaled."""
    one = Ellipsoids(np.full((1, 2), 0.5), np.zeros((1, 3)), np.eye(3)[None])
    return one.scaled(length=theta_arcmin)


def measure(statistics, grid, tables, bodies, theta):
    image = BeamedImages(tables, grid, BEAM_FWHM_ARCMIN)
    maps = {
        "compton_y": np.array([image(body) for body in bodies]),
        "theta500_arcmin": np.asarray(theta),
        "y500_cyl_arcmin2": np.array(
            [disc_integral(tables, body, t) for body, t in zip(bodies, theta, strict=True)]
        ),
    }
    return statistics.measure(maps)


def test_y500_of_a_sphere_is_read_off_behind_the_beam(statistics, grid, clusters):
    theta = np.array([1.5, 2.5, 4.0, 8.0, 20.0, 45.0, 60.0])
    columns = measure(statistics, grid, clusters.tables(), [sphere(t) for t in theta], theta)
    assert np.allclose(columns["map_over_y500"][:-1], 1.0, atol=1e-3)
    assert np.isnan(columns["map_over_y500"][-1])
    # the beam hides much of a cluster of 1.5 arcmin, and hardly anything of one of 8
    assert 0.2 < columns["hidden_share"][0] < 0.8
    assert (columns["hidden_share"][3:-1] < 0.02).all()
    assert (columns["lowest_over_highest"] > -1e-6).all()


def test_y500_of_a_merging_triaxial_cluster_is_read_off_too(statistics, grid, clusters):
    tables, rng = clusters.tables(), np.random.default_rng(2)
    theta = rng.uniform(2.0, 30.0, 40)
    bodies = [
        clusters.draw(rng, 0.4).rotated(random_rotation(rng)).scaled(length=float(t)) for t in theta
    ]
    columns = measure(statistics, grid, tables, bodies, theta)
    assert np.abs(columns["map_over_y500"][theta > 7.0] - 1.0).max() < 0.02
    assert columns["distance_from_y500"].max() < 0.6


def test_a_sphere_keeps_its_gas(statistics, clusters):
    # within R500 of J(1) / I(5) = 0.67 for the universal profile
    assert 1.3 < statistics.all_over_y500() < 1.6
    theta = np.array([2.0, 4.0])
    edge = statistics.edge_share(theta)
    assert np.isclose(edge[0], 2.0 * edge[1])


def test_moments_are_those_of_a_point_behind_the_beam(statistics, grid):
    sigma = BEAM_FWHM_ARCMIN / np.sqrt(8.0 * np.log(2.0))
    x, y = np.meshgrid(grid.axis_arcmin, grid.axis_arcmin)
    shifted = np.exp(-0.5 * ((x - 0.3) ** 2 + (y + 0.1) ** 2) / sigma**2)[None]
    moments = statistics.moments(shifted)[0]
    assert np.allclose(2.0 * moments[1:] / moments[0], [0.3, -0.1], rtol=1e-6)


def test_noise_is_found_in_each_of_the_eight_symmetries():
    rng = np.random.default_rng(1)
    clean, noise = rng.standard_normal((2, 1, 8, 8)).astype(np.float32)
    for turns in range(4):
        for image in (noise, noise.swapaxes(1, 2)):
            planck = clean + np.rot90(image, turns, axes=(1, 2))
            assert noise_error(planck, clean, noise)[0] < 3e-7
    assert noise_error(clean + np.roll(noise, 1, axis=2), clean, noise)[0] > 0.1


def test_lag_products_of_a_plane_wave():
    x = np.arange(24)
    wave = np.cos(2.0 * np.pi * x / 8.0) * np.ones((24, 1))
    products = lag_products(wave[None])[0]
    assert np.isclose(products[0], 0.5)
    # along y the wave does not change
    assert np.isclose(products[4], (-0.4 + 0.5) / 2.0, atol=0.06)
    assert len(products) == MOST_LAG + 1


def test_a_mean_lies_beyond_its_sampling_error_as_often_as_stated():
    rng = np.random.default_rng(7)
    samples = rng.standard_normal((4000, 5))
    beyond = [abs(values.mean()) > sampling_error(values, 0.05) for values in samples]
    assert np.isclose(np.mean(beyond), 0.05, atol=0.015)
    assert sampling_error(np.array([1.0]), 0.05) == np.inf


def test_a_fit_lies_beyond_its_errors_as_often_as_stated():
    rng = np.random.default_rng(8)
    design = np.stack([np.ones(200), rng.standard_normal(200)], axis=1)
    scatter = 0.2 + 0.3 * np.abs(design[:, 1])
    beyond = []
    for _ in range(2000):
        values = design @ [1.0, 0.5] + scatter * rng.standard_normal(200)
        coefficients, errors = linear_fit(design, values, 0.05)
        beyond.append(np.abs(coefficients - [1.0, 0.5]) > errors)
    assert np.allclose(np.mean(beyond, axis=0), 0.05, atol=0.025)


def test_the_expected_correlation_is_that_of_the_sky_s_pixels(params, grid):
    cl = unit_variance(read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"]), 1500)
    nside, rng = 512, np.random.default_rng(9)
    glon, glat = rng.uniform(0.0, 360.0, 150), np.degrees(np.arcsin(rng.uniform(-1, 1, 150)))
    noise = gaussian_map(cl, nside, rng)
    products = lag_products(noise[gnomonic_pixels(nside, glon, glat, grid)])
    found = products[:, 1:] / products[:, :1].mean()
    expected = expected_correlation(cl, nside, glon[:10], glat[:10], grid)[:, 1:].mean(axis=0)
    ratio = found - expected * products[:, :1] / products[:, :1].mean()
    sigma = ratio.std(axis=0) / np.sqrt(len(ratio))
    assert (np.abs(ratio.mean(axis=0)) < norm.isf(1e-5) * sigma + 1e-3).all()
