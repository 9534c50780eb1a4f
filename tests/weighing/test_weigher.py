"""Posteriors in closed form: Gaussians, priors that multiply, intervals with what gas is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm, truncnorm

from helpers.toy_weighing import (
    COSMOLOGY,
    GAS_MODELS,
    GRID,
    linear_network,
    toy_ensemble,
    toy_inputs,
    toy_record,
)
from szmass.evaluation.posteriors import QUANTILES
from szmass.sky.scaling import PIVOT_M500_MSUN
from szmass.weighing import weigher as module
from szmass.weighing.priors import Population, TabulatedPrior
from szmass.weighing.weigher import SUFFIXES, UNTRUSTED, Weigher, WeighingError

LN10 = np.log(10.0)
PIVOT = np.log10(PIVOT_M500_MSUN)
SIGMA = 0.2
"""Of ln Y."""
RATIO = np.sinh(np.array([1.5, 2.5, 3.0]))
LN_Y = np.array([-1.5, -0.5, 0.0])
"""Means of ln Y over the pivot's at these ratios."""
GADGET = GAS_MODELS["gadget_x"]


AXIS_ERROR = 1e-3
"""Of a quantile in dex, on an axis in steps of 0.01; a fiftieth of the posteriors' widths."""


def make_weigher(population=None, **facts):
    ensemble = toy_ensemble(linear_network(slope=1.0, offset=-3.0, sigma=SIGMA))
    return Weigher(toy_record(ensemble, population, **facts))


@pytest.fixture(scope="module")
def weigher():
    return make_weigher()


def log10_mass(gas):
    """Mean and width of log10 M under a relation, flat prior."""
    mean = PIVOT + (LN_Y / LN10 - gas["log10_b"]) / gas["alpha"]
    return mean, SIGMA / (gas["alpha"] * LN10)


@pytest.mark.parametrize("name", GAS_MODELS)
def test_quantiles_of_a_gaussian_posterior(weigher, name):
    masses = weigher(toy_inputs(RATIO), prior="flat", gas=name, total=False)
    mean, width = log10_mass(GAS_MODELS[name])
    assert list(masses) == [f"m500_msun{end}" for end in SUFFIXES]
    for end, level in zip(SUFFIXES, QUANTILES, strict=True):
        expected = mean + width * norm.ppf(level)
        np.testing.assert_allclose(np.log10(masses[f"m500_msun{end}"]), expected, atol=AXIS_ERROR)


@pytest.mark.parametrize("level", [0.1, 1.0])
def test_maps_are_measured_by_filter_and_meter(weigher, level):
    """Of a map that is a filter with a white noise beyond it; a lower noise counts as the least."""
    record = weigher.record
    noise = np.random.default_rng(1).standard_normal((2, GRID.pixels, GRID.pixels))
    maps = level * noise + 30.0 * record.bank.filters.reshape(1, GRID.pixels, GRID.pixels)
    inputs = weigher.inputs(maps, np.array([0.2, 0.4]))
    flat = maps.reshape(2, -1)
    np.testing.assert_allclose(inputs.amplitude, flat @ record.bank.filters.T, rtol=1e-6)
    outside = flat[:, GRID.radius_arcmin.ravel() > 8.0]
    np.testing.assert_allclose(inputs.level, outside.std(axis=1))
    silent = make_weigher(least_level=2.0).inputs(maps, np.array([0.2, 0.4]))
    np.testing.assert_array_equal(silent.level, 2.0)


def trusted_quantile(level, product, precision, mean, width):
    """Of a Gaussian product, cut where the network's Gaussian has `UNTRUSTED` left."""
    low, high = (mean + sign * norm.isf(UNTRUSTED) * width for sign in (-1.0, 1.0))
    sigma = 1.0 / np.sqrt(precision)
    return truncnorm.ppf(level, (low - product) / sigma, (high - product) / sigma, product, sigma)


def test_a_prior_multiplies_exactly():
    """Gaussian x Gaussian where the network's is trusted; the population's tail is far above."""
    mean, width = log10_mass(GADGET)
    centre, spread = 14.9, 0.15
    population = Population(np.array([0.3]), np.array([centre]), 0.15, spread)
    masses = make_weigher(population)(
        toy_inputs(RATIO[:2]), prior="psz2", gas="gadget_x", total=False
    )
    precision = 1.0 / width**2 + 1.0 / spread**2
    product = (mean[:2] / width**2 + centre / spread**2) / precision
    assert product.max() + 6.0 / np.sqrt(precision) < centre + 1.88 * spread + 0.1
    assert (np.abs(product - mean[:2]) > 10.0 * AXIS_ERROR).all()
    for end, level in zip(SUFFIXES, QUANTILES, strict=True):
        expected = trusted_quantile(level, product, precision, mean[:2], width)
        found = np.log10(masses[f"m500_msun{end}"])
        np.testing.assert_allclose(found, expected, atol=2 * AXIS_ERROR)  # the cut is at a node


def test_a_prior_multiplies_the_total_as_well():
    """The mean over gas is one of densities, before the prior: Gaussian in log10_b, hence in M."""
    centre, spread, b_width = 14.5, 0.25, 0.05
    population = Population(np.array([0.3]), np.array([centre]), 0.15, spread)
    prior = {"alpha": [1.63, 0.0], "log10_b": [-0.19, b_width], "sigma_lny": [0.11, 0.0]}
    weigher = make_weigher(population, gas_prior=prior, gas_nodes=9)
    masses = weigher(toy_inputs(RATIO[:1]), prior="psz2", gas="gadget_x")
    mean, width = log10_mass(GADGET)
    total = np.hypot(width, b_width / 1.63)
    precision = 1.0 / total**2 + 1.0 / spread**2
    product = (mean[0] / total**2 + centre / spread**2) / precision
    for end, level in zip(SUFFIXES, QUANTILES, strict=True):
        expected = trusted_quantile(level, product, precision, mean[0], total)
        found = np.log10(masses[f"m500_msun_total{end}"][0])
        assert found == pytest.approx(expected, abs=AXIS_ERROR)


def test_a_gas_that_is_known_adds_nothing(weigher):
    """A prior of width 0 about the reference: the total interval is the statistical one."""
    masses = weigher(toy_inputs(RATIO), prior="psz2", gas="gadget_x")
    for end in SUFFIXES:
        np.testing.assert_allclose(masses[f"m500_msun_total{end}"], masses[f"m500_msun{end}"])


@pytest.mark.parametrize(("alpha_width", "b_width"), [(0.1, 0.0), (0.0, 0.08), (0.1, 0.08)])
def test_a_gas_that_is_less_known_widens_the_total(alpha_width, b_width):
    prior = {
        "alpha": [1.63, alpha_width],
        "log10_b": [-0.19, b_width],
        "sigma_lny": [0.11, 0.0],
    }
    weigher = make_weigher(gas_prior=prior)
    masses = weigher(toy_inputs(RATIO), prior="flat", gas="gadget_x")
    for lower, upper in (("_p16", "_p84"), ("_p2p5", "_p97p5")):
        of_one, total = (
            np.log10(masses[f"m500_msun{kind}{upper}"] / masses[f"m500_msun{kind}{lower}"])
            for kind in ("", "_total")
        )
        assert (total > of_one).all()
        # the faintest lies far from the pivot, where a slope counts
        assert total[0] > 1.04 * of_one[0]


def moments(posteriors):
    """Mean and standard deviation of log10 M of each posterior."""
    axis, density = posteriors.axis_log10_msun, posteriors.density
    mean = np.trapezoid(density * axis, axis, axis=1)
    return mean, np.sqrt(np.trapezoid(density * (axis - mean[:, None]) ** 2, axis, axis=1))


def test_the_variance_of_the_total_is_the_sum_of_both():
    prior = {"alpha": [1.63, 0.0], "log10_b": [-0.19, 0.08], "sigma_lny": [0.11, 0.0]}
    weigher = make_weigher(gas_prior=prior)
    inputs = toy_inputs(RATIO)
    ((_, _, total),) = weigher.in_parts(inputs, prior="flat", gas="gadget_x")
    mean, width = moments(total)
    expected, of_one = log10_mass(GADGET)
    np.testing.assert_allclose(mean, expected, atol=1e-6)
    np.testing.assert_allclose(width, np.hypot(of_one, 0.08 / 1.63), rtol=1e-5)


def test_the_total_does_not_depend_on_the_gas_that_is_told():
    prior = {"alpha": [1.7, 0.1], "log10_b": [-0.24, 0.08], "sigma_lny": [0.11, 0.0]}
    weigher = make_weigher(gas_prior=prior)
    one, other = (weigher(toy_inputs(RATIO), prior="psz2", gas=name) for name in GAS_MODELS)
    assert (one["m500_msun"] != other["m500_msun"]).all()
    np.testing.assert_array_equal(one["m500_msun_total"], other["m500_msun_total"])


STEP = np.linspace(14.2, 14.9, 8)
TABLE = TabulatedPrior(
    np.array([0.1, 0.5]), STEP, np.stack([np.exp(-20.0 * (STEP - 14.4) ** 2), (STEP > 14.5) * 1.0])
)
"""A prior of a user's, which ends at both sides and has a gap."""


@pytest.mark.parametrize(
    "prior",
    ["flat", "training", "psz2", "mass-function", TABLE],
    ids=lambda one: one if isinstance(one, str) else "table",
)
@given(first=st.floats(0.5, 12.0), redshift=st.floats(0.02, 0.95))
@settings(max_examples=12, deadline=None)
def test_a_brighter_cluster_is_never_lighter(prior, first, redshift):
    """Nor is an end of its intervals, for its signal times 0.3 to 20, whatever the prior.

    The population has a lonely outlier and a narrow clump. Where a density is trusted is known to a
    node, so that a mass may rest within a step of the axis.
    """
    inputs = toy_inputs(first * np.geomspace(0.3, 20.0, 60), redshift=redshift)
    masses = crowded()(inputs, prior=prior, gas="magneticum")
    for name, values in masses.items():
        assert np.isfinite(values).all(), name
        assert (np.diff(values) >= -1e-9 * values[1:]).all(), name
    assert masses["m500_msun"][-1] / masses["m500_msun"][0] > 3.0


@cache
def crowded():
    rng = np.random.default_rng(2)
    log10_m = np.concatenate([rng.normal(14.4, 0.15, 60), [15.6], np.full(20, 14.9)])
    population = Population(np.full(len(log10_m), 0.3), log10_m, 0.15, 0.03)
    known = {"alpha": [1.7, 0.1], "log10_b": [-0.24, 0.08], "sigma_lny": [0.11, 0.0]}
    return make_weigher(population, gas_prior=known, gas_nodes=3)


@pytest.mark.parametrize(
    ("name", "near"), [("gadget-x", "gadget_x"), ("magnetikum", "magneticum"), ("qqq", "")]
)
def test_an_unknown_gas_is_told_with_the_nearest(weigher, name, near):
    with pytest.raises(WeighingError) as caught:
        weigher(toy_inputs(RATIO), prior="flat", gas=name)
    hint = f"; did you mean {near}?" if near else ""
    assert str(caught.value) == f"gas '{name}': expected one of gadget_x, magneticum{hint}"


@pytest.mark.parametrize(
    ("name", "near"), [("psz", "psz2"), ("massfunction", "mass-function"), ("qqq", "")]
)
def test_an_unknown_prior_is_told_with_the_nearest(weigher, name, near):
    with pytest.raises(WeighingError) as caught:
        weigher(toy_inputs(RATIO), prior=name, gas="gadget_x")
    hint = f"; did you mean {near}?" if near else ""
    expected = "expected one of psz2, flat, training, mass-function"
    assert str(caught.value) == f"prior '{name}': {expected}{hint}"


def test_the_prior_of_the_training_is_flat(weigher):
    flat, training = (
        weigher(toy_inputs(RATIO), prior=name, gas="gadget_x") for name in ("flat", "training")
    )
    for name, masses in flat.items():
        np.testing.assert_array_equal(training[name], masses)


def test_the_mass_function_shifts_a_gaussian_by_its_slope(weigher):
    """A power law M^s times a Gaussian of width w in ln M moves its mean by s w^2."""
    inputs = toy_inputs(np.sinh([2.0, 2.5, 2.7]))
    flat, drawn = (
        weigher.posteriors(inputs, weigher.gas("gadget_x"), weigher.ln_prior(name, inputs.redshift))
        for name in ("flat", "mass-function")
    )
    mean, width = moments(flat)
    found, _ = moments(drawn)
    step = 0.02
    ends = (COSMOLOGY.halo_density_mpc3(10.0 ** (mean + side), 0.3) for side in (-step, step))
    lower, upper = ends
    slope = np.log(upper / lower) / (2.0 * step * LN10)
    np.testing.assert_allclose((found - mean) * LN10, slope * (width * LN10) ** 2, rtol=0.1)
    assert (slope < -1.5).all()


def test_the_prior_is_that_of_each_clusters_redshift():
    """Two populations of different masses, far apart in redshift."""
    population = Population(np.array([0.05, 0.5]), np.array([14.0, 15.0]), 0.1, 0.1)
    weigher = make_weigher(population)
    inputs = replace(toy_inputs(np.full(2, RATIO[1])), redshift=np.array([0.05, 0.5]))
    near, far = weigher(inputs, prior="psz2", gas="gadget_x", total=False)["m500_msun"]
    between = weigher(inputs, prior="flat", gas="gadget_x", total=False)["m500_msun"][0]
    assert near < between < far


def test_clusters_are_weighed_some_at_a_time_as_all_at_once(weigher, monkeypatch):
    inputs = toy_inputs(np.geomspace(1.0, 50.0, 7))
    whole = weigher(inputs, prior="psz2", gas="gadget_x")
    monkeypatch.setattr(module, "AT_ONCE", 3)
    parts = weigher(inputs, prior="psz2", gas="gadget_x")
    sizes = [rows for rows, *_ in weigher.in_parts(inputs, prior="psz2", gas="gadget_x")]
    assert len(sizes) == 3
    for name, masses in whole.items():
        np.testing.assert_allclose(parts[name], masses, rtol=1e-12)


def test_the_nodes_are_those_of_the_record():
    prior = {"alpha": [1.7, 0.1], "log10_b": [-0.24, 0.08], "sigma_lny": [0.12, 0.0]}
    nodes, weights = make_weigher(gas_prior=prior, gas_nodes=3).nodes
    assert len(nodes.alpha) == len(weights) == 9
    assert weights @ nodes.alpha == pytest.approx(1.7)
    assert weights @ nodes.log10_b == pytest.approx(-0.24)
    assert set(nodes.sigma_lny) == {0.12}
