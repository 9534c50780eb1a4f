"""Statistics of mass estimates that both papers' results use."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import curve_fit

from szmass.units import MASS_UNIT_MSUN

FLOOR_MSUN = 0.01 * MASS_UNIT_MSUN


HISTOGRAM_BINS = 30


def half_width(values: np.ndarray) -> float:
    """Half of the distance between the 16th and 84th percentiles, the paper's 1 sigma."""
    low, high = np.percentile(values, [16, 84])
    return float(high - low) / 2.0


def ln_ratio(estimate_msun: np.ndarray, truth_msun: np.ndarray) -> np.ndarray:
    """ln(M_est / M_true); an estimate that is no mass counts as `FLOOR_MSUN`."""
    return np.log(np.maximum(estimate_msun, FLOOR_MSUN) / truth_msun)


def gaussian_width(values: np.ndarray) -> float:
    """Standard deviation of the Gaussian that fits the histogram of `values` best.

    Least squares over `HISTOGRAM_BINS` bins, which span four half-widths either side of the
    median, so that a few outliers do not coarsen them. Where the maps are too few for the fit to
    settle, the half-width.
    """
    centre, width = float(np.median(values)), half_width(values)
    if width == 0.0:
        return 0.0
    edges = centre + np.linspace(-4.0, 4.0, HISTOGRAM_BINS + 1) * width
    counts, _ = np.histogram(values, edges)
    middles = (edges[1:] + edges[:-1]) / 2.0

    def gaussian(x: np.ndarray, height: float, mean: float, sigma: float) -> np.ndarray:
        return height * np.exp(-0.5 * ((x - mean) / sigma) ** 2)

    start = (float(counts.max()), centre, width)
    try:
        (_, _, sigma), _ = curve_fit(gaussian, middles, counts, p0=start, maxfev=2000)
    except RuntimeError:
        return width
    return float(abs(sigma))


def bootstrap_error(
    statistic: Callable[[np.ndarray], float],
    values: np.ndarray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> float:
    """Standard deviation of a statistic over samples drawn from `values` with replacement."""
    indices = rng.integers(len(values), size=(draws, len(values)))
    return float(np.std([statistic(values[row]) for row in indices], ddof=1))


def peak_of_rows(axis: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where each row of values is largest, by the parabola through its three highest nodes.

    Args:
        axis: ascending nodes, `(m,)`.
        values: `(n, m)`.

    Returns:
        Places on the axis, `(n,)`; no further from the highest node than its neighbours.
    """
    best = np.clip(values.argmax(axis=1), 1, len(axis) - 2)
    rows = np.arange(len(best))
    left, middle, right = (values[rows, best + step] for step in (-1, 0, 1))
    below, above = axis[best] - axis[best - 1], axis[best + 1] - axis[best]
    slope_below, slope_above = (middle - left) / below, (right - middle) / above
    curvature = 2.0 * (slope_above - slope_below) / (below + above)
    slope = (slope_below * above + slope_above * below) / (below + above)
    step = np.divide(-slope, curvature, out=np.zeros_like(slope), where=curvature < 0)
    return axis[best] + np.clip(step, -below, above)
