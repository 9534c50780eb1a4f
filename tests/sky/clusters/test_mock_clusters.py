from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import kstest

from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import disc_integral, mean_disc_integral, random_rotation

CORE_MEAN = 0.4


@pytest.fixture(scope="module")
def model(params):
    return MockClusters(**asdict(params.morphology))


@pytest.fixture(scope="module")
def clusters(model):
    return [model.draw(np.random.default_rng((7, i)), CORE_MEAN) for i in range(1500)]


def half_axes(parts):
    return np.sqrt(np.linalg.eigvalsh(parts.shape))[:, ::-1]


def test_the_main_halo_is_at_the_centre_and_triaxial(model, clusters):
    axes = np.array([half_axes(parts)[0] for parts in clusters])
    assert all((parts.position[0] == 0).all() for parts in clusters)
    middle, minor = axes[:, 1] / axes[:, 0], axes[:, 2] / axes[:, 0]
    # the scatter is cut at a ratio of 1, and the larger ratio is the middle one
    assert minor.mean() == pytest.approx(model.axis_ratio_mean[1], abs=0.01)
    assert middle.mean() == pytest.approx(model.axis_ratio_mean[0], abs=0.03)
    ln_scale = np.log(axes.prod(axis=1)) / 3
    assert kstest(ln_scale / model.scale_scatter_ln, "norm").pvalue > 1e-4


def test_the_scale_radius_changes_no_y(model):
    still = replace(model, scale_scatter_ln=0.0)
    wide = replace(model, scale_scatter_ln=0.4)
    totals = [
        (parts.volume_factor()[:, None] * parts.amplitude).sum()
        for parts in (m.draw(np.random.default_rng(3), CORE_MEAN) for m in (still, wide))
    ]
    assert totals[0] == pytest.approx(totals[1], rel=1e-12)


def test_y_of_a_component_goes_as_its_mass_to_the_five_thirds(model):
    plain = replace(model, subhaloes_mean=40.0, cool_core_scatter=0.0)
    parts = plain.draw(np.random.default_rng(4), CORE_MEAN)
    y = parts.volume_factor() * parts.amplitude.sum(axis=1)
    ratio = (y[1:] / y[0]) ** 0.6
    low, high = model.subhalo_mass_ratio[0], model.merger_mass_ratio[1]
    assert ((ratio > low) & (ratio < high)).all()
    np.testing.assert_allclose(
        parts.amplitude.sum(axis=1), ratio_with_main(ratio) ** (2 / 3) / scale(parts, ratio) ** 3
    )


def ratio_with_main(ratio):
    return np.append(1.0, ratio)


def scale(parts, ratio):
    """What is left of the mean half-axis besides the cube root of the mass ratio."""
    return np.cbrt(half_axes(parts).prod(axis=1) / ratio_with_main(ratio))


def test_numbers_of_subhaloes_and_partners(model, clusters):
    alone = replace(model, merger_fraction=0.0)
    counts = np.array([
        len(alone.draw(np.random.default_rng((7, i)), CORE_MEAN).position) - 1 for i in range(1500)
    ])  # fmt: skip
    mean = model.subhaloes_mean
    assert counts.mean() == pytest.approx(mean, abs=4 * np.sqrt(mean / 1500))
    assert counts.var() == pytest.approx(mean, rel=0.15)
    with_partners = np.array([len(parts.position) - 1 for parts in clusters])
    fraction = with_partners.mean() - counts.mean()
    assert fraction == pytest.approx(model.merger_fraction, abs=4 * 0.46 / np.sqrt(1500))


def test_mass_ratios_follow_their_power_law(model):
    many = replace(model, subhaloes_mean=3000.0, merger_fraction=0.0, scale_scatter_ln=0.0)
    parts = many.draw(np.random.default_rng(5), CORE_MEAN)
    ratio = half_axes(parts)[1:].prod(axis=1)
    low, high = model.subhalo_mass_ratio
    s = model.subhalo_slope + 1
    assert kstest(ratio, lambda m: (m**s - low**s) / (high**s - low**s)).pvalue > 1e-4
    flat = replace(many, subhalo_slope=-1.0).draw(np.random.default_rng(5), CORE_MEAN)
    ln = np.log(half_axes(flat)[1:].prod(axis=1) / low) / np.log(high / low)
    assert kstest(ln, "uniform").pvalue > 1e-4


def test_another_gas_is_the_same_cluster(model):
    first, second = (model.draw(np.random.default_rng(6), mean) for mean in (0.4, 0.6))
    np.testing.assert_array_equal(first.position, second.position)
    np.testing.assert_array_equal(first.shape, second.shape)
    np.testing.assert_allclose(first.amplitude.sum(axis=1), second.amplitude.sum(axis=1))
    assert (second.amplitude[:, 0] >= first.amplitude[:, 0]).all()


def test_cool_core_weights_have_the_mean_of_the_gas(model, clusters):
    weight = np.array([parts.amplitude[0, 0] / parts.amplitude[0].sum() for parts in clusters])
    assert weight.min() >= 0
    assert weight.max() <= 1
    assert weight.mean() == pytest.approx(CORE_MEAN, abs=0.03)


def test_y_of_a_cluster_is_what_was_asked_in_the_mean_of_all_directions(model, clusters):
    tables = model.tables()
    parts = with_mean_y(tables, clusters[2], 3.3e-6)
    assert mean_disc_integral(tables, parts, 1.0) == pytest.approx(3.3e-6, rel=1e-12)
    rng = np.random.default_rng(8)
    discs = [disc_integral(tables, parts.rotated(random_rotation(rng)), 1.0) for _ in range(400)]
    assert np.mean(discs) == pytest.approx(3.3e-6, abs=float(4 * np.std(discs) / 20))


def test_scatter_between_lines_of_sight_is_a_few_percent(model, clusters):
    tables = model.tables()
    rng = np.random.default_rng(9)
    ratios = [
        disc_integral(tables, parts.rotated(random_rotation(rng)), 1.0)
        / mean_disc_integral(tables, parts, 1.0)
        for parts in clusters[:300]
    ]
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.01)
    assert 0.01 < np.std(ratios) < 0.08
