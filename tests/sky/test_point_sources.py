"""Point sources and round clusters against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.sky.clusters.round_clusters import RoundClusters
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.frequencies import temperature_of_flux_uk
from szmass.sky.grid import PixelGrid
from szmass.sky.point_sources import flux_mjy, gaussian_images, nfw_positions


def test_the_temperature_of_a_flux_is_plancks() -> None:
    """dB/dT of Planck's 217 GHz band is 483.69 MJy/sr/K (arXiv 1303.5070, Table 6)."""
    arcmin2_sr = np.radians(1.0 / 60.0) ** 2
    expected = 1e-9 / arcmin2_sr / 483.69 * 1e6
    assert temperature_of_flux_uk(217.0) == pytest.approx(expected, rel=5e-3)


def test_the_temperature_of_a_flux_at_long_waves_is_that_of_rayleigh_and_jeans() -> None:
    """B = 2 k T nu^2 / c^2."""
    w_m2_hz_sr_k = 2.0 * 1.380649e-23 * (1e9 / 299_792_458.0) ** 2
    expected = 1e-29 / np.radians(1.0 / 60.0) ** 2 / w_m2_hz_sr_k * 1e6
    assert temperature_of_flux_uk(1.0) == pytest.approx(expected, rel=1e-4)


def test_the_image_of_sources_is_the_sum_of_gaussians() -> None:
    grid = PixelGrid(20, 0.7)
    place, sigma = np.array([[1.0, -2.0], [-3.0, 0.4]]), np.array([1.2, 0.8])
    image = gaussian_images(grid, place, sigma, np.array([2.0, -1.0]))
    expected = np.zeros((20, 20))
    for (x, y), width, whole in zip(place, sigma, (2.0, -1.0), strict=True):
        square = (grid.axis_arcmin[:, None] - y) ** 2 + (grid.axis_arcmin - x) ** 2
        expected += whole * np.exp(-square / (2 * width**2)) / (2 * np.pi * width**2)
    np.testing.assert_allclose(image, expected, rtol=1e-12)


def test_a_flux_falls_as_the_square_of_the_luminosity_distance() -> None:
    """With an index of -1 the shift in frequency and the stretch of the band cancel."""
    cosmology = Cosmology("planck18", "diemer15_orig")
    near, far = (
        float(flux_mjy(np.array([1e24]), z, np.array([-1.0]), cosmology)[0]) for z in (0.1, 0.5)
    )
    ratio = 1.5**2 * cosmology.angular_distance_mpc(0.5)
    ratio /= 1.1**2 * cosmology.angular_distance_mpc(0.1)
    assert near / far == pytest.approx(ratio**2, rel=1e-12)


def test_places_follow_the_projected_mass_of_nfw() -> None:
    """Within R500 / c on the sky, of a sphere cut at R500: an integral of the density."""
    c = 5.0
    places = nfw_positions(np.random.default_rng(2), 200_000, c)
    r = (np.arange(20_000) + 0.5) * c / 20_000
    shell = r / (1.0 + r) ** 2
    cap = np.where(r <= 1.0, 1.0, 1.0 - np.sqrt(np.maximum(1.0 - 1.0 / r**2, 0.0)))
    expected = np.sum(shell * cap) / np.sum(shell)
    assert np.mean(np.hypot(*places.T) < 1.0 / c) == pytest.approx(expected, abs=0.005)


def test_round_clusters_are_those_of_their_profiles() -> None:
    grid = PixelGrid(48, 0.5)
    images = RoundClusters(grid, 1.4, (0.8, 9.0))
    for theta500, place in ((0.9, (1.3, -4.2)), (2.3, (0.0, 0.0)), (7.1, (-9.0, 6.0))):
        image = images(np.full(1, 3e-4), np.full(1, theta500), np.array([place]))
        radius = np.hypot((grid.axis_arcmin - place[1])[:, None], grid.axis_arcmin - place[0])
        profile = beamed_profiles(np.full(1, theta500), radius.ravel(), beam_fwhm_arcmin=1.4)
        expected = 3e-4 * profile.reshape(radius.shape)
        assert np.abs(image - expected).max() < 0.01 * expected.max()
