"""Full-sky maps against their spectrum, and cutouts against healpy's own, pixel by pixel."""

from __future__ import annotations

import healpy
import matplotlib as mpl
import numpy as np
import pytest
from healpy.projector import GnomonicProj
from threadpoolctl import threadpool_info, threadpool_limits

from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import (
    band_limited_variance,
    disc,
    gaussian_map,
    gnomonic_pixels,
    pixel_count,
    pixel_sines,
    pixel_vectors,
    ring_order,
    ring_sines,
    unit_vectors,
)

NSIDE, GRID = 2048, PixelGrid(96, 1.7)


class PixelNumbers:
    """A map whose value is the number of the pixel."""

    def __getitem__(self, pixels):
        return pixels


def positions(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Poles, edges of the coordinates and the rest at random."""
    rng = np.random.default_rng(1)
    glon = np.concatenate([[0, 0, 123, 360, 359.99, 180], rng.uniform(0, 360, count - 6)])
    sine = rng.uniform(-1, 1, count - 6)
    return glon, np.concatenate([[0, 90, -90, 0, 41.81, 45], np.degrees(np.arcsin(sine))])


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # healpy's plotting
def test_cutouts_are_gnomviews_in_every_pixel():
    mpl.use("Agg")
    values = np.random.default_rng(2).standard_normal(pixel_count(NSIDE), dtype=np.float32)
    glon, glat = positions(8)
    pixels = gnomonic_pixels(NSIDE, glon, glat, GRID)
    for cutout, centre in zip(values[pixels], zip(glon, glat, strict=True), strict=True):
        expected = healpy.gnomview(
            values, rot=centre, xsize=96, reso=1.7, return_projected_map=True, no_plot=True
        )
        np.testing.assert_array_equal(cutout, expected)


@pytest.mark.parametrize(("nside", "grid"), [(NSIDE, GRID), (256, PixelGrid(40, 3.0))])
def test_pixels_are_those_of_healpys_projection(nside, grid):
    """What gnomview draws, without its plotting, at many positions."""
    glon, glat = positions(150)
    pixels = gnomonic_pixels(nside, glon, glat, grid)
    for found, centre in zip(pixels, zip(glon, glat, strict=True), strict=True):
        projection = GnomonicProj(rot=centre, xsize=grid.pixels, reso=grid.pixel_arcmin)
        projection.set_flip("astro")
        expected = projection.projmap(
            PixelNumbers(), lambda x, y, z: healpy.vec2pix(nside, x, y, z)
        )
        np.testing.assert_array_equal(found, expected)


def test_north_is_up_and_east_is_left():
    pixels = gnomonic_pixels(NSIDE, np.array([120.0]), np.array([30.0]), GRID)[0]
    glon, glat = healpy.pix2ang(NSIDE, pixels, lonlat=True)
    assert (np.diff(glat[:, 48]) >= 0).all()
    assert glat[95, 48] - glat[0, 48] == pytest.approx(95 * 1.7 / 60, abs=0.04)
    assert (np.diff(glon[48]) <= 0).all()
    width = (glon[48, 0] - glon[48, 95]) * np.cos(np.radians(30))
    assert width == pytest.approx(95 * 1.7 / 60, abs=0.04)


def test_the_centre_is_the_corner_of_the_four_middle_pixels():
    """Each of the four shows the sky half a pixel from the centre, to within a HEALPix pixel."""
    glon, glat = positions(20)
    middle = gnomonic_pixels(NSIDE, glon, glat, GRID)[:, 47:49, 47:49]
    shown = np.stack(healpy.pix2vec(NSIDE, middle), axis=-1).mean(axis=(1, 2))
    offset_arcmin = np.degrees(np.linalg.norm(shown - unit_vectors(glon, glat), axis=1)) * 60
    assert offset_arcmin.max() < 0.9


def test_cutouts_do_not_depend_on_the_company_they_are_cut_in():
    glon, glat = positions(12)
    together = gnomonic_pixels(NSIDE, glon, glat, GRID)
    alone = gnomonic_pixels(NSIDE, glon[7:8], glat[7:8], GRID)
    np.testing.assert_array_equal(together[7:8], alone)


def test_a_gaussian_map_has_its_spectrum():
    ell = np.arange(257)
    cl = 1.0 / (ell + 10.0) ** 2
    sky = gaussian_map(cl, 128, np.random.default_rng(3))
    assert sky.dtype == np.float32
    measured = healpy.anafast(sky.astype(float), lmax=256, iter=3)
    # chi-square with 2 l + 1 degrees of freedom, from all l together and by parts
    z = (measured / cl - 1) / np.sqrt(2 / (2 * ell + 1))
    for part in (z[:30], z[30:128], z[128:]):
        assert abs(part.mean()) * np.sqrt(len(part)) < 4
        assert part.std() == pytest.approx(1, abs=4 / np.sqrt(2 * len(part)))


def test_band_limited_variance_is_that_of_the_map():
    cl = np.where(np.arange(200) < 20, 0.0, 1e-3)
    sky = gaussian_map(cl, 128, np.random.default_rng(4))
    # 4e4 independent modes
    assert sky.var() == pytest.approx(band_limited_variance(cl), rel=0.03)
    assert band_limited_variance(np.array([4 * np.pi, 0])) == pytest.approx(1)


def test_a_gaussian_map_depends_on_its_generator_alone():
    maps = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads, user_api="openmp"):
            maps.append(gaussian_map(np.ones(129), 64, np.random.default_rng(5)))
    libraries = [library["filepath"] for library in threadpool_info()]
    assert any("healpy" in path for path in libraries), "the limit reaches healpy's OpenMP"
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_a_disc_holds_the_pixels_within_its_radius():
    centre = unit_vectors(np.array([10.0]), np.array([-60.0]))[0]
    pixels, distance_arcmin = disc(256, centre, 90.0)
    everywhere = np.array(healpy.pix2vec(256, np.arange(pixel_count(256))))
    angle_arcmin = np.degrees(np.arccos(np.clip(centre @ everywhere, -1, 1))) * 60
    np.testing.assert_array_equal(np.sort(pixels), np.flatnonzero(angle_arcmin <= 90.0))
    np.testing.assert_allclose(distance_arcmin, angle_arcmin[pixels], atol=1e-4)


def test_sines_of_latitudes():
    _, latitude = healpy.pix2ang(32, np.arange(pixel_count(32)), lonlat=True)
    np.testing.assert_allclose(np.repeat(*ring_sines(32)), np.sin(np.radians(latitude)), atol=1e-12)
    part = slice(1000, 2000)
    north = pixel_sines(32, np.array([0.0, 0.0, 1.0]), part)
    np.testing.assert_allclose(north, np.sin(np.radians(latitude[part])), atol=1e-12)


def test_vectors_point_to_the_centres_of_pixels():
    pixels = np.arange(0, pixel_count(32), 7).reshape(-1, 1)
    glon, glat = healpy.pix2ang(32, pixels, lonlat=True)
    np.testing.assert_allclose(pixel_vectors(32, pixels), unit_vectors(glon, glat), atol=1e-12)


def test_unit_vectors_are_healpys():
    glon, glat = positions(20)
    np.testing.assert_allclose(
        unit_vectors(glon, glat), healpy.ang2vec(glon, glat, lonlat=True), atol=1e-15
    )


def test_ring_order_is_healpys_reordering():
    nested = np.random.default_rng(6).standard_normal(pixel_count(64), dtype=np.float32)
    np.testing.assert_array_equal(ring_order(nested), healpy.reorder(nested, n2r=True))
