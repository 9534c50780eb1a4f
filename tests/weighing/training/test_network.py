"""Training clusters are drawn as the survey sees them; a small training finds a known posterior."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from helpers.recording import ListRun
from helpers.toy_weighing import (
    COSMOLOGY,
    one_level,
    toy_clusters,
    toy_inputs,
    toy_meter,
    toy_record,
)
from szmass.networks.backend import prepare_backend
from szmass.weighing.gas import PivotY
from szmass.weighing.mixture import LN_SIGMAS, Mixture
from szmass.weighing.training.network import (
    TrainingClusters,
    mixture_loss,
    observed,
    train_ensemble,
)
from szmass.weighing.weigher import Weigher

LN10 = np.log(10.0)
AMPLITUDE = 5e4
"""Signal-to-noise ratio for Y = 1 arcmin^2."""
MASSES = 14.3, 15.1
REDSHIFTS = 0.25, 0.35
AXIS = np.linspace(13.9, 15.5, 321)


def test_the_loss_is_minus_ln_of_the_density():
    rng = np.random.default_rng(1)
    outputs = rng.normal(0.0, 2.0, (50, 9)).astype(np.float32)
    outputs[:10, 6:] = -9.0
    outputs[10:20, 6:] = 5.0
    truth = rng.standard_normal((50, 1)).astype(np.float32)
    loss = keras.ops.convert_to_numpy(mixture_loss(truth, outputs))
    weight, mean, ln_sigma = np.split(outputs.astype(float), 3, axis=1)
    ln_weight = np.log(np.exp(weight) / np.exp(weight).sum(axis=1, keepdims=True))
    mixture = Mixture(ln_weight, mean, np.clip(ln_sigma, *LN_SIGMAS))
    expected = [-mixture.ln_density(value)[row, 0] for row, value in enumerate(truth)]
    np.testing.assert_allclose(loss, expected, rtol=1e-4)


def draws(clusters, seed=1):
    return clusters.draw(np.random.default_rng(seed), np.arange(len(clusters.redshift)))


def test_noise_of_amplitudes_has_the_banks_covariance(params):
    count = 20_000
    clusters = toy_clusters(
        one_level(params.weighing),
        log10_m500c_msun=np.full(count, 14.5),
        amplitude=0.0,
        filters=4,
        noise_rms=3.0,
    )
    inputs, _ = draws(clusters)
    expected = 9.0 * clusters.bank.noise_covariance
    assert 0.1 < abs(clusters.bank.noise_covariance[0, 1]) < 0.99
    found = np.cov(inputs.amplitude.T)
    np.testing.assert_allclose(found, expected, atol=5 * 9.0 * np.sqrt(2 / count))
    np.testing.assert_allclose(inputs.amplitude.mean(axis=0), 0.0, atol=5 * 3.0 / np.sqrt(count))
    np.testing.assert_allclose(inputs.level, 3.0, rtol=1e-4)
    # whitened, it is independent
    whitened = np.cov((inputs.amplitude / 3.0 @ inputs.whitening).T)
    np.testing.assert_allclose(whitened, np.eye(4), atol=5 * np.sqrt(2 / count))


def test_measured_levels_have_the_meters_scatter(params):
    count, modes = 20_000, 50.0
    clusters = toy_clusters(
        one_level(params.weighing),
        log10_m500c_msun=np.full(count, 14.5),
        amplitude=0.0,
        modes=modes,
    )
    square = draws(clusters)[0].level ** 2
    scatter = np.sqrt(2.0 / modes)
    assert square.mean() == pytest.approx(1.0, abs=5 * scatter / np.sqrt(count))
    assert square.std() == pytest.approx(scatter, rel=5 / np.sqrt(2 * count))


@pytest.mark.parametrize("of_cluster", [0.5, 2.0])
def test_a_cluster_beyond_the_radius_adds_to_the_level_as_in_pixels(of_cluster):
    """Against k independent pixels of noise about the cluster's: a non-central chi^2."""
    rng, count, modes, level = np.random.default_rng(2), 20_000, 64, 1.5
    pixels = level * rng.standard_normal((count, modes)) + of_cluster
    expected = (pixels**2).mean(axis=1)
    inputs = observed(
        np.zeros((count, 1)),
        np.full(count, level),
        np.full(count, of_cluster),
        np.full(count, 0.3),
        whitening=np.ones((1, 1)),
        meter=toy_meter(modes),
        least_level=1e-6,
        rng=rng,
    )
    square = inputs.level**2
    error = expected.std() / np.sqrt(count)
    assert square.mean() == pytest.approx(level**2 + of_cluster**2, abs=5 * error)
    assert square.std() == pytest.approx(expected.std(), rel=0.04)


def test_no_level_is_below_the_least(params):
    settings = replace(
        params.weighing, usual_levels=[1.0, 1.1], noise_levels=[1.0, 4.0], any_level_share=0.0
    )
    clusters = toy_clusters(
        settings, log10_m500c_msun=np.full(500, 14.5), amplitude=0.0, modes=10.0, noise_rms=2.0
    )
    level = draws(clusters)[0].level
    assert level.min() == pytest.approx(2.0)
    assert 0.2 < (level == level.min()).mean() < 0.8


def test_levels_are_usual_or_in_a_share_anywhere(params):
    settings = replace(
        params.weighing, usual_levels=[0.5, 2.0], noise_levels=[0.02, 4.0], any_level_share=0.25
    )
    count = 20_000
    clusters = toy_clusters(settings, log10_m500c_msun=np.full(count, 14.5), amplitude=0.0)
    level = draws(clusters)[0].level
    assert 0.02 <= level.min() < 0.021
    assert 3.9 < level.max() <= 4.0
    unusual = (level < 0.5) | (level > 2.0)
    share = 0.25 * (1.0 - np.log(4.0) / np.log(200.0))
    assert unusual.mean() == pytest.approx(share, abs=5 * np.sqrt(share / count))


def test_y_is_that_of_the_relation_with_its_scatter(params):
    count = 20_000
    rng = np.random.default_rng(3)
    masses = rng.uniform(14.0, 15.5, count)
    redshift = rng.uniform(0.1, 0.9, count)
    clusters = toy_clusters(
        one_level(params.weighing),
        log10_m500c_msun=masses,
        redshift=redshift,
        amplitude=1.0,
        outer_level=0.1,
        noise_rms=1e-9,
    )
    inputs, gas = draws(clusters)
    mean = PivotY.at(redshift, COSMOLOGY).mean_y_arcmin2(masses, gas)
    residual = np.log(inputs.amplitude[:, 0] / mean) / gas.sigma_lny
    assert residual.mean() == pytest.approx(0.0, abs=5 / np.sqrt(count))
    assert residual.std() == pytest.approx(1.0, rel=5 / np.sqrt(2 * count))
    # the rows have gas of their own, and what the cluster adds outside follows its Y
    assert np.std(gas.alpha) > 0.1
    np.testing.assert_allclose(inputs.level, 0.1 * inputs.amplitude[:, 0], rtol=1e-3)


def test_some_rows_are_drawn_as_those_clusters(params):
    prior = replace(params.weighing.gas_prior, sigma_lny=[1.5e-9, 0.0])
    priors = {"gas_prior": prior, "gas_prior_of_planck": prior}
    settings = replace(one_level(params.weighing), sigma_lny=[1e-9, 2e-9], **priors)
    masses = np.linspace(14.0, 15.5, 50)
    clusters = toy_clusters(
        settings,
        log10_m500c_msun=masses,
        redshift=np.linspace(0.1, 0.9, 50),
        amplitude=1.0,
        noise_rms=1e-9,
    )
    rows = np.array([40, 3, 3])
    inputs, gas = clusters.draw(np.random.default_rng(1), rows)
    pivot = PivotY.at(clusters.redshift[rows], COSMOLOGY)
    expected = pivot.mean_y_arcmin2(masses[rows], gas)
    np.testing.assert_allclose(inputs.amplitude[:, 0], expected, rtol=1e-3)
    np.testing.assert_array_equal(inputs.redshift, clusters.redshift[rows])


@pytest.fixture(scope="module")
def toy_settings(params):
    """A scatter and a relation that each cluster has for itself, noise of one level."""
    return replace(
        one_level(params.weighing),
        hidden=24,
        hidden_layers=2,
        gaussians=2,
        networks=1,
        epochs=12,
        batch=64,
        learning_rate=4e-3,
    )


def random_clusters(settings, seed, count):
    rng = np.random.default_rng((7, seed))
    return toy_clusters(
        settings,
        log10_m500c_msun=rng.uniform(*MASSES, count),
        redshift=rng.uniform(*REDSHIFTS, count),
        amplitude=AMPLITUDE,
    )


def train_toy(settings, *, count=3000, run=None, progress=lambda _: None):
    prepare_backend(seed=1, threads=1)
    return train_ensemble(
        random_clusters(settings, 0, count),
        random_clusters(settings, 1, count // 5),
        seed=1,
        run=run or ListRun(),
        progress=progress,
    )


@pytest.fixture(scope="module")
def trained(toy_settings):
    return train_toy(toy_settings)


def exact_density(clusters, inputs, gas):
    """Flat in mass; ln Y is Gaussian about the relation, and the noise n about 0.

    p(a | M) = int dn N(n) N(ln Y; mean, sigma) / Y, with Y = (a - n) / AMPLITUDE.
    """
    count = len(inputs.level)
    mean = np.log([clusters.pivot.mean_y_arcmin2(np.full(count, m), gas) for m in AXIS]).T
    density = np.zeros_like(mean)
    for noise in np.linspace(-6.0, 6.0, 121):
        # so far above the noise that a Y below 0 has no probability
        y = np.maximum((inputs.amplitude - noise) / AMPLITUDE, 1e-12)
        apart = (np.log(y) - mean) / gas.sigma_lny[:, None]
        density += np.exp(-0.5 * (noise**2 + apart**2)) / y
    low, high = MASSES
    density[:, (low > AXIS) | (high < AXIS)] = 0.0
    return density / np.trapezoid(density, AXIS, axis=1)[:, None]


def test_a_training_comes_near_the_exact_posterior(trained, toy_settings):
    clusters = random_clusters(toy_settings, 2, 800)
    truth = clusters.log10_m500c_msun
    # a mixture of two Gaussians cannot end where the prior does
    inner = (truth > MASSES[0] + 0.15) & (truth < MASSES[1] - 0.15)
    inputs, gas = draws(clusters, seed=5)
    exact, found = exact_density(clusters, inputs, gas), trained(inputs, gas).density(AXIS)
    ln_exact, ln_found = (
        np.log([np.interp(t, AXIS, row) for t, row in zip(truth, rows, strict=True)])[inner]
        for rows in (exact, found)
    )
    # in nats
    lost = np.mean(ln_exact - ln_found)
    of_prior = np.mean(ln_exact) + np.log(MASSES[1] - MASSES[0])
    assert of_prior > 1.5
    assert -0.02 < lost < 0.05

    def moments(density):
        mean = np.trapezoid(density * AXIS, AXIS, axis=1)
        return mean, np.sqrt(np.trapezoid(density * (AXIS - mean[:, None]) ** 2, AXIS, axis=1))

    (mean, width), (found_mean, found_width) = moments(exact[inner]), moments(found[inner])
    assert np.sqrt(np.mean(((found_mean - mean) / width) ** 2)) < 0.25
    assert np.median(found_width / width) == pytest.approx(1.0, abs=0.1)
    # widths are those of each cluster's own scatter, which is told
    assert width.max() > 2.0 * width.min()
    assert np.corrcoef(found_width, width)[0, 1] > 0.9


def test_a_brighter_cluster_is_never_lighter_by_a_trained_network(trained):
    weigher = Weigher(toy_record(trained))
    clusters = toy_inputs(np.geomspace(5.0, 150.0, 60))
    for prior in ("flat", "psz2"):
        masses = weigher(clusters, prior=prior, gas="gadget_x", total=False)
        assert (np.diff(masses["m500_msun"]) > 0.0).all()


def test_each_network_has_first_weights_and_draws_of_its_own(toy_settings, monkeypatch):
    run = ListRun()
    told: list[int] = []
    orders: list[tuple[int, ...]] = []
    draw = TrainingClusters.draw

    def drawn(clusters, rng, rows):
        if len(clusters.redshift) == 300 and np.any(np.diff(rows) != 1):
            orders.append(tuple(rows[:10]))
        return draw(clusters, rng, rows)

    monkeypatch.setattr(TrainingClusters, "draw", drawn)
    settings = replace(toy_settings, epochs=2, networks=2)
    first, second = train_toy(settings, count=300, run=run, progress=told.append).weights
    assert not np.array_equal(first[0], second[0])
    # an order for each epoch of each network
    assert len(orders) == len(set(orders)) == 4
    assert sum(told) == 2 * 2 * 300
    assert list(run.children) == ["network_0", "network_1"]
    for child in run.children.values():
        assert [step for name, _, step in child.metrics if name == "loss"] == [1, 2]
