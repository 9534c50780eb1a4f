"""A survey as weighing needs it, from its settings: grid, beams, filters, and noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from threadpoolctl import threadpool_limits

from szmass.params import Weighing
from szmass.params.survey import SurveySettings
from szmass.sky.clusters.bands import BandImages
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.frequencies import hot_sz_temperature_uk
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.sky.healpix import band_limited_variance
from szmass.sky.signals import COMPTON_Y
from szmass.surveys.noise import BandNoise, spectrum_of
from szmass.units import FWHM_PER_SIGMA
from szmass.weighing.filters import FilterBank, FixedLevel, LevelMeter
from szmass.weighing.survey import Survey, round_templates


@dataclass(frozen=True)
class Instrument:
    """A survey, its noise as maps of it can be drawn, and how it sees a cluster."""

    survey: Survey
    noise: BandNoise
    """Of level 1."""
    beams_fwhm_arcmin: tuple[float, ...]
    """Of each band, with its pixels' window."""
    per_y: tuple[float, ...]
    """What a Compton y of 1 is in each band, in the unit of the maps."""

    @classmethod
    def of(
        cls,
        name: str,
        settings: SurveySettings,
        weighing: Weighing,
        folder: Path,
        sky_cl: np.ndarray | None = None,
    ) -> Self:
        """The instrument that settings describe.

        Args:
            name: of the survey.
            settings: its maps.
            weighing: the filters.
            folder: of the survey's file, from which tables are named.
            sky_cl: of maps of temperature, what is in them besides clusters and the instrument's
                noise: C_l in uK^2 sr before the beams, `(bands, bands, lmax + 1)`.

        Raises:
            NoiseError: a table of noise cannot be used.
        """
        grid, bands = PixelGrid.of(settings), list(settings.bands.values())
        window = settings.pixel_arcmin if settings.pixel_window else 0.0
        beams = tuple(with_pixel_window(band.beam_fwhm_arcmin, window) for band in bands)
        spectra = [spectrum_of(band.noise, grid, folder) for band in bands]
        jitter = weighing.jitter_arcmin
        if settings.signal == COMPTON_Y:
            (cl,), (noise_settings,) = spectra, [band.noise for band in bands]
            variance = band_limited_variance(cl)
            noise = BandNoise(grid, (cl / variance)[None, None], jitter)
            noise_rms = noise_settings.rms or float(np.sqrt(variance))
            per_y: tuple[float, ...] = (1.0,)
        else:
            noise = BandNoise(grid, _temperature(spectra, sky_cl, beams), jitter)
            noise_rms = 1.0
            per_y = tuple(
                hot_sz_temperature_uk(float(band.frequency_ghz or 0.0), settings.gas_kev or 0.0)
                for band in bands
            )
        images = [
            height * round_templates(grid, beam, weighing)[1]
            for beam, height in zip(beams, per_y, strict=True)
        ]
        templates = images[0] if len(images) == 1 else np.stack(images, axis=1)
        first = noise.pairs[0][0]
        # the last bits of a factorisation depend on its threads
        with threadpool_limits(1):
            bank = FilterBank.of_templates(templates, first if len(images) == 1 else noise)
        survey = Survey(
            name=name,
            signal=settings.signal,
            bands=tuple(settings.bands),
            grid=grid,
            beam_fwhm_arcmin=min(beams),
            bank=bank,
            meter=(
                LevelMeter.of_noise(first, inner_arcmin=weighing.inner_arcmin)
                if settings.signal == COMPTON_Y
                else FixedLevel()
            ),
            noise_rms=noise_rms,
        )
        return cls(survey, noise, beams, per_y)

    def images(self, tables: RadialTables) -> BandImages:
        """Makes images of clusters in all bands."""
        grid = self.survey.grid
        bands = [BeamedImages(tables, grid, beam) for beam in self.beams_fwhm_arcmin]
        return BandImages(bands, self.per_y)


def with_pixel_window(beam_fwhm_arcmin: float, pixel_arcmin: float) -> float:
    """The width of a Gaussian beam and a square pixel together.

    The mean over a pixel of side d is, to second order in l d, a Gaussian of sigma d / sqrt(12).

    Example:
        >>> round(with_pixel_window(1.4, 0.5), 3)
        1.44
    """
    return float(np.hypot(beam_fwhm_arcmin, FWHM_PER_SIGMA * pixel_arcmin / np.sqrt(12.0)))


def _temperature(
    spectra: list[np.ndarray], sky_cl: np.ndarray | None, beams: tuple[float, ...]
) -> np.ndarray:
    """Auto and cross spectra of maps of temperature: noise of each band, and the sky of all."""
    ends = [len(cl) for cl in spectra]
    total = np.zeros((len(spectra), len(spectra), max(ends)))
    for number, cl in enumerate(spectra):
        total[number, number, : len(cl)] = cl
    if sky_cl is not None:
        ell = np.arange(min(total.shape[-1], sky_cl.shape[-1]), dtype=float)
        passed = np.array([gaussian_beam(ell, beam) for beam in beams])
        total[..., : len(ell)] += sky_cl[..., : len(ell)] * passed[:, None] * passed
    return total
