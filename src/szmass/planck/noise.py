"""Realisations of Planck's noise on the full sky, and their cutouts at the PSZ2 positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from szmass.params import PlanckSky
from szmass.planck.catalogue import Psz2Catalogue
from szmass.planck.stores import noise_spec
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.sky.healpix import (
    band_limited_variance,
    gaussian_map,
    gnomonic_pixels,
    pixel_sines,
    unit_vectors,
)
from szmass.storage.store import replacing, write_rows
from szmass.streams import NOISE_LEVEL, NOISE_REALISATIONS, STAND_IN_NOISE
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA

ECLIPTIC_POLE_DEG = 96.384, 29.811  # the northern one, in galactic coordinates
PIXELS_AT_ONCE = 2**22


def unit_variance(cl: np.ndarray, lmax: int) -> np.ndarray:
    """A spectrum up to `lmax` that gives maps of variance 1."""
    kept = cl[: lmax + 1]
    return kept / band_limited_variance(kept)


def noise_map(cl: np.ndarray, level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A realisation n(p) = sigma(p) g(p) of inhomogeneous noise.

    Args:
        cl: spectrum of g, dimensionless, from l = 0.
        level: sigma, full sky, float32.
        rng: of this realisation.

    Returns:
        Full-sky map, float32.
    """
    noise = gaussian_map(cl, round((len(level) / 12) ** 0.5), rng)
    noise *= level
    return noise


def noise_level(seed: int, planck_sky: PlanckSky) -> np.ndarray:
    """The stand-in's stddev map: lognormal, and low at the ecliptic poles.

    ln sigma has the scatter `noise_modulation_ln`, half of its variance from patches of
    `noise_modulation_deg`, half from the ecliptic latitude, linear in |sin beta|: Planck scans
    near the ecliptic poles more often.

    Returns:
        sigma on the full sky, float32.
    """
    fwhm_arcmin = 60.0 * planck_sky.noise_modulation_deg
    sigma_rad = fwhm_arcmin * ARCMIN_RAD / FWHM_PER_SIGMA
    patches = gaussian_beam(np.arange(min(planck_sky.lmax, int(6.0 / sigma_rad)) + 1), fwhm_arcmin)
    patches[0] = 0.0
    level = gaussian_map(
        unit_variance(patches**2, planck_sky.lmax),
        planck_sky.nside,
        np.random.default_rng((seed, NOISE_LEVEL)),
    )
    pole = unit_vectors(*np.array(ECLIPTIC_POLE_DEG))
    half = planck_sky.noise_modulation_ln / np.sqrt(2.0)
    for start in range(0, len(level), PIXELS_AT_ONCE):
        part = slice(start, min(start + PIXELS_AT_ONCE, len(level)))
        # |sin beta| is uniform on the sphere, of variance 1 / 12
        sine = np.abs(pixel_sines(planck_sky.nside, pole, part))
        ecliptic = (0.5 - sine) * np.sqrt(12.0)
        level[part] = planck_sky.noise_rms * np.exp(half * (level[part] + ecliptic))
    return level


def realisations(planck_sky: PlanckSky) -> list[tuple[int, int]]:
    """Partition (0 development, 1 test) and number within it of every realisation."""
    counts = (planck_sky.development_realisations, planck_sky.test_realisations)
    return [(partition, number) for partition in (0, 1) for number in range(counts[partition])]


def stand_in_noise(seed: int, cl: np.ndarray, level: np.ndarray) -> Iterator[np.ndarray]:
    """The noise of the stand-in's full map, and that of half the difference of its two halves."""
    for number in (0, 1):
        yield noise_map(cl, level, np.random.default_rng((seed, STAND_IN_NOISE, number)))


def write_noise_store(
    path: Path,
    seed: int,
    planck_sky: PlanckSky,
    *,
    grid: PixelGrid,
    catalogue: Psz2Catalogue,
    cl: np.ndarray,
    level: np.ndarray,
) -> None:
    """Draws every realisation and keeps its cutouts at the catalogue's positions.

    A realisation is seeded by (seed, stream, partition, number).

    Args:
        path: of the store.
        seed: of the pipeline.
        planck_sky: how many realisations, and their Nside.
        grid: of a cutout.
        catalogue: the positions.
        cl: spectrum of noise over level, from l = 0.
        level: standard deviation of the noise, full sky.
    """
    wanted, positions = realisations(planck_sky), len(catalogue)
    spec = noise_spec(len(wanted) * positions, grid)
    pixels = gnomonic_pixels(planck_sky.nside, catalogue.glon_deg, catalogue.glat_deg, grid)
    with replacing(path, spec, provenance={"seed": seed}) as unfinished:
        labels = {
            "realisation": np.repeat(np.arange(len(wanted), dtype=np.int8), positions),
            "partition": np.repeat(np.array([of for of, _ in wanted], dtype=np.int8), positions),
            "glon_deg": np.tile(catalogue.glon_deg, len(wanted)),
            "glat_deg": np.tile(catalogue.glat_deg, len(wanted)),
            "catalogue_row": np.tile(catalogue.row, len(wanted)),
        }
        write_rows(unfinished, slice(None), labels)
        for number, identity in enumerate(wanted):
            rows = slice(number * positions, (number + 1) * positions)
            noise = noise_map(
                cl, level, np.random.default_rng((seed, NOISE_REALISATIONS, *identity))
            )
            write_rows(unfinished, rows, {"noise_y": noise[pixels]})
