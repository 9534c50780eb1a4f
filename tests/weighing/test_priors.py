"""A population's prior is its kernel density, with a mass function's tail above it."""

import numpy as np
import pytest
from scipy.stats import norm

from szmass.sky.cosmology import Cosmology
from szmass.weighing.priors import (
    STEEPEST,
    TAIL_FROM,
    TAIL_PER_DEX,
    Population,
    TabulatedPrior,
    mass_function_prior,
)

AXIS = np.linspace(13.3, 16.5, 321)
STEP = AXIS[1] - AXIS[0]
REDSHIFT = np.array([0.02, 0.1, 0.3, 0.8])


@pytest.fixture(scope="module")
def population():
    rng = np.random.default_rng(1)
    redshift = np.exp(rng.uniform(np.log(0.01), np.log(0.9), 300))
    return Population(redshift, 14.4 + 0.4 * redshift + rng.normal(0.0, 0.15, 300), 0.15, 0.12)


@pytest.fixture(scope="module")
def ln_density(population):
    return population.ln_density(REDSHIFT, AXIS)


def kernel_density(population, z, axis):
    """The same density and its cumulative, summed cluster by cluster."""
    density, below, total = np.zeros(len(axis)), np.zeros(len(axis)), 0.0
    for own_z, log10_m in zip(population.redshift, population.log10_m500c_msun, strict=True):
        near = norm.pdf(np.log(z / own_z), scale=population.width_ln_z)
        density += near * norm.pdf(axis, log10_m, population.width_dex)
        below += near * norm.cdf(axis, log10_m, population.width_dex)
        total += near
    return density / total, below / total


@pytest.mark.parametrize("row", range(len(REDSHIFT)))
def test_it_is_the_kernel_density_up_to_its_heaviest_clusters(population, ln_density, row):
    expected, below = kernel_density(population, REDSHIFT[row], AXIS)
    most = below < TAIL_FROM
    assert 50 < most.sum() < 250
    # far below all masses a density of 1e-300 is as good as none
    near = most & (expected > 1e-280)
    np.testing.assert_allclose(ln_density[row][near], np.log(expected[near]), rtol=1e-5)
    assert np.trapezoid(np.exp(ln_density[row][most]), AXIS[most]) == pytest.approx(
        TAIL_FROM, abs=0.03
    )


@pytest.mark.parametrize("row", range(len(REDSHIFT)))
def test_the_tail_falls_by_5_per_dex_from_the_97th_percentile_on(population, ln_density, row):
    density, below = kernel_density(population, REDSHIFT[row], AXIS)
    start = np.interp(TAIL_FROM, below, AXIS)
    at_start = np.exp(np.interp(start, AXIS, np.log(density)))
    above = start < AXIS
    tail = at_start * 10.0 ** (TAIL_PER_DEX * (AXIS[above] - start))
    expected = np.maximum(density[above], tail)
    np.testing.assert_allclose(np.exp(ln_density[row][above]), expected, rtol=2e-3)
    slope = np.diff(ln_density[row]) / np.log(10.0) / STEP
    np.testing.assert_allclose(slope[-50:], -5.0)


def test_an_outlier_above_the_tail_is_kept():
    """One heavy cluster of a hundred: the density is never less than what the clusters say."""
    log10_m = np.append(np.full(99, 14.3), 16.0)
    population = Population(np.full(100, 0.3), log10_m, 0.15, 0.05)
    density = np.exp(population.ln_density(np.array([0.3]), AXIS))[0]
    at_outlier = int(np.argmin(np.abs(AXIS - 16.0)))
    assert density[at_outlier] == pytest.approx(0.01 * norm.pdf(0.0, scale=0.05), rel=1e-6)


def test_it_is_finite_and_never_rises_far_above_all_clusters(population):
    wide = np.linspace(10.0, 20.0, 1001)
    far = np.array([1e-3, 0.01, 0.05, 1.0, 10.0])
    ln_density = population.ln_density(far, wide)
    assert np.isfinite(ln_density).all()
    assert (np.diff(ln_density[:, wide > 16.0], axis=1) < 0.0).all()


def test_a_redshift_of_no_neighbour_has_the_nearest_clusters_prior():
    population = Population(np.array([0.01, 0.5]), np.array([14.0, 15.0]), 0.01, 0.1)
    density = population.ln_density(np.array([2.0, 0.002]), AXIS)
    assert AXIS[density.argmax(axis=1)] == pytest.approx([15.0, 14.0])


def test_an_axis_that_ends_below_the_population_has_no_tail():
    population = Population(np.array([0.3]), np.array([15.0]), 0.15, 0.1)
    axis = np.linspace(14.7, 15.05, 36)
    found = np.exp(population.ln_density(np.array([0.3]), axis))[0]
    np.testing.assert_allclose(found, norm.pdf(axis, 15.0, 0.1), rtol=1e-8)


@pytest.fixture(scope="module")
def cosmology():
    return Cosmology("multidark-planck", "diemer15_orig")


@pytest.fixture(scope="module")
def mass_function(cosmology):
    return mass_function_prior(cosmology, (0.01, 1.0), AXIS)


@pytest.mark.parametrize("z", [0.01, 0.05, 0.123, 0.61, 1.0])
def test_the_mass_function_is_that_of_the_cosmology_at_any_redshift(cosmology, mass_function, z):
    """Between its redshifts as well, up to where it is bounded."""
    (found,) = mass_function.ln_density(np.array([z]), AXIS)
    expected = np.log(cosmology.halo_density_mpc3(10.0**AXIS, z))
    expected -= np.log(np.trapezoid(np.exp(expected), AXIS))
    slope = np.gradient(expected, AXIS) / np.log(10.0)
    bounded = slope < 0.9 * STEEPEST
    assert bounded.any()
    np.testing.assert_allclose(found[~bounded], expected[~bounded], atol=0.03)
    heavy = np.gradient(found, AXIS) / np.log(10.0)
    np.testing.assert_allclose(heavy[-20:], STEEPEST, rtol=0.02)
    assert (np.diff(found) < 0.0).all()


def test_where_the_mass_function_is_bounded_no_halo_is_expected(cosmology, mass_function):
    """The whole sky from z = 0.1 to 1 has fewer than one cluster heavier than that."""
    expected = 0.0
    for z in np.linspace(0.1, 1.0, 19):
        density = cosmology.halo_density_mpc3(10.0**AXIS, z)
        slope = np.gradient(np.log(density), AXIS) / np.log(10.0)
        beyond = slope < STEEPEST
        per_mpc3 = np.trapezoid(density[beyond] * np.log(10.0), AXIS[beyond])
        distance_mpc = (1.0 + z) * cosmology.angular_distance_mpc(z)
        depth_mpc = 299_792.458 / (100.0 * cosmology.h * cosmology.e_z(z)) * 0.05
        expected += 4.0 * np.pi * distance_mpc**2 * depth_mpc * per_mpc3
    assert expected < 0.1


def test_a_table_is_linear_between_its_redshifts_and_theirs_beyond():
    masses = np.array([14.0, 15.0, 16.0])
    prior = TabulatedPrior(
        np.array([0.1, 0.5]), masses, np.array([[1.0, 0.5, 0.0], [0.0, 1.0, 0.0]])
    )
    found = np.exp(prior.ln_density(np.array([0.01, 0.1, 0.2, 0.5, 3.0]), np.array([14.5, 15.0])))
    expected = [[0.75, 0.5], [0.75, 0.5], [0.6875, 0.625], [0.5, 1.0], [0.5, 1.0]]
    np.testing.assert_allclose(found, expected)


def test_a_table_of_one_redshift_is_for_all_and_finite_where_it_is_nothing():
    prior = TabulatedPrior(np.array([0.0]), np.array([14.0, 15.0]), np.ones((1, 2)))
    found = prior.ln_density(np.array([0.01, 0.9]), AXIS)
    np.testing.assert_array_equal(found[0], found[1])
    inside = (AXIS >= 14.0) & (AXIS <= 15.0)
    np.testing.assert_allclose(found[:, inside], 0.0, atol=1e-12)
    assert np.isfinite(found).all()
    assert (found[:, ~inside] < -600.0).all()


def test_rows_of_a_table_are_each_normalised():
    prior = TabulatedPrior.normalised(
        np.array([0.1, 0.2]), AXIS, np.exp(-((AXIS - 14.5) ** 2)) * np.array([[1.0], [7.0]])
    )
    np.testing.assert_allclose(np.trapezoid(prior.density, AXIS, axis=1), 1.0)
    np.testing.assert_allclose(*prior.density)


def test_densities_do_not_depend_on_how_many_are_asked_for(population):
    redshift = np.geomspace(0.02, 0.9, 53)
    together = population.ln_density(redshift, AXIS)
    for count in (1, 4, 48):
        np.testing.assert_array_equal(
            population.ln_density(redshift[:count], AXIS), together[:count]
        )
