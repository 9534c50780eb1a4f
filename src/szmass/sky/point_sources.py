"""Point sources: their images behind a beam, their fluxes, and where they lie in a cluster."""

from __future__ import annotations

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.units import FWHM_PER_SIGMA, MJY_W_M2_HZ, MPC_CM

NFW_NODES = 256


def gaussian_images(
    grid: PixelGrid, position_arcmin: np.ndarray, sigma_arcmin: np.ndarray, integral: np.ndarray
) -> np.ndarray:
    """The sum of round Gaussians.

    Args:
        grid: the pixels.
        position_arcmin: along x and y, from the grid's centre, `(n, 2)`.
        sigma_arcmin: of each, `(n,)`.
        integral: of each over the sky, in the image's unit times arcmin^2, `(n,)`.

    Returns:
        `(pixels, pixels)`; the second axis is x.

    Example:
        A source on a pixel's corner in the middle, which holds what it should:

        >>> grid = PixelGrid(pixels=32, pixel_arcmin=0.5)
        >>> image = gaussian_images(grid, np.zeros((1, 2)), np.ones(1), np.full(1, 3.0))
        >>> round(float(image.sum() * 0.5**2), 6)
        3.0
    """
    apart = grid.axis_arcmin[:, None] - position_arcmin.T[:, None]
    x, y = np.exp(-0.5 * (apart / sigma_arcmin) ** 2)
    return np.asarray((y * (integral / (2.0 * np.pi * sigma_arcmin**2))) @ x.T)


def beam_sigma_arcmin(fwhm_arcmin: float, count: int) -> np.ndarray:
    """The width of so many sources behind a beam, as `gaussian_images` takes it."""
    return np.full(count, fwhm_arcmin / FWHM_PER_SIGMA)


def flux_mjy(
    luminosity_w_hz: np.ndarray, redshift: float, index: np.ndarray, cosmology: Cosmology
) -> np.ndarray:
    """S = L (1 + z)^(1 + index) / (4 pi D_L^2), the flux of L at the same observed frequency.

    Args:
        luminosity_w_hz: at the frequency of the flux, in the source's frame.
        redshift: of the sources.
        index: of flux against frequency, of each.
        cosmology: distances.

    Example:
        A radio galaxy of 1e24 W/Hz at redshift 0.3, in mJy:

        >>> planck18 = Cosmology("planck18", "diemer15_orig")
        >>> round(float(flux_mjy(np.array([1e24]), 0.3, np.array([-0.7]), planck18)[0]), 2)
        3.52
    """
    luminosity_distance_m = (
        (1.0 + redshift) ** 2 * cosmology.angular_distance_mpc(redshift) * MPC_CM / 100.0
    )
    shifted = luminosity_w_hz * (1.0 + redshift) ** (1.0 + index)
    return np.asarray(shifted / (4.0 * np.pi * luminosity_distance_m**2) / MJY_W_M2_HZ)


def nfw_positions(rng: np.random.Generator, count: int, concentration: float) -> np.ndarray:
    """Random places on the sky of what follows an NFW profile, within R500 of its centre.

    Args:
        rng: of the places.
        count: how many.
        concentration: R500 over the scale radius.

    Returns:
        Along x and y in R500, `(count, 2)`.

    Example:
        Half lie within 0.26 R500 of the centre on the sky, at a concentration of 10:

        >>> places = nfw_positions(np.random.default_rng(1), 100_000, 10.0)
        >>> round(float(np.median(np.hypot(*places.T))), 2)
        0.26
    """
    x = np.linspace(0.0, concentration, NFW_NODES)
    mass = np.log1p(x) - x / (1.0 + x)
    radius = np.interp(rng.random(count) * mass[-1], mass, x) / concentration
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return np.asarray(radius[:, None] * direction[:, :2])
