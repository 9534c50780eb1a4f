"""What cannot be weighed is named, and what can be resampled is."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.predict.cutouts import (
    CutoutError,
    checked_cutout,
    checked_redshift,
    window_around,
)
from szmass.sky.grid import PixelGrid

GRID = PixelGrid(96, 1.7)


def cluster(grid: PixelGrid) -> np.ndarray:
    """A round Gaussian of 10' FWHM off its own noise."""
    return 3e-5 * np.exp(-(grid.radius_arcmin**2) / (2 * 4.25**2))


@pytest.mark.parametrize("value", [0.3, "0.3", np.float32(0.25), 1, np.float64(1.0)])
def test_numbers_are_redshifts(value: object) -> None:
    assert checked_redshift(value) == float(str(value))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "redshift missing: expected a number above 0 and at most 1"),
        ("", "redshift missing"),
        ("near", "redshift = 'near': expected a number"),
        (0.0, "redshift = 0: expected"),
        (-1.0, "redshift = -1: expected"),
        (1.5, "redshift = 1.5: expected"),
        (float("nan"), "redshift = nan: expected"),
        (True, "redshift = True is a bool"),
        ([0.2], r"redshift = \[0.2\] is a list"),
    ],
)
def test_other_values_are_not(value: object, message: str) -> None:
    with pytest.raises(CutoutError, match=message):
        checked_redshift(value)


def test_a_map_of_the_right_size_is_taken_as_it_is() -> None:
    image = cluster(GRID)
    for pixel_arcmin in (None, 1.7):
        np.testing.assert_array_equal(
            checked_cutout(image, pixel_arcmin, GRID), image.astype(np.float32)
        )


@pytest.mark.parametrize("grid", [PixelGrid(200, 1.0), PixelGrid(131, 1.5), PixelGrid(120, 1.7)])
def test_another_grid_is_resampled_about_its_centre(grid: PixelGrid) -> None:
    found = checked_cutout(cluster(grid), grid.pixel_arcmin, GRID)
    np.testing.assert_allclose(found, cluster(GRID), atol=3e-5 * 2e-3)


def changed(value: float, where: tuple[int, int] = (3, 5)) -> np.ndarray:
    image = cluster(GRID)
    image[where] = value
    return image


@pytest.mark.parametrize(
    ("image", "pixel_arcmin", "message"),
    [
        (np.ones((96, 90)), None, r"map of shape \(96, 90\): expected 96 x 96 pixels of 1.7'"),
        (np.ones((2, 96, 96)), None, r"map of shape \(2, 96, 96\)"),
        (cluster(PixelGrid(64, 1.7)), None, "64 x 64 pixels whose size is not stated"),
        (cluster(PixelGrid(64, 1.7)), 1.7, "108.8' on a side: expected at least 163.2'"),
        (cluster(PixelGrid(60, 4.0)), 4.0, "pixels of 4': expected 1.7', or at most 2.5'"),
        (changed(np.nan), None, "1 pixels are masked or not finite, the first at row 3, column 5"),
        (np.ma.masked_less(cluster(GRID), 1e-9), None, "pixels are masked or not finite"),
        (cluster(GRID) * 1e6, None, r"\|y\| up to .*: expected .* below 0.01; is the map in uK"),
        (np.zeros((96, 96)), None, "the map is 0 in every pixel"),
        (np.full((96, 96), "a"), None, "map of type <U1: expected numbers"),
    ],
)
def test_bad_maps_are_named(image: np.ndarray, pixel_arcmin: float | None, message: str) -> None:
    with pytest.raises(CutoutError, match=message):
        checked_cutout(image, pixel_arcmin, GRID)


def beside(column: float, row: float, pixel_arcmin: float, shape: tuple[int, int]) -> np.ndarray:
    """A map of any shape with the cluster at a place in it."""
    rows, columns = np.indices(shape)
    radius_arcmin = np.hypot(rows - row, columns - column) * pixel_arcmin
    return 3e-5 * np.exp(-(radius_arcmin**2) / (2 * 4.25**2))


@pytest.mark.parametrize(
    ("column", "row", "pixel_arcmin"),
    [(100.5, 59.5, 1.7), (100.0, 60.0, 1.7), (120.3, 110.7, 1.2)],
)
def test_a_cutout_is_made_around_a_place(column: float, row: float, pixel_arcmin: float) -> None:
    """NaN elsewhere in the map does no harm."""
    image = beside(column, row, pixel_arcmin, (220, 260))
    image[-1] = np.nan
    window, place = window_around(image, pixel_arcmin, GRID, (column, row))
    found = checked_cutout(window, pixel_arcmin, GRID, place)
    np.testing.assert_allclose(found, cluster(GRID), atol=3e-5 * 1e-3)


def test_whole_pixels_are_taken_as_they_are() -> None:
    image = np.random.default_rng(1).normal(0.0, 1e-6, (120, 130))
    window, place = window_around(image, 1.7, GRID, (60.5, 50.5))
    found = checked_cutout(window, 1.7, GRID, place)
    np.testing.assert_array_equal(found, image[3:99, 13:109].astype(np.float32))


@pytest.mark.parametrize(
    ("centre", "pixel_arcmin", "message"),
    [
        ((500.0, 60.0), 1.7, "around column 500.0, row 60.0 is not within the map of 120 x 130 "),
        ((47.0, 60.0), 1.7, "expected a centre 47.5 pixels from its edges"),
        ((60.0, -3.0), 1.7, "a cutout of 163.2' around column 60.0, row -3.0 is not within"),
        ((60.0, 60.0), None, "the side of a pixel is not stated"),
        ((60.0, 60.0), 0.0, "pixels of 0': expected 1.7'"),
    ],
)
def test_a_cutout_that_does_not_fit_is_refused(
    centre: tuple[float, float], pixel_arcmin: float | None, message: str
) -> None:
    with pytest.raises(CutoutError, match=message):
        window_around(np.zeros((120, 130)), pixel_arcmin, GRID, centre)
