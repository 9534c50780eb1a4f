"""Noise in the pixels of a map that have no data."""

from __future__ import annotations

import zlib

import numpy as np
from scipy.ndimage import gaussian_filter

from szmass.predict.cutouts import CutoutError
from szmass.streams import FILLED_PIXELS

MEASURED_ARCMIN = 40.0
"""Radius within which every pixel must have data: beyond it little of a cluster is left."""
MOST_FILLED = 0.5
"""Share of the pixels that may be without data."""
LEAST_PIXELS = 100
"""Pixels with data beyond the cluster, from which the noise is known to some ten percent."""


def with_noise(
    image: np.ndarray, pixel_arcmin: float, centre: tuple[float, float] | None
) -> tuple[np.ndarray, str]:
    """A map whose masked and NaN pixels far from the cluster have noise like the map's own.

    The noise is Gaussian, with the median, the width and the correlation of neighbouring pixels
    that the map has beyond `MEASURED_ARCMIN`. It depends on the map alone.

    Args:
        image: Compton y, `(rows, columns)`.
        pixel_arcmin: side of a pixel.
        centre: column and row of the cluster; None: the map's centre.

    Returns:
        The map, and what was done in words; "" if no pixel was without data.

    Raises:
        CutoutError: pixels near the cluster, or most of them, have no data.
    """
    if image.ndim != 2 or image.dtype.kind != "f":
        return image, ""  # refused, or whole
    values = np.ma.getdata(image).astype(np.float64)
    empty = np.ma.getmaskarray(image) | np.isnan(values)
    if not empty.any() or np.isinf(values[~empty]).any():
        return image, ""  # whole, or refused
    rows, columns = np.indices(image.shape)
    column, row = centre or ((image.shape[1] - 1) / 2.0, (image.shape[0] - 1) / 2.0)
    near = np.hypot(rows - row, columns - column) * pixel_arcmin <= MEASURED_ARCMIN
    if (empty & near).any():
        raise CutoutError(
            f"{np.sum(empty & near)} pixels within {MEASURED_ARCMIN:g}' of the centre are masked "
            "or NaN: expected y there; only pixels farther out are filled"
        )
    if empty.mean() > MOST_FILLED:
        share, most = f"{empty.mean():.0%}", f"{MOST_FILLED:.0%}"
        raise CutoutError(f"{share} of the pixels are masked or NaN: expected at most {most}")
    level = np.where(empty | near, np.nan, values)
    low, middle, high = _percentiles(level)
    width = (high - low) / 2.0
    rng = np.random.default_rng((0, FILLED_PIXELS, zlib.crc32(values[~empty].tobytes())))
    noise = _correlated(rng.standard_normal(image.shape), _correlation((level - middle) / width))
    words = f"{empty.sum()} pixels without data filled with noise of {width:.3g}"
    return np.where(empty, middle + width * noise, values), words


def _percentiles(level: np.ndarray) -> tuple[float, float, float]:
    """The 16, 50 and 84 % points of pixels beyond the cluster, NaN where they are not known."""
    known = level[~np.isnan(level)]
    low, middle, high = np.percentile(known, [16.0, 50.0, 84.0]) if len(known) else (0.0, 0.0, 0.0)
    if len(known) < LEAST_PIXELS or low == high:
        raise CutoutError(
            f"{len(known)} pixels beyond {MEASURED_ARCMIN:g}' of the centre have data, most "
            f"of them {middle:g}: expected {LEAST_PIXELS} with noise, to fill the others with"
        )
    return low, middle, high


def _correlation(noise: np.ndarray) -> float:
    """Correlation of neighbouring pixels of noise of width 1 about 0, NaN where it is not known."""
    clipped = np.clip(noise, -4.0, 4.0)  # a point source is no noise
    products = (clipped[1:] * clipped[:-1], clipped[:, 1:] * clipped[:, :-1])
    covariance = np.nanmean(np.concatenate([part.ravel() for part in products]))
    return float(covariance / np.nanmean(clipped**2))


def _correlated(white: np.ndarray, correlation: float) -> np.ndarray:
    """White noise smoothed until neighbours have a correlation, of width 1 again.

    White noise smoothed with a Gaussian of width s has the correlation exp(-1 / (4 s^2)).
    """
    if correlation <= 0.0:
        return white
    smoothing = np.sqrt(-0.25 / np.log(min(correlation, 0.99)))
    smooth = gaussian_filter(white, smoothing, mode="wrap")
    return smooth / smooth.std()
