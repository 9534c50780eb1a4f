import numpy as np
import pytest

from helpers.analytic import square_pixel_average
from szmass.sky.grid import PixelGrid, gaussian_beam, pixel_window
from szmass.sky.noise import white_noise_cl_uk2, white_noise_uk_per_pixel
from szmass.units import ARCMIN_RAD

GRID = PixelGrid(40, 0.25)


def test_centre_is_the_corner_between_the_four_middle_pixels():
    assert GRID.axis_arcmin[19] == -0.125
    assert GRID.axis_arcmin[20] == 0.125
    assert GRID.radius_arcmin.min() == pytest.approx(np.hypot(0.125, 0.125))
    assert np.flatnonzero(np.isclose(GRID.radius_arcmin, GRID.radius_arcmin.min())).tolist() == [
        19 * 40 + 19, 19 * 40 + 20, 20 * 40 + 19, 20 * 40 + 20,
    ]  # fmt: skip


def test_the_map_is_ten_arcmin_wide():
    assert np.ptp(GRID.axis_arcmin) + GRID.pixel_arcmin == pytest.approx(10)


@pytest.mark.parametrize("grid", [GRID, PixelGrid(7, 1.7)])
def test_distinct_radii_give_every_radius_back(grid):
    radii, index = grid.unique_radii
    np.testing.assert_allclose(radii[index], grid.radius_arcmin.ravel(), rtol=1e-14)
    assert (np.diff(radii) > 0).all()


def test_distinct_separations_give_every_pair_back():
    grid = PixelGrid(6, 0.5)
    separations, index = grid.unique_separations()
    x, y = np.meshgrid(grid.axis_arcmin, grid.axis_arcmin)
    pairs = np.hypot(x.ravel()[:, None] - x.ravel(), y.ravel()[:, None] - y.ravel())
    np.testing.assert_allclose(separations[index], pairs, atol=1e-13)


def test_beam_is_the_transform_of_a_gaussian_of_that_width():
    """B_l = 2 pi int b(t) J0(l t) t dt, b of unit integral: checked through its half width."""
    from scipy.special import j0

    fwhm = 1.0 * ARCMIN_RAD
    theta = np.linspace(0, 6 * fwhm, 4001)
    profile = 2.0 ** (-((2 * theta / fwhm) ** 2))
    ell = np.array([0.0, 1000, 5000, 12_000, 20_000])
    transform = np.trapezoid(profile * theta * j0(ell[:, None] * theta), theta)
    np.testing.assert_allclose(gaussian_beam(ell, 1.0), transform / transform[0], atol=1e-4)


def test_share_of_the_power_that_the_beam_passes():
    assert gaussian_beam(np.array([12_000.0]), 1.0)[0] ** 2 == pytest.approx(0.11, abs=5e-3)


def test_pixel_window_is_the_average_over_a_fine_square():
    """The mean square of a plane wave averaged over the pixel, over all directions."""
    ell = np.array([100.0, 3000, 10_000, 20_000, 60_000])
    phi = np.linspace(0, 2 * np.pi, 721)[:-1]
    points = (np.arange(200) + 0.5) / 200 - 0.5
    side = 0.25 * ARCMIN_RAD
    kx = ell[:, None] * np.cos(phi)
    ky = ell[:, None] * np.sin(phi)
    average = np.cos(kx[..., None] * side * points).mean(-1) * np.cos(
        ky[..., None] * side * points
    ).mean(-1)
    np.testing.assert_allclose(
        pixel_window(ell, 0.25), np.sqrt((average**2).mean(axis=1)), rtol=2e-5
    )
    closed = square_pixel_average(np.stack([kx, ky], axis=-1), side)
    np.testing.assert_allclose(average, closed, atol=2e-5)


def test_pixel_window_for_small_multipoles():
    """W = 1 - l^2 d^2 / 24 + ..."""
    ell = np.array([1000.0])
    drop = (ell[0] * 0.25 * ARCMIN_RAD) ** 2 / 24
    assert 1 - pixel_window(ell, 0.25)[0] == pytest.approx(drop, rel=1e-3)
    assert pixel_window(ell, 0.0)[0] == pytest.approx(1, abs=1e-15)


def test_taper():
    np.testing.assert_array_equal(GRID.cosine_taper(0), 1)
    taper = GRID.cosine_taper(2.0)
    assert taper[20, 20] == 1
    np.testing.assert_allclose(taper, taper.T)
    np.testing.assert_allclose(taper, taper[::-1])
    # the outermost pixel centre lies 0.125' inside the edge
    assert taper[0, 20] == pytest.approx(np.sin(np.pi / 2 * 0.125 / 2) ** 2)
    assert taper[0, 0] == pytest.approx(taper[0, 20] ** 2)
    assert taper[4, 20] == pytest.approx(np.sin(np.pi / 2 * 1.125 / 2) ** 2)


def test_noise_of_a_pixel_and_of_a_multipole():
    assert white_noise_uk_per_pixel(5.0, 0.25) == 20
    # white: the power is the variance of a pixel times its solid angle
    assert white_noise_cl_uk2(5.0) == pytest.approx(20**2 * (0.25 * ARCMIN_RAD) ** 2)
