import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_triangular

from helpers.analytic import gaussian_posterior_mean
from szmass.microwave.masses.likelihood import (
    MassLikelihood,
    discrete_prior,
    posterior_mean_msun,
    uniform_prior,
)

AXIS_MSUN = np.unique(np.concatenate([np.geomspace(0.1, 25, 161), np.arange(1, 9)])) * 1e14
EIGHT_MSUN = np.arange(1.0, 9.0) * 1e14


@pytest.fixture(scope="module")
def likelihood(sky):
    signals = sky.mean_uk(AXIS_MSUN).reshape(len(AXIS_MSUN), -1)
    return MassLikelihood(AXIS_MSUN, signals, sky.covariance_uk2(), 0.2, 1e-12)


def draw(sky, masses_msun, seed, scatter):
    rng = np.random.default_rng(seed)
    ln_amplitude = scatter * rng.standard_normal(len(masses_msun))
    return sky.observe(sky.sz_uk(masses_msun, ln_amplitude), [rng]).astype(float)


@pytest.fixture(scope="module")
def toy():
    """Three masses, five pixels of correlated noise, and a few maps."""
    rng = np.random.default_rng(1)
    root = rng.standard_normal((5, 5))
    masses = np.array([1.0, 2.0, 4.0]) * 1e14
    shape = np.array([0.2, 0.6, 1.0, 0.6, 0.2])
    signals = -((masses[:, None] / 1e14) ** 1.6) * shape
    return masses, signals, root @ root.T + np.eye(5), rng.standard_normal((6, 5)) * 2 - shape


@pytest.mark.parametrize("ln_scatter", [0.0, 0.2, 0.5])
def test_posterior_of_a_toy_against_bayes_by_brute_force(toy, ln_scatter):
    masses, signals, covariance, maps = toy
    axis = np.linspace(-8, 8, 4001) if ln_scatter else np.zeros(1)
    weights = np.exp(-(axis**2) / 2)
    amplitudes = np.exp(ln_scatter * axis)
    joint = np.array(
        [
            [
                np.sum(weights * gaussian_density(d, amplitudes, signal, covariance))
                for signal in signals
            ]
            for d in maps
        ]
    )
    posterior = joint / joint.sum(axis=1, keepdims=True)
    exact = MassLikelihood(masses, signals, covariance, ln_scatter, 1e-12)
    # the integral over ln A ends at 5 sigma
    np.testing.assert_allclose(
        posterior_mean_msun(exact(maps), masses, np.full(3, 1 / 3)), posterior @ masses, rtol=1e-5
    )


def gaussian_density(d, amplitudes, signal, covariance):
    """N(d; A s, C) for many A, up to a factor: in full, with no algebra shared."""
    residual = d - amplitudes[:, None] * signal
    chi2 = np.einsum("ij,ij->i", residual, np.linalg.solve(covariance, residual.T).T)
    return np.exp(-chi2 / 2)


def test_scatter_integral_against_adaptive_quadrature(sky, likelihood):
    """Up to the heaviest clusters, whose maps tell A to 2 %."""
    nodes = [int(np.abs(AXIS_MSUN / 1e14 - mass).argmin()) for mass in (0.5, 2, 5, 8, 12)]
    maps = draw(sky, AXIS_MSUN[nodes], 2, 0.2)
    ln_likelihood = likelihood(maps)
    for row, node in enumerate(nodes):
        a = likelihood._overlap(maps)[row, node]
        b = likelihood._power[node]
        best = np.log(max(a / b, 1e-3)) / 0.2

        def ln_integrand(x, a=a, b=b):
            amplitude = np.exp(0.2 * x)
            return a * amplitude - b * amplitude**2 / 2 - x**2 / 2

        peak = ln_integrand(best)
        inside = sorted({float(np.clip(best + step, -4.99, 4.99)) for step in (-0.5, 0, 0.5)})
        value, _ = quad(
            lambda x, peak=peak: np.exp(ln_integrand(x) - peak),
            -5,
            5,
            points=inside,
            limit=500,
            epsrel=1e-10,
        )
        # the nodes' spacing is a constant of every mass and map
        expected = np.log(value) + peak - np.log(10 / 96)
        assert ln_likelihood[row, node] == pytest.approx(expected, abs=2e-4)


def test_a_linear_signal_and_a_gaussian_prior_give_the_conjugate_posterior():
    rng = np.random.default_rng(4)
    template, covariance = rng.standard_normal(6), np.diag(rng.uniform(0.5, 2, 6))
    axis: np.ndarray = np.linspace(0.01, 12, 3001)
    error = float(1 / np.sqrt(template @ np.linalg.solve(covariance, template)))
    maps = 5 * template + rng.standard_normal((8, 6)) @ np.sqrt(covariance)
    estimates = maps @ np.linalg.solve(covariance, template) * error**2
    exact = MassLikelihood(axis * 1e14, axis[:, None] * template, covariance, 0.0, 1e-12)
    prior = np.exp(-((axis - 5) ** 2) / (2 * 0.7**2))
    np.testing.assert_allclose(
        posterior_mean_msun(exact(maps), axis * 1e14, prior) / 1e14,
        gaussian_posterior_mean(estimates, error, 5.0, 0.7),
        rtol=1e-5,
    )


@pytest.mark.parametrize("prior", ["eight", "uniform"])
def test_posterior_mean_is_calibrated(sky, likelihood, prior):
    """Over draws from the prior E is right on average, whatever it says itself."""
    rng, maps = np.random.default_rng(5), 6000
    if prior == "eight":
        truth, weights = rng.choice(EIGHT_MSUN, maps), discrete_prior(AXIS_MSUN, EIGHT_MSUN)
    else:
        truth = rng.uniform(1e14, 8e14, maps)
        weights = uniform_prior(AXIS_MSUN, (1e14, 8e14))
    estimate = posterior_mean_msun(likelihood(draw(sky, truth, 6, 0.2)), AXIS_MSUN, weights)
    error = (estimate - truth) / 1e14
    assert error.mean() == pytest.approx(0, abs=4.5 * error.std() / np.sqrt(maps))
    order = np.argsort(estimate)
    for part in np.array_split(order, 8):
        bound = 4.5 * error[part].std() / np.sqrt(len(part))
        assert error[part].mean() == pytest.approx(0, abs=bound)
        assert bound < 0.2  # so that a bias could be seen


def test_no_other_estimator_has_a_smaller_error_under_the_prior(sky, likelihood):
    rng = np.random.default_rng(7)
    truth = rng.uniform(1e14, 8e14, 3000)
    ln_likelihood = likelihood(draw(sky, truth, 8, 0.2))
    best = posterior_mean_msun(ln_likelihood, AXIS_MSUN, uniform_prior(AXIS_MSUN, (1e14, 8e14)))
    mean_square = np.mean((best - truth) ** 2)
    for other in (
        1.03 * best,
        0.97 * best,
        posterior_mean_msun(ln_likelihood, AXIS_MSUN, discrete_prior(AXIS_MSUN, EIGHT_MSUN)),
        posterior_mean_msun(ln_likelihood, AXIS_MSUN, uniform_prior(AXIS_MSUN, (5e13, 9e14))),
        likelihood.matched_filter_msun(draw(sky, truth, 8, 0.2)),
    ):
        assert mean_square < np.mean((other - truth) ** 2)


@pytest.mark.parametrize("mass_1e14", [4, 6, 8])
def test_matched_filter_is_unbiased(sky, likelihood, mass_1e14):
    maps = 1500
    estimate = likelihood.matched_filter_msun(draw(sky, np.full(maps, mass_1e14 * 1e14), 9, 0.0))
    ln_ratio = np.log(estimate / 1e14 / mass_1e14)
    # a median's error is 1.25 times a mean's
    assert np.median(ln_ratio) == pytest.approx(0, abs=4.5 * 1.25 * ln_ratio.std() / np.sqrt(maps))
    # and as sharp as Fisher's information: d ln M / (SNR * d ln s / d ln M)
    step = 1e-3
    low, high = sky.mean_uk(mass_1e14 * 1e14 * np.exp(np.array([-step, step])))
    slope = ((high - low) / (2 * step)).ravel()
    error = 1 / np.sqrt(slope @ np.linalg.solve(sky.covariance_uk2(), slope))
    assert ln_ratio.std() == pytest.approx(error, rel=0.1)


def test_matched_filter_gives_the_mass_of_a_map_without_noise(sky, likelihood):
    masses = np.array([0.3, 1.234, 3.456, 7.89, 15.0]) * 1e14
    estimate = likelihood.matched_filter_msun(sky.mean_uk(masses))
    np.testing.assert_allclose(estimate, masses, rtol=2e-3)


def test_matched_filter_stays_on_the_axis(sky, likelihood):
    faint, bright = sky.mean_uk(np.array([1e14]))[0], sky.mean_uk(np.array([30e14]))[0]
    estimate = likelihood.matched_filter_msun(np.stack([-3 * faint, bright]))
    assert (estimate >= AXIS_MSUN[0]).all()
    assert (estimate <= AXIS_MSUN[-1] * (1 + 1e-12)).all()


def test_importance_sampling_finds_the_same_posterior(sky, likelihood):
    """Draws of mass and amplitude from the prior, weighted by exp(-chi^2 / 2) of all pixels."""
    rng, draws, maps = np.random.default_rng(10), 40_000, 60
    truth = rng.uniform(2e14, 7e14, maps)
    observed = draw(sky, truth, 11, 0.0)
    exact = posterior_mean_msun(
        likelihood(observed), AXIS_MSUN, uniform_prior(AXIS_MSUN, (1e14, 8e14))
    )
    factor = np.linalg.cholesky(sky.covariance_uk2())

    def whiten(images):
        return solve_triangular(factor, images.reshape(len(images), -1).T, lower=True).T

    masses = rng.uniform(1e14, 8e14, draws)
    amplitude = np.exp(0.2 * rng.standard_normal(draws))
    white_maps = whiten(observed)
    chi2 = np.empty((maps, draws))
    for start in range(0, draws, 5000):
        rows = slice(start, start + 5000)
        model = whiten(sky.cluster_uk(masses[rows], amplitude[rows]))
        chi2[:, rows] = np.sum(model**2, axis=1) - 2 * white_maps @ model.T
    weights = np.exp(-(chi2 - chi2.min(axis=1, keepdims=True)) / 2)
    weights /= weights.sum(axis=1, keepdims=True)
    sampled = weights @ masses
    error = np.sqrt(np.sum(weights**2 * (masses - sampled[:, None]) ** 2, axis=1))
    assert (error < 0.025 * sampled).all()
    assert (np.abs(sampled - exact) < 5 * error).all()


def test_published_scatters_lie_where_single_sets_of_1000_do(sky, likelihood):
    """Many maps against single sets: benchmarks/bound.py has 50 000 maps and the sets' spread."""
    rng, maps = np.random.default_rng(12), 4000
    truth = rng.uniform(2e14, 7e14, maps)
    priors = {
        "eight": discrete_prior(AXIS_MSUN, EIGHT_MSUN),
        "uniform": uniform_prior(AXIS_MSUN, (1e14, 8e14)),
    }
    scatter = {}
    for sigma in (0.2, 0.0):
        ln_likelihood = likelihood(draw(sky, truth, 13, sigma))
        for name, prior in priors.items():
            estimate = posterior_mean_msun(ln_likelihood, AXIS_MSUN, prior)
            scatter[name, sigma] = np.log(estimate / truth).std()
    # a single set's number, its spread between sets of 1000, and twice that of 4000 maps
    single = {
        ("eight", 0.2): (0.177, 0.006), ("eight", 0.0): (0.115, 0.005),
        ("uniform", 0.2): (0.165, 0.006), ("uniform", 0.0): (0.103, 0.005),
    }  # fmt: skip
    for key, (number, spread) in single.items():
        assert scatter[key] == pytest.approx(number, abs=3 * spread)
    assert scatter["eight", 0.0] == pytest.approx(0.109, abs=0.008)
    assert scatter["uniform", 0.0] < scatter["eight", 0.0] < scatter["uniform", 0.2]


def test_a_map_far_outside_a_prior_has_a_mean_inside_it(sky, likelihood):
    ln_likelihood = likelihood(sky.mean_uk(np.array([25e14])))
    mean = posterior_mean_msun(ln_likelihood, AXIS_MSUN, uniform_prior(AXIS_MSUN, (1e14, 2e14)))
    assert 1e14 < mean[0] <= 2e14


def test_uniform_prior_has_the_moments_of_a_uniform_density():
    prior = uniform_prior(AXIS_MSUN, (1e14, 8e14))
    assert prior.sum() == pytest.approx(1)
    assert (prior >= 0).all()
    assert (prior[(AXIS_MSUN < 0.95e14) | (AXIS_MSUN > 8.2e14)] == 0).all()
    mean = prior @ AXIS_MSUN / 1e14
    assert mean == pytest.approx(4.5, rel=2e-3)
    assert prior @ (AXIS_MSUN / 1e14 - mean) ** 2 == pytest.approx(49 / 12, rel=5e-3)
    evenly = np.linspace(1, 3, 5)
    np.testing.assert_allclose(uniform_prior(evenly, (1, 3)), np.array([1, 2, 2, 2, 1]) / 8)
    np.testing.assert_allclose(uniform_prior(evenly, (1.5, 2.5)), np.array([0, 1, 2, 1, 0]) / 4)


def test_discrete_prior_weighs_its_masses_alike():
    prior = discrete_prior(AXIS_MSUN, EIGHT_MSUN)
    assert prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(AXIS_MSUN[prior > 0], EIGHT_MSUN)
    assert set(prior[prior > 0]) == {1 / 8}
    with pytest.raises(ValueError, match=r"1.5e\+14 Msun is no node"):
        discrete_prior(EIGHT_MSUN, np.array([1.5e14]))
