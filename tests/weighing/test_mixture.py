"""Mixtures are densities of log10 M, and the network in numpy is that of Keras."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from helpers.toy_weighing import TOLD, linear_network, toy_ensemble, toy_inputs
from szmass.evaluation.posteriors import MassPosteriors
from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing.gas import Gas
from szmass.weighing.mixture import LN_SIGMAS, Ensemble, Inputs, Mixture, Standard
from szmass.weighing.training.network import build

AXIS = np.linspace(10.0, 20.0, 10_001)
LN10 = np.log(10.0)


@pytest.fixture(scope="module")
def mixture():
    rng = np.random.default_rng(1)
    return Mixture(
        np.log(rng.dirichlet([2.0, 2.0, 2.0], size=6)),
        rng.normal(14.5, 0.5, (6, 3)),
        np.log(rng.uniform(0.02, 0.4, (6, 3))),
    )


@pytest.fixture(scope="module")
def settings(params):
    return replace(params.weighing, hidden=8, hidden_layers=3, gaussians=3)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(2)
    return Inputs(
        amplitude=rng.normal(0.0, 20.0, (40, 4)),
        level=rng.uniform(0.5, 2.0, 40),
        redshift=rng.uniform(0.01, 1.0, 40),
        whitening=rng.standard_normal((4, 3)),
    )


@pytest.fixture(scope="module")
def gas():
    rng = np.random.default_rng(3)
    return Gas(rng.uniform(1.4, 2.0, 40), rng.uniform(-0.5, 0.1, 40), rng.uniform(0.05, 0.2, 40))


@pytest.fixture(scope="module")
def ensemble(settings, inputs, gas):
    """Two networks of random weights, large enough for some widths to be held at their ends."""
    features = inputs.features(gas)
    rng = np.random.default_rng(4)
    weights = []
    for seed in range(2):
        model = build(features.shape[1], settings, steps=1, seed=seed)
        first = model.get_weights()
        weights.append([values + rng.normal(0.0, 0.7, values.shape) for values in first])
    standard = Standard.of(features, np.linspace(-4.0, 4.0, 40))
    return Ensemble([[v.astype(np.float32) for v in member] for member in weights], standard)


def test_ln_density_is_the_sum_of_gaussians(mixture):
    gaussians = (
        norm.pdf(AXIS, mixture.mean[..., None], np.exp(mixture.ln_sigma)[..., None])
        * np.exp(mixture.ln_weight)[..., None]
    )
    with np.errstate(divide="ignore"):
        expected = np.log(gaussians.sum(axis=1))
    near = np.isfinite(expected)
    ln_density = mixture.ln_density(AXIS)
    np.testing.assert_allclose(ln_density[near], expected[near], rtol=1e-9)


def test_densities_integrate_to_1(mixture):
    integral = np.trapezoid(np.exp(mixture.ln_density(AXIS)), AXIS, axis=1)
    np.testing.assert_allclose(integral, 1.0, rtol=1e-9)


def test_the_logarithm_is_known_where_the_density_is_0(mixture):
    far = np.array([-100.0, 100.0])
    assert (mixture.density(far) == 0.0).all()
    assert np.isfinite(mixture.ln_density(far)).all()


def test_both_ways_to_a_density_agree(mixture):
    density, exact = mixture.density(AXIS), np.exp(mixture.ln_density(AXIS))
    np.testing.assert_allclose(density, exact, rtol=0.0, atol=1e-5 * exact.max())


def test_single_precision_moves_no_quantile(mixture):
    """By a part in 10 000 of the narrowest width, where the axis is that of the records."""
    axis = np.linspace(13.3, 17.0, 371)
    narrow = np.maximum(mixture.ln_sigma, np.log(0.03))
    masses = Mixture(mixture.ln_weight, 15.0 + 0.1 * np.tanh(mixture.mean), narrow)
    found, exact = (
        MassPosteriors.of_weights(axis, density).quantiles()
        for density in (masses.density(axis), np.exp(masses.ln_density(axis)))
    )
    np.testing.assert_allclose(found, exact, rtol=0.0, atol=3e-6)


def test_the_mean_of_mixtures_is_that_of_their_densities(mixture):
    other = replace(mixture, mean=mixture.mean + 0.3)
    weights = np.array([0.3, 0.7])
    both = Mixture.mean_of([mixture, other], weights)
    expected = 0.3 * np.exp(mixture.ln_density(AXIS)) + 0.7 * np.exp(other.ln_density(AXIS))
    np.testing.assert_allclose(np.exp(both.ln_density(AXIS)), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("member", [0, 1])
def test_the_network_in_numpy_is_that_of_keras(ensemble, settings, inputs, gas, member):
    features = inputs.features(gas)
    model = build(features.shape[1], settings, steps=1, seed=0)
    model.set_weights(ensemble.weights[member])
    outputs = np.asarray(model.predict_on_batch(ensemble.standard.features(features)), dtype=float)
    weight, mean, ln_sigma = np.split(outputs, 3, axis=1)
    assert (np.abs(ln_sigma) > 1.0).any()

    alone = Ensemble([ensemble.weights[member]], replace(ensemble.standard, y_scale=1.0))
    mixture = alone(inputs, gas)
    per_dex = (gas.alpha * LN10)[:, None]
    y = mixture.mean - np.log10(PIVOT_M500_MSUN)
    y = y * per_dex + (gas.log10_b * LN10)[:, None] - ensemble.standard.y_centre
    np.testing.assert_allclose(y, mean, rtol=1e-5, atol=1e-5)
    found = mixture.ln_sigma + np.log(per_dex)
    np.testing.assert_allclose(found, np.clip(ln_sigma, *LN_SIGMAS), rtol=1e-5, atol=1e-5)
    softmax = np.exp(weight) / np.exp(weight).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(mixture.ln_weight), softmax, rtol=1e-4, atol=1e-6)


def test_densities_of_networks_are_averaged(ensemble, inputs, gas):
    both = ensemble(inputs, gas).density(AXIS)
    one, two = (
        Ensemble([weights], ensemble.standard)(inputs, gas).density(AXIS)
        for weights in ensemble.weights
    )
    assert np.abs(one - two).max() > 0.1
    # some widths are a thousandth of the distance between the means
    np.testing.assert_allclose(both, (one + two) / 2.0, rtol=0.0, atol=1e-3 * both.max())


@pytest.mark.parametrize("alpha", [1.0, 1.4, 1.63, 2.0])
@pytest.mark.parametrize("log10_b", [-0.5, 0.1])
def test_a_relation_turns_a_density_of_ln_y_into_one_of_mass(alpha, log10_b):
    """p(log10 M) = p(ln Y) dlnY / dlog10 M, with ln Y of the relation itself."""
    ensemble = toy_ensemble(linear_network(slope=1.0, offset=-3.0, sigma=0.2))
    gas = Gas(np.array(alpha), np.array(log10_b), np.array(0.1))
    inputs = toy_inputs([2.0, 10.0, 100.0])
    density = ensemble(inputs, gas).density(AXIS)
    np.testing.assert_allclose(np.trapezoid(density, AXIS, axis=1), 1.0, rtol=1e-6)
    ln_y = np.arcsinh([2.0, 10.0, 100.0])[:, None] - 3.0
    expected = norm.pdf(gas.ln_y(AXIS), ln_y, 0.2) * alpha * LN10
    # features are of single precision
    np.testing.assert_allclose(density, expected, rtol=1e-5, atol=1e-5)


def test_features_are_what_the_docstring_says(inputs, gas):
    ratio = inputs.amplitude / inputs.level[:, None]
    features = inputs.features(gas)
    assert features.shape == (40, 4 + 3 + TOLD)
    np.testing.assert_array_equal(features[:, :4], np.arcsinh(ratio))
    np.testing.assert_allclose(np.sinh(features[:, 4:7]), ratio @ inputs.whitening)
    np.testing.assert_allclose(np.exp(features[:, 7]), inputs.level)
    np.testing.assert_allclose(np.exp(features[:, 9]), features[:, 8])
    np.testing.assert_array_equal(features[:, 10:].T, [gas.alpha, gas.log10_b, gas.sigma_lny])


def test_standardised_features_have_mean_0_and_scatter_1(inputs, gas):
    features = inputs.features(gas)
    ln_y = np.random.default_rng(5).normal(-2.0, 3.0, 40)
    standard = Standard.of(features, ln_y)
    for values in (standard.features(features), standard.labels(ln_y)):
        np.testing.assert_allclose(values.mean(axis=0), 0.0, atol=1e-5)
        np.testing.assert_allclose(values.std(axis=0), 1.0, rtol=1e-5)
        assert values.dtype == np.float32


def test_some_of_the_clusters(inputs, gas):
    rows = np.array([5, 2])
    part = inputs.at(rows)
    own = Gas(gas.alpha[rows], gas.log10_b[rows], gas.sigma_lny[rows])
    np.testing.assert_array_equal(part.features(own), inputs.features(gas)[rows])
