"""Planck's noise: its level over the sky, its correlation, and the store of its cutouts."""

from __future__ import annotations

from dataclasses import replace

import healpy
import numpy as np
import pytest

from helpers import ROOT
from szmass.planck.catalogue import Psz2Catalogue, read_psz2
from szmass.planck.files import read_noise_spectrum
from szmass.planck.noise import (
    noise_level,
    noise_map,
    realisations,
    stand_in_noise,
    unit_variance,
    write_noise_store,
)
from szmass.planck.stores import open_noise_store
from szmass.sky.fields import correlation_function
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import band_limited_variance, gnomonic_pixels, pixel_count

NSIDE, LMAX, GRID = 128, 383, PixelGrid(16, 1.7)


@pytest.fixture(scope="module")
def spectrum(params) -> np.ndarray:
    return read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"])


@pytest.fixture(scope="module")
def catalogue(params) -> Psz2Catalogue:
    return read_psz2(ROOT / params.paths["psz2_catalogue"]).at(slice(0, None, 5))


@pytest.fixture(scope="module")
def settings(params):
    return replace(
        params.planck_sky,
        nside=NSIDE,
        lmax=LMAX,
        development_realisations=2,
        test_realisations=1,
    )


@pytest.fixture(scope="module")
def level(settings) -> np.ndarray:
    return noise_level(1, settings)


def test_the_correlation_of_the_spectrum(spectrum):
    """At multiples of a pixel, as read off the published spectrum."""
    cl = unit_variance(spectrum, 4096)
    correlation = correlation_function(cl, np.arange(7) * 1.7)
    expected = [1, 0.91, 0.70, 0.50, 0.35, 0.24, 0.16]
    np.testing.assert_allclose(correlation, expected, atol=0.007)


def test_a_spectrum_of_unit_variance(spectrum):
    for lmax in (383, 4096):
        cl = unit_variance(spectrum, lmax)
        assert len(cl) == lmax + 1
        assert band_limited_variance(cl) == pytest.approx(1)


def test_the_level_over_the_sky(level, settings):
    assert level.dtype == np.float32
    assert np.median(level) == pytest.approx(1.2e-6, rel=0.03)
    assert np.log(level).std() == pytest.approx(settings.noise_modulation_ln, rel=0.15)


def test_the_level_is_low_at_the_ecliptic_poles(level):
    to_ecliptic = healpy.Rotator(coord=["G", "E"])
    _, latitude = to_ecliptic(
        *healpy.pix2ang(NSIDE, np.arange(pixel_count(NSIDE)), lonlat=True), lonlat=True
    )
    poles, equator = level[np.abs(latitude) > 60], level[np.abs(latitude) < 30]
    assert np.median(poles) < 0.85 * np.median(equator)


def test_the_level_is_smooth(level):
    neighbours = healpy.get_all_neighbours(NSIDE, np.arange(0, pixel_count(NSIDE), 97))
    steps = np.log(level[neighbours[neighbours[:, 0] >= 0]] / level[::97])
    assert np.abs(steps).max() < 0.1


def test_noise_over_its_level_is_the_gaussian_map(spectrum, level):
    cl = unit_variance(spectrum, LMAX)
    flat = noise_map(cl, np.ones_like(level), np.random.default_rng(2))
    noise = noise_map(cl, level, np.random.default_rng(2))
    np.testing.assert_allclose(noise, flat * level, rtol=1e-6)


def test_a_stand_in_and_its_halves_share_no_noise(spectrum, level):
    full, half_difference = stand_in_noise(1, unit_variance(spectrum, LMAX), level)
    assert np.corrcoef(full, half_difference)[0, 1] == pytest.approx(0, abs=0.02)
    assert half_difference.std() == pytest.approx(full.std(), rel=0.03)


def test_the_store(tmp_path, settings, spectrum, level, catalogue):
    cl = unit_variance(spectrum, LMAX)
    write_noise_store(
        tmp_path / "noise.zarr", 1, settings, grid=GRID, catalogue=catalogue, cl=cl, level=level
    )
    store = open_noise_store(tmp_path / "noise.zarr")
    noise_y = store.read("noise_y")
    count = len(catalogue)
    assert noise_y.shape == (3 * count, 16, 16)
    assert noise_y.dtype == np.float32
    # physics: 1.1e-6 to 1.3e-6 at the PSZ2 positions
    assert 1.1e-6 < noise_y.std() < 1.3e-6
    np.testing.assert_array_equal(store.read("realisation"), np.repeat([0, 1, 2], count))
    np.testing.assert_array_equal(store.read("partition"), np.repeat([0, 0, 1], count))
    np.testing.assert_array_equal(store.read("catalogue_row"), np.tile(catalogue.row, 3))
    np.testing.assert_array_equal(store.read("glon_deg"), np.tile(catalogue.glon_deg, 3))
    np.testing.assert_array_equal(store.read("glat_deg"), np.tile(catalogue.glat_deg, 3))
    # no realisation is another's
    flat = noise_y.reshape(3, -1)
    assert np.abs(np.corrcoef(flat) - np.eye(3)).max() < 0.1
    pixels = gnomonic_pixels(NSIDE, catalogue.glon_deg, catalogue.glat_deg, GRID)
    test_noise = noise_map(cl, level, np.random.default_rng((1, 20, 1, 0)))
    np.testing.assert_array_equal(noise_y[2 * count :], test_noise[pixels])


def test_a_realisation_is_the_same_beside_fewer(settings):
    fewer = replace(settings, development_realisations=1)
    assert realisations(settings) == [(0, 0), (0, 1), (1, 0)]
    assert set(realisations(fewer)) < set(realisations(settings))
