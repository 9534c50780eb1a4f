"""The filters are C^-1 T, found without the pixels' full covariance; the meter measures noise."""

import numpy as np
import pytest

from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.fields import pixel_covariance
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.weighing.filters import FilterBank, LevelMeter, PixelNoise

GRID = PixelGrid(pixels=24, pixel_arcmin=2.0)
ELL = np.arange(12_001)
CL = gaussian_beam(ELL, 5.0) ** 2 * 1e-4 / (1.0 + ELL / 500.0) + 1e-6


@pytest.fixture(scope="module")
def noise():
    return PixelNoise.of_spectrum(CL, GRID, jitter_arcmin=0.0)


@pytest.fixture(scope="module")
def templates():
    radii, index = GRID.unique_radii
    profiles = beamed_profiles(np.array([2.0, 5.0, 9.0]), radii, beam_fwhm_arcmin=5.0)
    return profiles[:, index].reshape(-1, 24, 24)


@pytest.fixture(scope="module")
def bank(templates, noise):
    return FilterBank.of_templates(templates, noise)


@pytest.fixture(scope="module")
def covariance():
    return pixel_covariance(CL, GRID)


def test_the_covariance_of_separations_is_that_of_pixels(noise, covariance):
    row, column = np.divmod(np.arange(24**2), 24)
    squares = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    np.testing.assert_allclose(noise.of_square[squares], covariance, rtol=1e-10)


def test_filters_solve_the_full_system(bank, templates, covariance):
    """Against a dense solution in which the mean level is projected out exactly."""
    flat = templates.reshape(3, -1)
    solved = np.linalg.solve(covariance, np.vstack([flat, np.ones(24**2)]).T).T
    # a free mean level: K = C^-1 (t - m 1) with K . 1 = 0
    level = solved[:3].sum(axis=1) / solved[3].sum()
    filters = solved[:3] - level[:, None] * solved[3]
    filters /= np.sqrt(np.einsum("ki,ij,kj->k", filters, covariance, filters))[:, None]
    np.testing.assert_allclose(bank.filters, filters, rtol=0, atol=1e-5 * np.abs(filters).max())
    np.testing.assert_allclose(bank.noise_covariance, filters @ covariance @ filters.T, atol=1e-6)


def test_amplitudes_of_noise_have_unit_variance_and_the_banks_covariance(bank, covariance):
    rng = np.random.default_rng(1)
    root = np.linalg.cholesky(covariance)
    maps = (rng.standard_normal((20_000, 24**2)) @ root.T).reshape(-1, 24, 24)
    found = np.cov(bank.amplitudes(maps).T)
    np.testing.assert_allclose(np.diag(found), 1.0, atol=5 * np.sqrt(2 / 20_000))
    np.testing.assert_allclose(found, bank.noise_covariance, atol=5 * np.sqrt(2 / 20_000))


def test_a_mean_level_changes_no_amplitude(bank, templates):
    maps = templates.astype(np.float64)
    raised = bank.amplitudes(maps + 10 * maps.max())
    np.testing.assert_allclose(raised, bank.amplitudes(maps), rtol=1e-3)


def test_no_other_filter_sees_a_template_better(bank, templates):
    """The matched filter has the largest signal-to-noise ratio of all linear ones."""
    ratio = bank.amplitudes(templates.astype(float))
    np.testing.assert_array_equal(ratio.argmax(axis=1), [0, 1, 2])


def test_the_meter_measures_the_level_with_its_stated_scatter(noise, covariance):
    meter = LevelMeter.of_noise(noise, inner_arcmin=15.0)
    rng = np.random.default_rng(2)
    root = np.linalg.cholesky(covariance)
    maps = 3.0 * (rng.standard_normal((20_000, 24**2)) @ root.T).reshape(-1, 24, 24)
    square = meter(maps) ** 2 / 9.0
    scatter = np.sqrt(2.0 / meter.modes)
    assert square.mean() == pytest.approx(1.0, abs=5 * scatter / np.sqrt(20_000))
    assert square.std() == pytest.approx(scatter, rel=0.04)


def test_jitter_makes_neighbours_less_alike_and_leaves_the_variance(noise):
    blurred = PixelNoise.of_spectrum(CL, GRID, jitter_arcmin=1.0)
    assert blurred.of_square[0] == noise.of_square[0]
    assert blurred.of_square[1] < noise.of_square[1]
