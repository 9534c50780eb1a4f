"""Haloes along a line of sight: as many as the mass function has, of its masses and redshifts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from szmass.sky.clusters.haloes import LightCone, mass_quantiles_msun
from szmass.sky.cosmology import Cosmology
from szmass.units import ARCMIN_RAD

REDSHIFTS, LIGHTEST_MSUN = (0.1, 2.0), 2e13
SIDE_ARCMIN, SQUARES = 40.0, 200


@pytest.fixture(scope="module")
def cosmology() -> Cosmology:
    return Cosmology("planck18", "diemer15_orig")


@pytest.fixture(scope="module")
def light_cone(cosmology: Cosmology) -> LightCone:
    return LightCone(cosmology, redshifts=REDSHIFTS, lightest_m500c_msun=LIGHTEST_MSUN)


def expected_per_arcmin2(cosmology: Cosmology, low: float, high: float, mass_msun: float) -> float:
    """The integral of the mass function over volume and mass, by Gauss-Legendre."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    redshift = (low + high) / 2 + (high - low) / 2 * nodes
    span = np.log(4e15 / mass_msun)
    ln_mass = np.log(mass_msun) + span * (nodes + 1) / 2
    # the comoving distance by the trapezoidal rule, as no code of ours has it
    fine = np.linspace(0.0, high, 20_001)
    hubble_mpc = 299_792.458 / (100 * cosmology.h)
    steps = (1 / cosmology.e_z(fine)[1:] + 1 / cosmology.e_z(fine)[:-1]) / 2 * np.diff(fine)
    distance_mpc = hubble_mpc * np.interp(redshift, fine[1:], np.cumsum(steps))
    volume_mpc3 = distance_mpc**2 * hubble_mpc / cosmology.e_z(redshift)
    density = [cosmology.halo_density_mpc3(np.exp(ln_mass), z) @ weights for z in redshift]
    total = (volume_mpc3 * weights) @ np.array(density) * (high - low) / 2 * span / 2
    return float(total * ARCMIN_RAD**2)


def test_the_number_is_the_integral_of_the_mass_function(cosmology, light_cone):
    expected = expected_per_arcmin2(cosmology, *REDSHIFTS, LIGHTEST_MSUN)
    assert light_cone.per_arcmin2 == pytest.approx(expected, rel=3e-3)


def test_haloes_are_drawn_as_the_mass_function_has_them(cosmology, light_cone):
    squares = [light_cone.draw(np.random.default_rng(i), SIDE_ARCMIN) for i in range(SQUARES)]
    counts = np.array([len(square.redshift) for square in squares])
    area = SIDE_ARCMIN**2 * SQUARES
    assert counts.sum() == pytest.approx(light_cone.per_arcmin2 * area, abs=4 * counts.sum() ** 0.5)
    assert counts.var() == pytest.approx(counts.mean(), rel=4 * np.sqrt(2 / SQUARES))
    mass, redshift, x, y = (
        np.concatenate([getattr(square, name) for square in squares])
        for name in ("m500c_msun", "redshift", "x_arcmin", "y_arcmin")
    )
    for low, high, least in ((0.1, 0.5, 2e13), (0.5, 1.0, 5e13), (0.1, 1.0, 2e14)):
        found = np.sum((redshift > low) & (redshift < high) & (mass > least))
        expected = expected_per_arcmin2(cosmology, low, high, least) * area
        assert found == pytest.approx(expected, abs=4 * np.sqrt(expected) + 0.01 * expected)
    for axis in (x, y):
        assert np.abs(axis).max() <= SIDE_ARCMIN / 2
        assert axis.std() == pytest.approx(SIDE_ARCMIN / np.sqrt(12), rel=0.03)


def test_masses_of_clusters_follow_the_mass_function(cosmology):
    draw = lambda q: mass_quantiles_msun(  # noqa: E731
        np.asarray(q), redshift=0.7, range_msun=(2e14, 7e14), cosmology=cosmology
    )
    assert draw([0.0, 1.0]) == pytest.approx([2e14, 7e14])
    m500c_msun, _ = cosmology.m500c_and_r500c(np.array([2e14, 3e14, 7e14]), 0.7)
    parts = []
    for low, high in pairwise(m500c_msun):
        ln_mass = np.linspace(np.log(low), np.log(high), 2001)
        parts.append(np.trapezoid(cosmology.halo_density_mpc3(np.exp(ln_mass), 0.7), ln_mass))
    assert draw(parts[0] / sum(parts)) == pytest.approx(3e14, rel=1e-3)
