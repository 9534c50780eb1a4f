"""Profiles after the beam against closed forms and direct integrals."""

from __future__ import annotations

import numpy as np
from scipy.integrate import trapezoid

from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles

BEAM_ARCMIN = 10.0


def test_the_beam_keeps_the_integral():
    """All of a profile is I(5) / J(1) = 1.492 of what lies within theta500."""
    theta500, radius = np.array([2.0, 8.0, 60.0]), np.arange(0.0, 340.0, 0.25)
    profiles = beamed_profiles(theta500, radius, beam_fwhm_arcmin=BEAM_ARCMIN)
    total_arcmin2 = trapezoid(2 * np.pi * radius * profiles, radius, axis=1)
    np.testing.assert_allclose(total_arcmin2, 1.1045 / 0.7402, rtol=1e-3)


def test_a_small_cluster_is_the_beam():
    sigma = BEAM_ARCMIN / np.sqrt(8 * np.log(2))
    radius = np.array([0.0, 3.0, 6.0, 10.0])
    profile = beamed_profiles(np.array([0.02]), radius, beam_fwhm_arcmin=BEAM_ARCMIN)[0]
    peak = 1.1045 / 0.7402 / (2 * np.pi * sigma**2)
    np.testing.assert_allclose(profile, peak * np.exp(-0.5 * (radius / sigma) ** 2), rtol=2e-3)


def test_a_large_cluster_without_beam_is_the_line_of_sight_integral():
    """A beam far smaller than the cluster leaves y = 2 int p dz, normalised in the cylinder."""
    theta500, radius = 60.0, np.array([30.0, 60.0, 120.0])
    profile = beamed_profiles(np.array([theta500]), radius, beam_fwhm_arcmin=2.0)[0]
    x = radius / theta500
    z = np.linspace(0.0, 5.0, 20001)
    column = 2 * trapezoid(UNIVERSAL_PRESSURE.shape(np.hypot(x[:, None], z)), z, axis=1)
    # int_0^1 2 pi x column dx = (4 pi / 3) J(1), in units of theta500 squared
    y = column / (4 * np.pi / 3 * UNIVERSAL_PRESSURE.cylinder_integral(1.0) * theta500**2)
    np.testing.assert_allclose(profile, y, rtol=3e-3)
