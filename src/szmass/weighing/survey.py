"""What a survey's maps are like: pixels, beam, noise, and the filters that follow from them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from szmass.params import Compton, PlanckSky, Weighing
from szmass.planck.files import find_product, read_noise_spectrum
from szmass.planck.noise import unit_variance
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.grid import PixelGrid
from szmass.sky.signals import COMPTON_Y
from szmass.weighing.filters import FilterBank, Level, LevelMeter, PixelNoise

PLANCK = "planck"


@dataclass(frozen=True)
class Survey:
    """Maps of one kind: one image of each cluster, or several of the same pixels, one a band."""

    name: str
    signal: str
    """What maps show, one of `sky.signals`: `COMPTON_Y` or `TEMPERATURE_UK`."""
    bands: tuple[str, ...]
    """Names of the images of a map, in their order."""
    grid: PixelGrid
    beam_fwhm_arcmin: float
    """Of the band with the narrowest."""
    bank: FilterBank
    meter: Level
    noise_rms: float
    """A usual level of the noise, in the maps' unit; 1 where the filters are made for the noise
    itself."""


def round_templates(
    grid: PixelGrid, beam_fwhm_arcmin: float, weighing: Weighing
) -> tuple[np.ndarray, np.ndarray]:
    """Images of round clusters of Y = 1 arcmin^2 that filters match.

    Returns:
        Their theta500 in arcmin, `(filters,)`, and the images, `(filters, pixels, pixels)`.
    """
    smallest, largest = weighing.filter_theta500_arcmin
    theta500_arcmin = np.geomspace(smallest, largest, weighing.filters)
    radii_arcmin, index = grid.unique_radii
    profiles = beamed_profiles(theta500_arcmin, radii_arcmin, beam_fwhm_arcmin=beam_fwhm_arcmin)
    return theta500_arcmin, profiles[:, index].reshape(-1, grid.pixels, grid.pixels)


def planck_survey(
    compton: Compton,
    planck_sky: PlanckSky,
    weighing: Weighing,
    *,
    planck_noise_spectrum: Path,
    planck_files: Path,
) -> Survey:
    """Planck's y-map: its noise has the spectrum of the homogeneous noise, at a level of its place.

    Args:
        compton: pixels and beam.
        planck_sky: which product, and its usual noise.
        weighing: the filters.
        planck_noise_spectrum: spectrum where the public files are not there.
        planck_files: folder of the public files.
    """
    product = find_product(planck_files, planck_sky.product)
    spectrum = read_noise_spectrum(product.spectrum if product else planck_noise_spectrum)
    grid = PixelGrid.of(compton)
    noise = PixelNoise.of_spectrum(
        unit_variance(spectrum, planck_sky.lmax), grid, jitter_arcmin=weighing.jitter_arcmin
    )
    _, templates = round_templates(grid, compton.beam_fwhm_arcmin, weighing)
    # the last bits of a factorisation depend on its threads
    with threadpool_limits(1):
        bank = FilterBank.of_templates(templates, noise)
    return Survey(
        name=PLANCK,
        signal=COMPTON_Y,
        bands=("y",),
        grid=grid,
        beam_fwhm_arcmin=compton.beam_fwhm_arcmin,
        bank=bank,
        meter=LevelMeter.of_noise(noise, inner_arcmin=weighing.inner_arcmin),
        noise_rms=planck_sky.noise_rms,
    )
