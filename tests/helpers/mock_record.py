"""A record of weighing for small maps: real filters, and networks that nobody trained."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from szmass.params import Params
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.signals import COMPTON_Y
from szmass.weighing.filters import FilterBank, LevelMeter, PixelNoise
from szmass.weighing.mixture import Ensemble, Standard
from szmass.weighing.novelty import USUAL, Limits, Residual, Usual
from szmass.weighing.priors import Population
from szmass.weighing.record import Record
from szmass.weighing.spots import Finder
from szmass.weighing.survey import Survey
from szmass.weighing.training.make_record import make_record

GRID = PixelGrid(pixels=64, pixel_arcmin=2.5)
BEAM_FWHM_ARCMIN = 10.0
INNER_ARCMIN = 40.0
NOISE_RMS = 1.2e-6
THETA500_ARCMIN = np.array([2.0, 6.0, 12.0, 24.0])
GAUSSIANS = 2
ELL = np.arange(8_001)
CL = np.exp(-((ELL / 2000.0) ** 2)) + 0.02
"""Of noise whose neighbouring pixels are alike."""


@cache
def templates() -> np.ndarray:
    """Round clusters with y of order 1, `(templates, pixels, pixels)`."""
    radii, index = GRID.unique_radii
    profiles = beamed_profiles(THETA500_ARCMIN, radii, beam_fwhm_arcmin=BEAM_FWHM_ARCMIN)
    return profiles[:, index].reshape(-1, GRID.pixels, GRID.pixels)


@cache
def mock_survey() -> Survey:
    """Maps of the grid with noise of the spectrum above."""
    variance = np.sum((2 * ELL + 1) * CL) / (4 * np.pi)
    noise = PixelNoise.of_spectrum(CL / variance, GRID, jitter_arcmin=0.0)
    bank = FilterBank.of_templates(templates(), noise)
    meter = LevelMeter.of_noise(noise, inner_arcmin=INNER_ARCMIN)
    return Survey("mock", COMPTON_Y, ("y",), GRID, BEAM_FWHM_ARCMIN, bank, meter, NOISE_RMS)


def noisy_amplitudes(bank: FilterBank, count: int, rng: np.random.Generator) -> np.ndarray:
    """Amplitudes of maps with nothing but noise of level 1, `(count, filters)`."""
    return rng.multivariate_normal(
        np.zeros(len(bank.filters)), bank.noise_covariance, count, method="eigh"
    )


def mock_ensemble(bank: FilterBank) -> Ensemble:
    """Two networks whose masses grow with the amplitude of the second filter, and with nothing."""
    filters, modes = len(bank.filters), bank.whitening.shape[1]
    features, outputs = filters + modes + 6, 3 * GAUSSIANS
    straight = np.zeros((features, outputs), dtype=np.float32)
    straight[1, GAUSSIANS : 2 * GAUSSIANS] = 0.6
    networks = []
    for shift in (-0.05, 0.05):
        bias = np.zeros(outputs, dtype=np.float32)
        bias[GAUSSIANS : 2 * GAUSSIANS] = -1.5 + shift
        bias[2 * GAUSSIANS :] = np.log(0.2)
        hidden = [np.zeros((features, 3)), np.zeros(3), np.zeros((3, outputs))]
        arrays = [*(values.astype(np.float32) for values in hidden), bias, straight]
        networks.append(arrays)
    return Ensemble(networks, Standard(np.zeros(features), np.ones(features), 0.0, 1.0))


@cache
def mock_maps(count: int, seed: int) -> np.ndarray:
    """Clusters of all heights in noise, `(count, pixels, pixels)`."""
    rng = np.random.default_rng(seed)
    return np.stack(
        [
            mock_map(rng.uniform(3.0, 40.0), seed * 100_000 + number, template=number % 4)
            for number in range(count)
        ]
    )


def mock_usual(amplitude: np.ndarray) -> Usual:
    """What is usual of amplitudes with noise of level 1, and of mock maps."""
    survey, maps = mock_survey(), mock_maps(600, 7)
    residual = Residual.of(amplitude, np.ones(len(amplitude)), survey.bank)
    spots = Finder.of(survey.bank, GRID, BEAM_FWHM_ARCMIN, INNER_ARCMIN)(maps, survey.meter(maps))
    ratio = residual.signal_to_noise
    return Usual(
        chi2=Limits.of(ratio, residual.chi2),
        compact=Limits.of(ratio, np.abs(residual.compact)),
        offset_arcmin=Limits.of(spots.near, spots.offset_arcmin),
        elsewhere=float(np.quantile(spots.elsewhere, USUAL)),
    )


def mock_record(params: Params) -> Record:
    """A record with the gas and ranges of `params`, and 200 clusters as the prior."""
    survey, rng = mock_survey(), np.random.default_rng(1)
    noise = noisy_amplitudes(survey.bank, 4000, rng)
    height = rng.uniform(0.0, 40.0, 4000)[:, None]
    amplitude = noise + height * survey.bank.noise_covariance[rng.integers(0, 4, 4000)]
    population = Population(
        rng.uniform(0.05, 0.8, 200), rng.normal(14.7, 0.2, 200), width_ln_z=0.3, width_dex=0.05
    )
    return make_record(
        survey,
        mock_ensemble(survey.bank),
        mock_usual(amplitude),
        replace(params.weighing, gas_nodes=3),
        params.baryon_models,
        Cosmology.of(params.compton),
        reference_gas=params.compton.baryon_model,
        population=population,
    )


def mock_map(signal_to_noise: float, seed: int, *, template: int = 1) -> np.ndarray:
    """A cluster in noise, y as float32."""
    survey = mock_survey()
    image = templates()[template]
    height = signal_to_noise / survey.bank.amplitudes(image[None])[0, template]
    side = 2 * GRID.pixels  # the field is periodic, what is cut from it is not
    cycles = np.fft.fftfreq(side, d=np.radians(GRID.pixel_arcmin / 60.0))
    ell = 2 * np.pi * np.hypot(cycles[:, None], cycles)
    white = np.fft.fft2(np.random.default_rng(seed).standard_normal((side, side)))
    noise = np.fft.ifft2(white * np.sqrt(np.interp(ell, ELL, CL))).real
    noise = noise[: GRID.pixels, : GRID.pixels] / noise.std()
    return (NOISE_RMS * (height * image + noise)).astype(np.float32)
