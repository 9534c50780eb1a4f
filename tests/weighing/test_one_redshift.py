"""Weighing of a survey that is its covariance and its clusters' images, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest

from szmass.evaluation.posteriors import MassPosteriors
from szmass.sky.fields import pixel_covariance
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.weighing.filters import CovarianceNoise, FilterBank, PixelNoise, information
from szmass.weighing.judgement.against_exact import (
    MOST_NATS,
    AgainstExact,
    divergence_nats,
    judge_against_exact,
    mean_msun,
)
from szmass.weighing.one_redshift import OneRedshift

GRID = PixelGrid(pixels=16, pixel_arcmin=1.0)
ELL = np.arange(12_001)
CL = gaussian_beam(ELL, 2.0) ** 2 * 1e-3 / (1.0 + ELL / 500.0) ** 2 + 1e-7
MASSES_MSUN = np.geomspace(1e14, 1e15, 30)
AXIS = np.linspace(14.0, 15.2, 1201)


def images(masses_msun):
    """Gaussians whose width grows with the mass, in units of a fictitious temperature."""
    width = 1.0 + 2.0 * (masses_msun / 1e15)[:, None, None]
    return (masses_msun / 1e14)[:, None, None] * np.exp(-0.5 * (GRID.radius_arcmin / width) ** 2)


@pytest.fixture(scope="module")
def noise():
    return CovarianceNoise(GRID, pixel_covariance(CL, GRID))


def survey_of(noise, filters):
    masses = np.geomspace(MASSES_MSUN[0], MASSES_MSUN[-1], filters)
    return OneRedshift.of(images, noise, masses, redshift=0.7, ln_scatter=0.2)


def test_a_matrix_gives_the_filters_that_its_spectrum_gives(noise):
    of_spectrum = PixelNoise.of_spectrum(CL, GRID, jitter_arcmin=0.0)
    first, second = (
        FilterBank.of_templates(images(MASSES_MSUN[:3]), one) for one in (noise, of_spectrum)
    )
    assert noise.variance == pytest.approx(of_spectrum.variance)
    np.testing.assert_allclose(first.filters, second.filters, atol=1e-4 * abs(first.filters).max())


def test_pixels_of_different_noise_are_weighed_as_they_are(noise):
    """As under a taper, where no correlation function tells the covariance."""
    taper = np.exp(-0.5 * (GRID.radius_arcmin / 6.0) ** 2).ravel()
    tapered = CovarianceNoise(GRID, taper[:, None] * noise.covariance * taper)
    signals = images(MASSES_MSUN[::10]).reshape(3, -1) * taper
    dense = np.einsum("ni,in->n", signals, np.linalg.solve(tapered.covariance, signals.T))
    found = information(signals.reshape(3, 16, 16), tapered)
    np.testing.assert_allclose(found, dense, rtol=1e-6)


def test_what_filters_lose_is_what_no_template_explains(noise):
    """Against the projection of C^-1/2 s on the templates with their mean level left free."""
    survey = survey_of(noise, 3)
    root = np.linalg.inv(np.linalg.cholesky(noise.covariance))
    level = root @ np.ones(16**2)
    level /= np.linalg.norm(level)
    white = [root @ image.ravel() for image in images(np.geomspace(1e14, 1e15, 3))]
    basis, _ = np.linalg.qr(np.stack([one - (one @ level) * level for one in white], axis=1))
    signals = images(MASSES_MSUN).reshape(30, -1) @ root.T
    seen = np.sum((signals @ basis) ** 2, axis=1)
    expected = 1.0 - seen / np.sum(signals**2, axis=1)
    lost = survey.lost_information(MASSES_MSUN, noise)
    np.testing.assert_allclose(lost, expected, atol=1e-4)
    with_more = survey_of(noise, 6).lost_information(MASSES_MSUN, noise)
    assert (with_more < lost + 1e-6).all()
    assert with_more[MASSES_MSUN.searchsorted(6e14)] < 0.5 * lost[MASSES_MSUN.searchsorted(6e14)]


def test_examples_have_the_scatter_and_noise_of_the_survey(noise, params):
    survey = replace(survey_of(noise, 3), ln_scatter=0.3)
    clusters = survey.clusters(np.full(40_000, 14.5), params.weighing)
    features, ln_y = clusters.examples(np.random.default_rng(1), np.arange(len(clusters)))
    amplitude = np.sinh(features[:, :3])
    mean = survey.amplitudes(np.array([10.0**14.5]))[0]
    expected = survey.bank.noise_covariance + np.outer(mean, mean) * (
        np.exp(2 * 0.3**2) - np.exp(0.3**2)
    )
    np.testing.assert_allclose(amplitude.mean(axis=0), mean * np.exp(0.045), rtol=0.02)
    np.testing.assert_allclose(np.cov(amplitude.T), expected, rtol=0.05)
    assert np.ptp(ln_y) == 0.0
    assert np.ptp(features[:, -6:], axis=0).max() == 0.0  # what all maps of a survey share


def gaussians(mean, sigma):
    weight = np.exp(-0.5 * ((AXIS - np.asarray(mean)[:, None]) / sigma) ** 2)
    return MassPosteriors.of_weights(AXIS, weight)


def test_the_divergence_of_gaussians_is_the_known_one():
    exact, found = gaussians([14.6], 0.05), gaussians([14.62], 0.06)
    expected = np.log(0.06 / 0.05) + (0.05**2 + 0.02**2) / (2 * 0.06**2) - 0.5
    assert divergence_nats(exact, found)[0] == pytest.approx(expected, rel=1e-6)
    assert divergence_nats(exact, exact)[0] == 0.0


def test_the_mean_of_a_log_normal_is_the_known_one():
    found = mean_msun(gaussians([14.6], 0.05))
    assert found[0] == pytest.approx(10**14.6 * np.exp(0.5 * (0.05 * np.log(10)) ** 2), rel=1e-6)


@pytest.mark.parametrize(
    ("shift", "factor", "fails"),
    [
        (0.0, 1.0, set()),
        (0.0, 0.8, {"divergence_nats"}),
        (0.3, 1.0, {"divergence_nats"}),
        (0.0, 1.1, set()),  # 0.009 nats
    ],
)
def test_the_gate_finds_posteriors_that_are_not_exact(shift, factor, fails):
    """Widths or places that are wrong by so much of the width."""
    rng = np.random.default_rng(3)
    truth, sigma = rng.uniform(14.4, 14.8, 500), 0.05
    mean = truth + sigma * rng.standard_normal(500)
    judged = AgainstExact(
        10.0**truth, gaussians(mean, sigma), gaussians(mean + shift * sigma, factor * sigma)
    )
    metrics = judged.metrics(draws=100, rng=rng)
    assert metrics["scatter_ln_mass_exact"] == pytest.approx(sigma * np.log(10), rel=0.1)
    failed = {check.what for check in judge_against_exact({"all": metrics}) if not check.passed}
    assert failed == fails


def test_the_gate_finds_masses_that_scatter_more():
    """By a tenth, which a divergence of 0.1 nats would not tell from a wrong width."""
    rng = np.random.default_rng(4)
    truth, sigma = rng.uniform(14.4, 14.8, 500), 0.05
    mean = truth + sigma * rng.standard_normal(500)
    worse = mean + np.sqrt(1.1**2 - 1.0) * sigma * rng.standard_normal(500)
    judged = AgainstExact(10.0**truth, gaussians(mean, sigma), gaussians(worse, 1.1 * sigma))
    checks = judge_against_exact({"all": judged.metrics(draws=200, rng=rng)})
    ratio, nats = checks
    assert not ratio.passed
    assert ratio.found == pytest.approx(1.1, abs=0.03)
    assert nats.found > MOST_NATS
