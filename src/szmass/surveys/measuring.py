"""Measures the noise of a map: its power spectrum and its level, away from clusters and sources."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation, gaussian_filter

from szmass.errors import SzmassError
from szmass.predict.files.sky_maps import SkyMap
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import unit_vectors
from szmass.surveys.noise import Spectrum
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA

PATCHES, TRIES, AT_ONCE = 300, 12, 50
"""Patches that are measured; how many places are tried for each; cutouts at once."""
SIDE = 256
"""Pixels of a patch: some 2 to 4 degrees for ground-based maps."""
BRIGHT = 4.5
"""Standard deviations of the map behind the beam above which a pixel is masked."""
MASKED_BEAMS = 3.0
"""Radius of a mask about such a pixel, in beams."""
LEAST_FREE = 0.6
"""Share of a patch that must not be masked."""
FEWEST = 8
"""Patches, fewer of which give no error."""
NOISIEST = 1.5
"""Of the median noise of a patch."""
MOST_BLUR = 0.3
"""Logarithm of the largest factor on the power."""
RINGS = 60
"""Rings of multipoles, evenly spaced in the logarithm where a ring has modes enough."""


class MeasureError(SzmassError):
    """The noise of a map cannot be measured."""


@dataclass(frozen=True)
class MeasuredNoise:
    """Noise of a map."""

    spectrum: Spectrum
    rms: float
    """Median over patches of the standard deviation of a pixel."""
    rms_range: tuple[float, float]
    """What 90 % of the patches have."""
    patches: int
    jitter_arcmin: float
    """That the map is read with; see `SkyMap`."""


def measure_noise(
    sky: SkyMap, *, pixel_arcmin: float, beam_fwhm_arcmin: float, rng: np.random.Generator
) -> MeasuredNoise:
    """The spectrum in patches of a map at random places, clusters and sources masked.

    P(k) = |FFT(w (d - mean))|^2 d^2 / sum w^2 for a window w that falls to the patch's edges and
    is 0 where the map is bright behind its beam, averaged over rings of l = |k| and over patches.
    Patches with more than `NOISIEST` times the usual noise, as at the Galaxy, are left out of the
    spectrum. What reading a map beside its pixels' centres takes away is put back, as far as there
    is enough of it left.

    Args:
        sky: the map, or half the difference of two of its halves.
        pixel_arcmin: of the patches; that of the survey's cutouts.
        beam_fwhm_arcmin: of the map.
        rng: of the places.

    Raises:
        MeasureError: too few patches have data.
    """
    grid = PixelGrid(SIDE, pixel_arcmin)
    taper = np.hanning(SIDE + 2)[1:-1]
    window = taper[:, None] * taper
    ring, ell = _rings(grid)
    powers, levels, places = [], [], []
    for image, place in _patches(sky, grid, rng):
        free = ~_bright(image, beam_fwhm_arcmin / pixel_arcmin)
        if free.mean() < LEAST_FREE:
            continue
        w = window * free
        rest = image - np.sum(w * image) / np.sum(w)
        modes = np.abs(np.fft.fft2(w * rest)) ** 2
        power = modes * (pixel_arcmin * ARCMIN_RAD) ** 2 / np.sum(w**2)
        powers.append(np.bincount(ring, power.ravel())[1:-1] / np.bincount(ring)[1:-1])
        levels.append(float(np.sqrt(np.sum(w**2 * rest**2) / np.sum(w**2))))
        places.append(place)
    if len(powers) < FEWEST:
        raise MeasureError(
            f"{len(powers)} patches of {SIDE * pixel_arcmin / 60.0:.1f} degrees have data: "
            f"expected at least {FEWEST}; give its noise in the survey's file instead"
        )
    usual = np.array(levels) <= NOISIEST * np.median(levels)
    blur = np.minimum(ell * (ell + 1.0) * (sky.jitter_arcmin * ARCMIN_RAD) ** 2, MOST_BLUR)
    kept = np.array(powers)[usual] * np.exp(blur)
    independent = _independent(np.array(places)[usual], SIDE * pixel_arcmin)
    spectrum = Spectrum(ell, kept.mean(axis=0), kept.std(axis=0) / np.sqrt(independent))
    low, high = np.quantile(levels, [0.05, 0.95])
    rms = float(np.median(levels))
    return MeasuredNoise(spectrum, rms, (float(low), float(high)), len(levels), sky.jitter_arcmin)


def _patches(
    sky: SkyMap, grid: PixelGrid, rng: np.random.Generator
) -> list[tuple[np.ndarray, tuple[float, float]]]:
    """Patches with data throughout, at random places, which are longitude and latitude."""
    found: list[tuple[np.ndarray, tuple[float, float]]] = []
    for _ in range(TRIES * PATCHES // AT_ONCE):
        lon, lat = sky.places(rng, AT_ONCE)
        images = sky.cutouts(lon, lat, grid)
        found += [
            (image, (east, north))
            for image, east, north in zip(images, lon.tolist(), lat.tolist(), strict=True)
            if np.isfinite(image).all() and np.ptp(image) > 0.0
        ]
        if len(found) >= PATCHES:
            break
    return found[:PATCHES]


def _independent(places_deg: np.ndarray, side_arcmin: float) -> float:
    """How many patches that do not overlap say as much as patches at places, `(n, 2)`.

    The power in two patches is correlated about as the square of the share of the window that they
    have in common, which falls to 0 at a distance of some 0.6 sides.
    """
    vectors = unit_vectors(*places_deg.T)
    apart_arcmin = np.arccos(np.clip(vectors @ vectors.T, -1.0, 1.0)) / ARCMIN_RAD
    common = np.maximum(1.0 - apart_arcmin / (0.6 * side_arcmin), 0.0) ** 2
    return float(len(vectors) ** 2 / common.sum())


def _bright(image: np.ndarray, beam_pixels: float) -> np.ndarray:
    """Pixels near a spot, of either sign, that stands out of the map behind its beam."""
    seen = gaussian_filter(image, beam_pixels / FWHM_PER_SIGMA, mode="reflect")
    seen -= np.median(seen)
    spread = 1.4826 * np.median(np.abs(seen))
    spots = np.abs(seen) > BRIGHT * spread
    if not spots.any():
        return spots
    reach = int(np.ceil(MASKED_BEAMS * beam_pixels))
    x = np.arange(-reach, reach + 1)
    return binary_dilation(spots, x[:, None] ** 2 + x**2 <= reach**2)


def _rings(grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """The ring of each mode of a patch, of which the first and last are not used; their l."""
    cycles = np.fft.fftfreq(grid.pixels, grid.pixel_arcmin * ARCMIN_RAD)
    ell = 2.0 * np.pi * np.hypot(cycles[:, None], cycles).ravel()
    step, last = 2.0 * np.pi * cycles[1], ell.max() / np.sqrt(2.0)
    edges = [1.5 * step]
    ratio = (last / edges[0]) ** (1.0 / RINGS)
    while edges[-1] < last:
        edges.append(max(edges[-1] + step, edges[-1] * ratio))
    ring = np.digitize(ell, edges)
    centres = np.bincount(ring, ell)[1:-1] / np.bincount(ring)[1:-1]
    return ring, centres
