"""Y of the pivot and the gas is the scaling relation's; nodes of a prior integrate it exactly."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.toy_weighing import COSMOLOGY
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.weighing.gas import Gas, PivotY, draw_gas, prior_nodes

LOG10_M = np.array([13.8, 14.5, np.log10(6e14), 15.3, 16.0])
REDSHIFT = np.array([0.01, 0.1, 0.3, 0.6, 1.0])
MODELS = ("gadget_x", "gadget_music", "gizmo_simba", "magneticum")


@pytest.mark.parametrize("name", MODELS)
def test_y_is_that_of_the_scaling_relation(params, name):
    model = params.baryon_models[name]
    relation = ScalingRelation.of(model)
    expected = y_cyl_mpc2(10.0**LOG10_M, REDSHIFT, relation, COSMOLOGY)
    expected /= mpc2_per_arcmin2(REDSHIFT, COSMOLOGY)
    y = PivotY.at(REDSHIFT, COSMOLOGY).mean_y_arcmin2(LOG10_M, Gas.of(model))
    np.testing.assert_allclose(y, expected, rtol=1e-10)


def test_these_are_all_models(params):
    assert set(MODELS) == set(params.baryon_models)


def test_each_cluster_has_the_y_of_its_own_relation(params):
    models = [params.baryon_models[name] for name in MODELS]
    many = Gas(*np.array([[m.alpha, m.log10_b, m.sigma_lny] for m in models]).T)
    log10_m, pivot = np.full(4, 14.7), PivotY.at(np.full(4, 0.2), COSMOLOGY)
    single = [float(pivot.mean_y_arcmin2(log10_m, Gas.of(model))[0]) for model in models]
    np.testing.assert_allclose(pivot.mean_y_arcmin2(log10_m, many), single, rtol=1e-12)


def test_ln_y_is_that_over_the_pivots(params):
    """At one redshift ln Y differs from `ln_y` by what no network is to learn: a constant."""
    gas, pivot = Gas.of(params.baryon_models["magneticum"]), PivotY.at(np.full(5, 0.4), COSMOLOGY)
    rest = np.log(pivot.mean_y_arcmin2(LOG10_M, gas)) - gas.ln_y(LOG10_M)
    np.testing.assert_allclose(rest, rest[0], rtol=1e-12)
    assert gas.ln_y(LOG10_M[2]) == pytest.approx(np.log(10.0) * -0.304)
    heavier = gas.ln_y(LOG10_M + 0.1) - gas.ln_y(LOG10_M)
    np.testing.assert_allclose(heavier, 1.79 * 0.1 * np.log(10.0), rtol=1e-10)


def test_a_network_is_told_the_relation_of_each_cluster(params):
    gas = Gas(np.array([1.5, 1.6]), np.array(-0.2), np.array(0.11))
    np.testing.assert_array_equal(gas.features(2), [[1.5, -0.2, 0.11], [1.6, -0.2, 0.11]])


@pytest.mark.parametrize("nodes", [2, 3, 5, 15])
def test_nodes_integrate_a_gaussian_prior(nodes):
    """They are exact for polynomials of degree 2 nodes - 1, hence for cubics from two nodes on."""
    prior = {"alpha": (1.71, 0.1), "log10_b": (-0.24, 0.08), "sigma_lny": (0.11, 0.05)}
    gas, weights = prior_nodes(prior, nodes)
    assert len(weights) == nodes**2
    assert weights.sum() == pytest.approx(1.0)
    for values, (mean, width) in ((gas.alpha, prior["alpha"]), (gas.log10_b, prior["log10_b"])):
        assert weights @ values == pytest.approx(mean)
        assert weights @ (values - mean) ** 2 == pytest.approx(width**2)
        assert weights @ values**3 == pytest.approx(mean**3 + 3.0 * mean * width**2)
    apart = (gas.alpha - 1.71) * (gas.log10_b + 0.24)
    assert weights @ apart == pytest.approx(0.0, abs=1e-15)
    assert weights @ apart**2 == pytest.approx((0.1 * 0.08) ** 2)
    np.testing.assert_array_equal(gas.sigma_lny, 0.11)


def test_five_nodes_integrate_what_is_no_polynomial():
    """<exp(t x)> = exp(t^2 s^2 / 2), with t the size of a mass' change over the prior."""
    prior = {"alpha": (0.0, 0.1), "log10_b": (0.0, 0.08), "sigma_lny": (0.11, 0.0)}
    gas, weights = prior_nodes(prior, 5)
    assert weights @ np.exp(9.0 * gas.log10_b) == pytest.approx(np.exp(0.72**2 / 2.0), rel=1e-4)


def test_one_node_is_the_mean():
    prior = {"alpha": (1.7, 0.1), "log10_b": (-0.2, 0.1), "sigma_lny": (0.1, 0.0)}
    gas, weights = prior_nodes(prior, 1)
    values = [gas.alpha, gas.log10_b, gas.sigma_lny, weights]
    np.testing.assert_allclose(values, [[1.7], [-0.2], [0.1], [1.0]])


def test_drawn_relations_fill_their_ranges_and_no_more(params):
    settings = replace(params.weighing, sigma_lny=[0.05, 0.3])
    gas = draw_gas(settings, np.random.default_rng(1), 4000)
    for values, name in ((gas.alpha, "alpha"), (gas.log10_b, "log10_b"), (gas.sigma_lny, "sigma")):
        low, high = getattr(settings, {"sigma": "sigma_lny"}.get(name, name))
        place = (values - low) / (high - low)
        assert 0.0 <= place.min() < 0.01
        assert 0.99 < place.max() <= 1.0
        assert place.mean() == pytest.approx(0.5, abs=5 / np.sqrt(12 * 4000))
    assert abs(np.corrcoef(gas.alpha, gas.log10_b)[0, 1]) < 5 / np.sqrt(4000)
