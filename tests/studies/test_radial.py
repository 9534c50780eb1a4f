"""Radial densities of images whose distribution is known."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.sky.grid import PixelGrid
from szmass.studies.saliency.radial import radial_density, share_within

GRID = PixelGrid(200, 0.1)


def test_a_flat_image_has_the_share_of_the_area() -> None:
    theta500 = np.array([2.0, 4.0])
    images = np.ones((2, 200, 200))
    found = share_within(images, GRID.radius_arcmin, theta500, (0.4, 1.2))
    area = np.pi * (1.2**2 - 0.4**2) * theta500**2
    assert found == pytest.approx(area / 20.0**2, rel=0.01)


def test_a_density_is_normalised_and_knows_the_radius_in_r500() -> None:
    theta500 = np.array([2.0])
    ring = (np.abs(GRID.radius_arcmin - 3.0) < 0.1).astype(float)[None]
    edges = np.linspace(0.0, 8.0, 33)
    (density,) = radial_density(ring, GRID.radius_arcmin, theta500, edges)
    assert np.sum(density * np.diff(edges)) == pytest.approx(1.0)
    inside = (edges[:-1] >= 1.25) & (edges[1:] <= 1.75)
    assert np.sum(density[inside]) * 0.25 == pytest.approx(1.0)


def test_the_scale_of_an_image_does_not_matter() -> None:
    image = np.random.default_rng(1).random((1, 200, 200))
    edges = np.linspace(0.0, 2.0, 5)
    once, thrice = (
        radial_density(factor * image, GRID.radius_arcmin, np.array([3.0]), edges)
        for factor in (1.0, 3.0)
    )
    assert thrice == pytest.approx(once)
