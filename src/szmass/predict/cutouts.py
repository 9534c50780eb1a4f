"""What a map and a redshift must be like before a mass is inferred from them."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import map_coordinates

from szmass.errors import SzmassError
from szmass.predict.files.map_units import Signal, Y
from szmass.sky.grid import PixelGrid

COARSEST = 0.25
"""Of a beam: from coarser pixels a map cannot be resampled."""
PLANCK_BEAM_ARCMIN = 10.0


SAME = 1e-3
"""By how much the sides of equal pixels may differ, relatively."""
REAL = (int, float, str, np.integer, np.floating)
"""Types of a redshift. A complex one would lose its imaginary part without a word."""


class CutoutError(SzmassError):
    """No mass can be inferred from a map, or not with its redshift."""


def checked_redshift(value: object, *, farthest: float = 1.0) -> float:
    """A redshift as a number.

    Args:
        value: a number, or text that is one.
        farthest: largest redshift.

    Raises:
        CutoutError: it is missing, no number, or not above 0 and at most `farthest`.
    """
    expected = f"expected a number above 0 and at most {farthest:g}"
    if value is None or value == "":
        raise CutoutError(f"redshift missing: {expected}")
    if isinstance(value, bool) or not isinstance(value, REAL):
        raise CutoutError(f"redshift = {value!r} is a {type(value).__name__}: {expected}")
    try:
        redshift = float(value)
    except ValueError:
        raise CutoutError(f"redshift = {value!r}: {expected}") from None
    if not 0.0 < redshift <= farthest:
        raise CutoutError(f"redshift = {redshift:g}: {expected}")
    return redshift


def window_around(
    image: np.ndarray,
    pixel_arcmin: float | None,
    grid: PixelGrid,
    centre: tuple[float, float],
    *,
    beam_fwhm_arcmin: float = PLANCK_BEAM_ARCMIN,
) -> tuple[np.ndarray, tuple[float, float]]:
    """The part of a map that the networks' grid covers about a place, and the place in it.

    Args:
        image: `(rows, columns)`.
        pixel_arcmin: side of a pixel; None where it is not stated.
        grid: of the networks.
        centre: column and row in the map, from 0.
        beam_fwhm_arcmin: of the map.

    Raises:
        CutoutError: the grid does not fit, or the side of a pixel is not stated.
    """
    if image.ndim != 2:
        raise CutoutError(f"map of shape {image.shape}: expected (rows, columns)")
    if pixel_arcmin is None:
        raise CutoutError("the side of a pixel is not stated: expected it, to cut around a place")
    _require_fine(pixel_arcmin, grid, beam_fwhm_arcmin)
    half = float(grid.axis_arcmin[-1]) / pixel_arcmin
    ends = []
    for place, size in zip(centre, image.shape[::-1], strict=True):
        low, high = math.floor(round(place - half, 6)), math.ceil(round(place + half, 6))
        if low < 0 or high > size - 1:
            column, row = centre
            raise CutoutError(
                f"a cutout of {grid.pixels * grid.pixel_arcmin:.1f}' around column {column:.1f}, "
                f"row {row:.1f} is not within the map of {image.shape[0]} x {image.shape[1]} "
                f"pixels of {pixel_arcmin:.4g}': expected a centre {half:.1f} pixels from its edges"
            )
        ends.append((low, high + 1))
    (left, right), (bottom, top) = ends
    return image[bottom:top, left:right], (centre[0] - left, centre[1] - bottom)


def checked_cutout(
    image: np.ndarray,
    pixel_arcmin: float | None,
    grid: PixelGrid,
    centre: tuple[float, float] | None = None,
    *,
    beam_fwhm_arcmin: float = PLANCK_BEAM_ARCMIN,
    signal: Signal = Y,
) -> np.ndarray:
    """A map on the networks' grid, float32.

    A map of another pixel size or extent is interpolated (cubic splines) where the networks'
    pixels lie, about its centre, provided that it covers them all and is sampled finely
    enough for the beam; nothing is extrapolated.

    Args:
        image: with the cluster in it, `(rows, columns)`.
        pixel_arcmin: side of a pixel; None where the file does not say, then `grid`'s is taken
            for a map of `grid`'s size.
        grid: of the networks.
        centre: column and row of the cluster in a map that `window_around` has cut; None: the
            centre of a square map.
        beam_fwhm_arcmin: of the map.
        signal: what it shows.

    Raises:
        CutoutError: the map is no square image of numbers, has masked or NaN pixels or values
            that cannot be y, or cannot be resampled.
    """
    wanted = f"{grid.pixels} x {grid.pixels} pixels of {grid.pixel_arcmin:g}'"
    if image.ndim != 2 or (centre is None and image.shape[0] != image.shape[1]):
        raise CutoutError(f"map of shape {image.shape}: expected {wanted}, or another square")
    if not np.issubdtype(image.dtype, np.floating) and not np.issubdtype(image.dtype, np.integer):
        raise CutoutError(f"map of type {image.dtype}: expected numbers")
    bad = np.ma.getmaskarray(image) | ~np.isfinite(np.ma.getdata(image))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise CutoutError(
            f"{bad.sum()} pixels are masked or not finite, the first at row {row}, column "
            f"{column}: expected a value in every pixel"
        )
    values = np.asarray(np.ma.getdata(image), dtype=float)
    largest = np.abs(values).max()
    if largest > signal.largest:
        name = "y" if signal is Y else "T"
        raise CutoutError(f"|{name}| up to {largest:.3g}: expected {signal.expected}")
    if np.ptp(values) == 0:
        raise CutoutError(f"the map is {values[0, 0]:g} in every pixel: expected a cluster")
    found = _on_grid(values, pixel_arcmin, grid, wanted, centre, beam_fwhm_arcmin)
    return found.astype(np.float32)


def _on_grid(
    values: np.ndarray,
    pixel_arcmin: float | None,
    grid: PixelGrid,
    wanted: str,
    centre: tuple[float, float] | None,
    beam_fwhm_arcmin: float,
) -> np.ndarray:
    size = len(values)
    if pixel_arcmin is None:
        if size != grid.pixels:
            raise CutoutError(
                f"map of {size} x {size} pixels whose size is not stated: expected {wanted}, or "
                "the pixels' size beside it"
            )
        return values
    _require_fine(pixel_arcmin, grid, beam_fwhm_arcmin)
    same = abs(pixel_arcmin / grid.pixel_arcmin - 1.0) < SAME
    middle = (size - 1) / 2.0
    column, row = (middle, middle) if centre is None else centre
    at_middle = max(abs(column - middle), abs(row - middle)) < 1e-6
    if same and values.shape == (grid.pixels, grid.pixels) and at_middle:
        return values
    place = grid.axis_arcmin / pixel_arcmin
    if place[0] + min(column, row) < -1e-6:
        extent = size * pixel_arcmin
        raise CutoutError(
            f"map of {size} x {size} pixels of {pixel_arcmin:g}', {extent:.1f}' on a side: "
            f"expected at least {grid.pixels * grid.pixel_arcmin:.1f}'"
        )
    rows, columns = np.meshgrid(place + row, place + column, indexing="ij")
    return map_coordinates(values, [rows, columns], order=3, mode="nearest")


def _require_fine(pixel_arcmin: float, grid: PixelGrid, beam_fwhm_arcmin: float) -> None:
    coarsest = COARSEST * beam_fwhm_arcmin
    own = abs(pixel_arcmin / grid.pixel_arcmin - 1.0) < SAME
    if not own and not (math.isfinite(pixel_arcmin) and 0.0 < pixel_arcmin <= coarsest):
        raise CutoutError(
            f"pixels of {pixel_arcmin:g}': expected {grid.pixel_arcmin:g}', or at most "
            f"{coarsest:g}' to be resampled"
        )
