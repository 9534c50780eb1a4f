"""Images of clusters in units of R500, which can be seen at any redshift and behind any beam."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft2, next_fast_len, rfft2
from scipy.ndimage import map_coordinates

from szmass.sky.grid import PixelGrid
from szmass.units import FWHM_PER_SIGMA

PIXELS, HALF_R500 = 128, 4.0
"""On a side of such an image, and how far from the centre it reaches."""
BEAM_SIGMAS = 5.0
"""Beyond the image that are kept behind the beam; farther away it is 4e-6 of what it was."""


def axis_r500() -> np.ndarray:
    """Centres of the pixels from the cluster, in R500, `(PIXELS,)`."""
    return (np.arange(PIXELS) - (PIXELS - 1) / 2.0) * 2.0 * HALF_R500 / PIXELS


def seen(
    shape: np.ndarray,
    theta500_arcmin: float,
    grid: PixelGrid,
    beam_fwhm_arcmin: float,
    offset_arcmin: np.ndarray,
) -> np.ndarray:
    """A cluster of Y = 1 arcmin^2 as a survey sees it.

    Args:
        shape: y / Y in R500^-2, `(PIXELS, PIXELS)`; 0 beyond it.
        theta500_arcmin: angle of R500.
        grid: the survey's pixels.
        beam_fwhm_arcmin: of its Gaussian beam; 0 for none.
        offset_arcmin: of the cluster from the centre along x and y, `(2,)`.

    Returns:
        y / Y in arcmin^-2 at the pixels' centres, `(pixels, pixels)`.

    Example:
        A Gaussian behind a beam, 8' beside the centre of the map; its whole signal is in it:

        >>> radius = np.hypot(*np.meshgrid(axis_r500(), axis_r500()))
        >>> shape = np.exp(-2.0 * radius**2) * 2.0 / np.pi
        >>> grid = PixelGrid(64, 2.0)
        >>> image = seen(shape, 5.0, grid, 10.0, np.array([8.0, 0.0]))
        >>> round(float(image.sum()) * grid.pixel_arcmin**2, 4)
        1.0
        >>> round(float((image * grid.axis_arcmin).sum() / image.sum()), 3)
        8.0
    """
    step = 2.0 * HALF_R500 * theta500_arcmin / PIXELS
    sigma = beam_fwhm_arcmin / FWHM_PER_SIGMA
    margin = max(PIXELS // 2, int(np.ceil(BEAM_SIGMAS * sigma / step)))
    side = 2 * next_fast_len(PIXELS // 2 + margin, real=True)
    inside = slice((side - PIXELS) // 2, (side + PIXELS) // 2)
    k = 2.0 * np.pi * np.fft.fftfreq(side, step)[:, None]
    k_x = 2.0 * np.pi * np.fft.rfftfreq(side, step)
    passed = np.exp(-0.5 * (k**2 + k_x**2) * sigma**2)
    framed = np.zeros((side, side))
    framed[inside, inside] = shape
    behind = irfft2(rfft2(framed) * passed, s=(side, side)) / theta500_arcmin**2
    places = [(grid.axis_arcmin - aside) / step + (side - 1) / 2.0 for aside in offset_arcmin[::-1]]
    where = np.meshgrid(*places, indexing="ij")
    return np.asarray(map_coordinates(behind, where, order=3, mode="constant", cval=0.0))
