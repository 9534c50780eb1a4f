"""Weighing of one or a few filters, with networks whose posteriors are known in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from szmass.params import Weighing
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.signals import COMPTON_Y
from szmass.weighing.filters import FilterBank, LevelMeter
from szmass.weighing.gas import PivotY
from szmass.weighing.mixture import Ensemble, Inputs, Standard
from szmass.weighing.novelty import Limits, Usual
from szmass.weighing.priors import Population, mass_function_prior
from szmass.weighing.record import Facts, Record
from szmass.weighing.training.network import TrainingClusters

GRID = PixelGrid(pixels=12, pixel_arcmin=2.0)
COSMOLOGY = Cosmology("multidark-planck", "diemer15_orig")
GAS_MODELS = {
    "gadget_x": {"alpha": 1.63, "log10_b": -0.19, "sigma_lny": 0.11},
    "magneticum": {"alpha": 1.79, "log10_b": -0.304, "sigma_lny": 0.087},
}
TOLD = 6
"""Inputs of a network besides the amplitudes: ln level, z, ln z, and three of the gas."""


def toy_bank(filters: int = 1) -> FilterBank:
    """Filters that are orthogonal to a level, of white noise."""
    rng = np.random.default_rng(5)
    values = rng.standard_normal((filters, GRID.pixels**2))
    values += np.exp(-0.5 * (GRID.radius_arcmin.ravel() / 5.0) ** 2) * 20.0
    values -= values.mean(axis=1, keepdims=True)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return FilterBank(values.astype(np.float32), values @ values.T)


def toy_meter(modes: float = 1e12) -> LevelMeter:
    """Measures the noise beyond 8 arcmin; so many modes leave no scatter."""
    return LevelMeter(GRID.radius_arcmin.ravel() > 8.0, 1.0, modes)


def toy_clusters(
    settings: Weighing,
    *,
    log10_m500c_msun: np.ndarray,
    amplitude: float,
    redshift: float | np.ndarray = 0.3,
    outer_level: float = 0.0,
    filters: int = 1,
    modes: float = 1e12,
    noise_rms: float = 1.0,
) -> TrainingClusters:
    """Clusters of which all filters see the same amplitude, for Y = 1 arcmin^2."""
    count = len(log10_m500c_msun)
    redshifts = np.full(count, redshift) if np.ndim(redshift) == 0 else np.asarray(redshift)
    return TrainingClusters(
        amplitude=np.full((count, filters), amplitude),
        outer_level=np.full(count, outer_level),
        log10_m500c_msun=log10_m500c_msun,
        redshift=redshifts,
        pivot=PivotY.at(redshifts, COSMOLOGY),
        bank=toy_bank(filters),
        meter=toy_meter(modes),
        settings=settings,
        noise_rms=noise_rms,
        contaminant_amplitude=np.zeros((count, filters)),
        contaminant_level=np.zeros(count),
    )


def one_level(settings: Weighing) -> Weighing:
    """Settings whose noise always has the level 1; levels far below it would be measured."""
    return replace(
        settings, usual_levels=[1.0, 1.0 + 1e-9], noise_levels=[1e-6, 4.0], any_level_share=0.0
    )


def linear_network(
    *, slope: float, offset: float, sigma: float, features: int = 2 + TOLD
) -> list[np.ndarray]:
    """A network without hidden layers: ln Y is Gaussian about slope asinh(first ratio) + offset."""
    straight = np.zeros((features, 3))
    straight[0, 1] = slope
    return [np.zeros((features, 3)), np.array([0.0, offset, np.log(sigma)]), straight]


def toy_ensemble(*networks: list[np.ndarray]) -> Ensemble:
    """Networks whose inputs and outputs are not standardised."""
    features = len(networks[0][-1])
    return Ensemble(list(networks), Standard(np.zeros(features), np.ones(features), 0.0, 1.0))


def toy_inputs(
    ratio: Sequence[float] | np.ndarray, *, redshift: float = 0.3, level: float = 1.0
) -> Inputs:
    """What one filter sees of clusters with these signal-to-noise ratios."""
    amplitude = level * np.asarray(ratio, dtype=float)[:, None]
    count = len(amplitude)
    return Inputs(amplitude, np.full(count, level), np.full(count, redshift), np.ones((1, 1)))


def toy_record(ensemble: Ensemble, population: Population | None = None, **facts: Any) -> Record:
    """A record of the toy's filter."""
    if population is None:
        population = Population(np.array([0.3]), np.array([14.5]), 0.15, 0.12)
    stated = Facts(
        survey="toy",
        signal=COMPTON_Y,
        bands=["y"],
        pixels=GRID.pixels,
        pixel_arcmin=GRID.pixel_arcmin,
        beam_fwhm_arcmin=10.0,
        least_level=0.02,
        largest_level=4.0,
        inner_arcmin=8.0,
        level_variance=1.0,
        level_modes=100.0,
        redshifts=[0.01, 1.0],
        log10_m500c_msun=[13.8, 16.0],
        axis_log10_msun=[13.3, 17.0],
        axis_nodes=371,
        gas_models=GAS_MODELS,
        reference_gas="gadget_x",
        gas_prior={"alpha": [1.63, 0.0], "log10_b": [-0.19, 0.0], "sigma_lny": [0.11, 0.0]},
        gas_nodes=5,
        survey_prior="psz2",
        population_width_ln_z=population.width_ln_z,
        population_width_dex=population.width_dex,
        mass_function="Tinker et al. 2008",
        cosmology=COSMOLOGY.name,
        concentration_model=COSMOLOGY.concentration_model,
        y_centre=ensemble.standard.y_centre,
        y_scale=ensemble.standard.y_scale,
        arrays_a_network=len(ensemble.weights[0]),
        networks=len(ensemble.weights),
        made_with="szmass",
        model_version="toy",
    )
    limits = Limits(np.array([1.0, 100.0]), np.array([5.0, 5.0]))
    usual = Usual(chi2=limits, compact=limits, offset_arcmin=limits, elsewhere=4.0)
    stated = replace(stated, **facts)
    mass_function = mass_function_prior(COSMOLOGY, (0.01, 1.0), stated.axis)
    return Record(stated, toy_bank(), ensemble, mass_function, usual, population)
