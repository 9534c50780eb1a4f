"""Statistics of maps follow the distributions that theory gives them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2, kstest, norm

from szmass.microwave.checks.statistics import (
    MapStatistics,
    QuadraticForm,
    band_column,
    covariance_of_rows,
    fourier_modes,
    octaves,
    pixel_differences,
)
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.params import Components
from szmass.sky.grid import centre_mean

MAPS = 1500


@pytest.mark.parametrize("maps", [1, 8, 100_000])
def test_a_chi2_mean_lies_in_its_range_and_hardly_inside(maps):
    low, high = QuadraticForm(np.full(5, 0.2)).range_of_mean(maps, 1e-6)
    dof = 5 * maps
    outside = chi2.cdf(low * dof, dof) + chi2.sf(high * dof, dof)
    # Chernoff's bound is above the probability by about sigmas * sqrt(2 pi)
    assert 1e-6 / 40 < outside <= 1e-6


def test_a_form_with_unequal_weights_and_a_signal_keeps_its_probability():
    rng = np.random.default_rng(3)
    weights, signal = np.array([4.0, 1.0, 0.1, 0.0]), np.array([0.5, 3.0, 0.0, 0.2])
    drawn = rng.standard_normal((200_000, 2, 4)) * np.sqrt(weights) + np.sqrt(signal)
    means = (drawn**2).sum(axis=2).mean(axis=1)
    low, high = QuadraticForm(weights).range_of_mean(2, 0.02, signal)
    for outside in (np.mean(means < low), np.mean(means > high)):
        assert 0.01 / 40 < outside <= 0.01


def test_octaves_cover_every_mode_but_the_mean_once():
    images = np.zeros((1, 40, 40))
    assert sum(fourier_modes(images, band).shape[1] for band in octaves(40)) == 40**2 - 1
    assert octaves(40) == [(1, 2), (2, 4), (4, 8), (8, 16), (16, 40)]


def test_covariance_of_rows_is_that_of_the_operator_as_a_matrix():
    size = 8
    factor = np.random.default_rng(4).standard_normal((size**2, size**2))
    covariance = factor @ factor.T
    unit = np.eye(size**2).reshape(-1, size, size)
    for operator in (pixel_differences, lambda images: fourier_modes(images, (2, 4))):
        matrix = operator(unit).T
        expected = matrix @ covariance @ matrix.conj().T
        found = covariance_of_rows(operator, covariance)
        assert np.allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(expected))
        assert np.allclose(np.diag(found), np.diag(expected))


def test_pixel_differences_keep_white_noise_and_drop_a_plane():
    rng = np.random.default_rng(5)
    noise = rng.standard_normal((200, 16, 16)) * 20.0
    plane = np.add.outer(3.0 * np.arange(16), 50.0 * np.arange(16))
    assert np.allclose(pixel_differences(noise), pixel_differences(noise + plane))
    assert np.isclose(pixel_differences(noise).std(), 20.0, rtol=0.02)


VARIANTS: dict[str, dict[str, Any]] = {
    "as the paper": {},
    "noise with beam": {"noise_after_beam": False},
    "apodised": {"apodisation_arcmin": 1.5},
    "apodised, noise with beam": {"apodisation_arcmin": 2.0, "noise_after_beam": False},
    "noise alone": {"components": Components(*[False] * 8)},
    "fewer modes": {"eigenvalue_cut": 9e-7},
    "no scatter": {"ln_scatter": 0.0},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_statistics_are_right_for_every_kind_of_sky(variant, params, dl_uk2):
    microwave = replace(params.microwave, pixels=16, **VARIANTS[variant])
    sky = MicrowaveSky(microwave, dl_uk2)
    statistics = MapStatistics(sky, microwave.eigenvalue_cut)
    rng = np.random.default_rng(6)
    masses = rng.uniform(2e14, 8e14, MAPS)
    ln_amplitude = (microwave.ln_scatter * rng.standard_normal(MAPS)).astype(np.float32)
    label = sky.sz_uk(masses, ln_amplitude)
    maps = {
        "temperature_uk": sky.observe(label, [rng]),
        "sz_uk": label,
        "m200c_msun": masses,
        "ln_amplitude": ln_amplitude,
    }
    assert not statistics.unusable_values(maps).any()
    columns, signal = statistics.measure(maps)

    assert columns["label_error"].max() < 1e-6
    assert kstest(columns["amplitude_deviation_sigma"], norm.cdf).pvalue > 1e-4
    assert kstest(columns["chi2"], chi2(statistics.used_modes).cdf).pvalue > 1e-4
    for kind, variance in (
        ("mean", statistics.mean_variance_uk2),
        ("centre", statistics.centre_variance_uk2),
    ):
        residual = columns[f"temperature_{kind}_uk"] - columns[f"label_{kind}_uk"]
        assert kstest(residual / np.sqrt(variance), norm.cdf).pvalue > 1e-4
    forms = {
        "temperature_square_uk2": (statistics.square, signal.mean(axis=0)),
        "difference_square_uk2": (statistics.difference, 0.0),
        **{band_column(band): (form, 0.0) for band, form in statistics.bands.items()},
    }
    for name, (form, of_clusters) in forms.items():
        low, high = form.range_of_mean(MAPS, 1e-4, of_clusters)
        assert low < columns[name].mean() < high, name
        # the range is as narrow as the sampling error allows
        assert high - low < 10.0 * columns[name].std() / np.sqrt(MAPS), name
    assert len(set(columns["sky_digest"])) == MAPS


@pytest.fixture(scope="module")
def statistics(sky, params):
    return MapStatistics(sky, params.microwave.eigenvalue_cut)


def test_the_same_sky_under_another_cluster_has_the_same_digest(sky, statistics):
    masses, ln_amplitude = np.full(4, 4e14), np.zeros(4, dtype=np.float32)
    digests = []
    for factor in (0.5, 2.0):
        label = sky.sz_uk(masses * factor, ln_amplitude)
        rngs = [np.random.default_rng(number) for number in range(4)]
        maps = {
            "temperature_uk": sky.observe(label, rngs),
            "sz_uk": label,
            "m200c_msun": masses * factor,
            "ln_amplitude": ln_amplitude,
        }
        digests.append(list(statistics.measure(maps)[0]["sky_digest"]))
    assert digests[0] == digests[1]
    assert len(set(digests[0])) == 4


def test_unusable_values_are_counted_map_by_map(statistics):
    maps = {
        "temperature_uk": np.ones((6, 40, 40), dtype=np.float32),
        "sz_uk": np.ones((6, 40, 40), dtype=np.float32),
        "m200c_msun": np.array([1e14, 1e14, 0.0, np.nan, 1e14, 1e14]),
        "ln_amplitude": np.array([0, 0, 0, 0, np.inf, 0], dtype=np.float32),
    }
    maps["temperature_uk"][0, 3, :2] = np.nan
    maps["sz_uk"][1, 0, 0] = -np.inf
    maps["sz_uk"][5] = 0.0
    assert statistics.unusable_values(maps).tolist() == [2, 1, 1, 1, 1, 1]


def test_the_centre_is_the_mean_of_the_four_middle_pixels():
    image = np.arange(16.0).reshape(1, 4, 4)
    assert centre_mean(image).tolist() == [np.mean([5.0, 6.0, 9.0, 10.0])]
