"""Images in units of R500, seen by a survey."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.sky.clusters.in_r500 import axis_r500, seen
from szmass.sky.grid import PixelGrid
from szmass.units import FWHM_PER_SIGMA

WIDTH_R500 = 0.4


@pytest.mark.parametrize("theta500_arcmin", [1.2, 8.0, 40.0])
def test_a_gaussian_behind_a_beam_is_a_wider_one(theta500_arcmin: float) -> None:
    """Also where the beam is wider than the image, as Planck's is for far clusters."""
    beam, offset = 10.0, np.array([0.7, -1.1])
    radius = np.hypot(*np.meshgrid(axis_r500(), axis_r500()))
    shape = np.exp(-0.5 * (radius / WIDTH_R500) ** 2) / (2.0 * np.pi * WIDTH_R500**2)
    grid = PixelGrid(96, 1.7)
    image = seen(shape, theta500_arcmin, grid, beam, offset)
    variance = (WIDTH_R500 * theta500_arcmin) ** 2 + (beam / FWHM_PER_SIGMA) ** 2
    x, y = np.meshgrid(grid.axis_arcmin - offset[0], grid.axis_arcmin - offset[1])
    expected = np.exp(-0.5 * (x**2 + y**2) / variance) / (2.0 * np.pi * variance)
    np.testing.assert_allclose(image, expected, atol=2e-5 * expected.max())
