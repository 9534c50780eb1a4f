"""Masses from Y and by matched filter come back where they are put in."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from szmass.compton.masses.matched_filter import MatchedFilter, unit_images
from szmass.compton.masses.relation import (
    planck_msz_msun,
    prior_msun,
    relation_msun,
)
from szmass.params import Params
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2

GRID, FINE = PixelGrid(96, 1.7), PixelGrid(192, 0.5)
RELATION = ScalingRelation(alpha=1.63, log10_b=-0.19)


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.compton)


@pytest.fixture(scope="module")
def pressure(params: Params) -> GnfwPressure:
    return GnfwPressure(**asdict(params.microwave.pressure))


def y_arcmin2(mass_msun: np.ndarray, redshift: np.ndarray, cosmology: Cosmology) -> np.ndarray:
    intrinsic = y_cyl_mpc2(mass_msun, redshift, RELATION, cosmology)
    return intrinsic / mpc2_per_arcmin2(redshift, cosmology)


def test_a_mass_comes_back_and_planck_weighs_heavy_clusters_light(cosmology: Cosmology) -> None:
    mass, redshift = np.array([3e14, 6e14, 1e15]), np.array([0.1, 0.2, 0.3])
    y = y_arcmin2(mass, redshift, cosmology)
    np.testing.assert_allclose(relation_msun(y, redshift, RELATION, cosmology), mass)
    bias = 1.0 - planck_msz_msun(y, redshift, cosmology) / mass
    # the bias of Planck's masses in the paper
    np.testing.assert_allclose(bias, [0.04, 0.10, 0.14], atol=0.012)


def test_an_image_has_its_y_within_r500(pressure: GnfwPressure) -> None:
    image = unit_images(np.array([12.0]), FINE, 1.0, pressure)[0]
    inside = FINE.radius_arcmin <= 12.0
    assert image[inside].sum() * FINE.pixel_arcmin**2 == pytest.approx(1.0, rel=0.01)


@pytest.mark.parametrize("redshift", [0.05, 0.15, 0.5])
def test_the_matched_filter_finds_a_mass_in_noise(
    redshift: float, cosmology: Cosmology, pressure: GnfwPressure
) -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 1.5e-6, (60, 96, 96))
    mass, at = np.full(40, 6e14), np.full(40, redshift)
    theta = cosmology.theta500_arcmin(mass, at)[:1]
    signal = unit_images(theta, GRID, 10.0, pressure)[0] * y_arcmin2(mass, at, cosmology)[0]
    find = MatchedFilter(
        noise,
        grid=GRID,
        beam_fwhm_arcmin=10.0,
        pressure=pressure,
        relation=RELATION,
        cosmology=cosmology,
    )
    np.testing.assert_allclose(find(signal[None], at[:1]), 6e14, rtol=2e-3)
    found = find(signal + rng.normal(0.0, 1.5e-6, (40, 96, 96)) + 3e-6, at)
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 6e14) < max(4 * error, 3e12)


def test_without_a_map_the_mass_is_the_median() -> None:
    np.testing.assert_array_equal(prior_msun(np.array([1e14, 2e14, 9e14]), 2), [2e14, 2e14])
