"""Full-sky maps in HEALPix's RING order, and cutouts of them; healpy is imported here alone.

Gorski et al. 2005 (arXiv astro-ph/0409513). Longitudes and latitudes are galactic.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from szmass.sky.grid import PixelGrid
from szmass.units import ARCMIN_RAD

REORDERED_AT_ONCE = 2**22


def pixel_count(nside: int) -> int:
    """Number of pixels of a full-sky map.

    Example:
        >>> pixel_count(2048)
        50331648
    """
    return 12 * nside**2


def band_limited_variance(cl: np.ndarray) -> float:
    """Variance of a map with a given spectrum, sum (2 l + 1) C_l / (4 pi).

    Example:
        >>> round(band_limited_variance(np.ones(10)), 4)  # 10^2 / (4 pi)
        7.9577
    """
    return float(np.sum((2.0 * np.arange(len(cl)) + 1.0) * cl) / (4.0 * np.pi))


def gaussian_map(cl: np.ndarray, nside: int, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian full-sky map of a power spectrum, without pixel window.

    Args:
        cl: C_l from l = 0, shape `(lmax + 1,)`.
        nside: resolution of the map.
        rng: source of the (lmax + 1)(lmax + 2) standard normal numbers that make the map.

    Returns:
        Map in RING order, float32, shape `(12 nside^2,)`.
    """
    import healpy

    lmax = len(cl) - 1
    modes = rng.standard_normal(2 * healpy.Alm.getsize(lmax)).view(np.complex128)
    # those of m = 0, which come first, are real
    modes[: lmax + 1] = modes[: lmax + 1].real * np.sqrt(2.0)
    healpy.almxfl(modes, np.sqrt(cl / 2.0), mmax=lmax, inplace=True)
    return np.asarray(healpy.alm2map(modes, nside, lmax=lmax), dtype=np.float32)


def gnomonic_pixels(
    nside: int, glon_deg: np.ndarray, glat_deg: np.ndarray, grid: PixelGrid
) -> np.ndarray:
    """Numbers of the full-sky map's pixels that a gnomonic cutout about each position shows.

    Exactly those of `healpy.gnomview(map, rot=(glon, glat), xsize=grid.pixels,
    reso=grid.pixel_arcmin)`, rounding included: y runs north, and x runs west, so longitude
    grows to the left.

    Args:
        nside: resolution of the map, in RING order; at most 8192.
        glon_deg: longitudes of the centres, shape `(n,)`.
        glat_deg: latitudes, shape `(n,)`.
        grid: pixels of a cutout.

    Returns:
        Pixel numbers, int32, shape `(n, pixels, pixels)`; a map indexed by them gives the cutouts.

    Example:
        Two by two pixels of 1 degree:

        >>> grid = PixelGrid(pixels=2, pixel_arcmin=60.0)
        >>> gnomonic_pixels(64, np.array([120.0]), np.array([30.0]), grid)
        array([[[12502, 12501],
                [11990, 11989]]], dtype=int32)
    """
    from healpy import vec2pix
    from healpy.rotator import Rotator

    # healpy's own order of operations: its last bits decide at the border of two pixels
    axis = (np.arange(grid.pixels) - 0.5 * (grid.pixels - 1)) * (
        grid.pixel_arcmin / 60.0 * np.pi / 180.0
    )
    x, y = np.broadcast_arrays(axis[None, :], axis[:, None])
    towards = 1.0 / np.sqrt(1.0 + x**2 + y**2)
    vectors = np.array([towards, -1 * towards * x, towards * y])
    pixels = np.empty((len(glon_deg), grid.pixels, grid.pixels), dtype=np.int32)

    def fill(i: int, glon: float, glat: float) -> None:
        inverse = Rotator(rot=(glon, glat), eulertype="ZYX").mat.T
        pixels[i] = vec2pix(nside, *np.tensordot(inverse, vectors, axes=(1, 0)))

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(fill, range(len(pixels)), glon_deg, glat_deg))
    return pixels


def unit_vectors(glon_deg: np.ndarray, glat_deg: np.ndarray) -> np.ndarray:
    """Directions as vectors of length 1, shape `(n, 3)`.

    Example:
        >>> unit_vectors(np.array([0.0, 90.0]), np.array([0.0, 30.0])).round(3)
        array([[1.   , 0.   , 0.   ],
               [0.   , 0.866, 0.5  ]])
    """
    longitude, latitude = np.radians(glon_deg), np.radians(glat_deg)
    across = np.cos(latitude)
    return np.stack(
        [across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude)], axis=-1
    )


def disc(nside: int, centre: np.ndarray, radius_arcmin: float) -> tuple[np.ndarray, np.ndarray]:
    """The pixels whose centres lie within a disc on the sky.

    Args:
        nside: resolution of the map.
        centre: unit vector, shape `(3,)`.
        radius_arcmin: radius of the disc.

    Returns:
        Pixel numbers, and the distance of each from the centre in arcmin.

    Example:
        Four pixels touch the pole:

        >>> pixels, distance_arcmin = disc(64, np.array([0.0, 0.0, 1.0]), radius_arcmin=60.0)
        >>> pixels, distance_arcmin.round(1)
        (array([0, 1, 2, 3]), array([43.9, 43.9, 43.9, 43.9]))
    """
    import healpy

    pixels = healpy.query_disc(nside, centre, radius_arcmin * ARCMIN_RAD)
    chord = np.linalg.norm(np.array(healpy.pix2vec(nside, pixels)) - centre[:, None], axis=0)
    return pixels, 2.0 * np.arcsin(chord / 2.0) / ARCMIN_RAD


def ring_sines(nside: int) -> tuple[np.ndarray, np.ndarray]:
    """Sine of the latitude of each ring from north to south, and how many pixels the ring has.

    Example:
        >>> sine, pixels = ring_sines(1)
        >>> sine.round(3), pixels
        (array([ 0.667,  0.   , -0.667]), array([4, 4, 4]))
    """
    import healpy

    _, pixels, sine, _, _ = healpy.ringinfo(nside, np.arange(1, 4 * nside))
    return sine, pixels


def pixel_sines(nside: int, pole: np.ndarray, pixels: slice) -> np.ndarray:
    """Sine of the latitude of some pixels, measured from the equator of a given pole.

    Args:
        nside: resolution of the map.
        pole: unit vector, shape `(3,)`.
        pixels: consecutive pixels, with start and stop.

    Example:
        >>> pixel_sines(1, np.array([0.0, 0.0, 1.0]), slice(2, 6)).round(3)
        array([0.667, 0.667, 0.   , 0.   ])
    """
    import healpy

    return pole @ np.array(healpy.pix2vec(nside, np.arange(pixels.start, pixels.stop)))


def pixel_vectors(nside: int, pixels: np.ndarray) -> np.ndarray:
    """Unit vectors to the centres of pixels in RING order, shape `(*pixels.shape, 3)`."""
    import healpy

    return np.stack(healpy.pix2vec(nside, pixels), axis=-1)


def ring_order(nested: np.ndarray) -> np.ndarray:
    """Reorders a map from NESTED to RING order."""
    import healpy

    nside, ordered = healpy.npix2nside(len(nested)), np.empty_like(nested)
    for start in range(0, len(nested), REORDERED_AT_ONCE):
        pixels = np.arange(start, min(start + REORDERED_AT_ONCE, len(nested)))
        ordered[pixels] = nested[healpy.ring2nest(nside, pixels)]
    return ordered
