"""Puts a record together from what was simulated, trained and set."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

import numpy as np

import szmass
from szmass.params import BaryonModel, Compton, Weighing
from szmass.planck.catalogue import Psz2Catalogue
from szmass.planck.stores import PARTITIONS as MAP_PARTITIONS
from szmass.sky.cosmology import Cosmology
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.filters import LevelMeter
from szmass.weighing.gas import PivotY
from szmass.weighing.mixture import Ensemble
from szmass.weighing.novelty import USUAL, Limits, Residual, Usual
from szmass.weighing.priors import Population, mass_function_prior
from szmass.weighing.record import MASS_FUNCTION, Facts, Record
from szmass.weighing.spots import Finder, Spots
from szmass.weighing.survey import Survey
from szmass.weighing.training.clusters import PARTITIONS
from szmass.weighing.training.network import TrainingClusters

PSZ2 = "psz2"
NOVELTY_DRAWS = 3
"""Of gas, scatter and noise for each cluster whose chi^2 is looked at."""
MAPS_AT_ONCE = 1024


def training_clusters(
    store: MapStore, partition: str, survey: Survey, settings: Weighing, cosmology: Cosmology
) -> TrainingClusters:
    """The clusters of a partition of the store, ready to be drawn."""
    rows = np.flatnonzero(store.read("partition") == PARTITIONS.index(partition))
    redshift, amplitude = store.read("redshift", rows), store.read("amplitude", rows).astype(float)
    contaminant_amplitude, contaminant_level = np.zeros_like(amplitude), np.zeros(len(rows))
    if "contaminant_level" in store.names:
        contaminant_amplitude = store.read("contaminant_amplitude", rows).astype(float)
        contaminant_level = store.read("contaminant_level", rows).astype(float)
    return TrainingClusters(
        amplitude=amplitude,
        outer_level=store.read("outer_level", rows).astype(float),
        log10_m500c_msun=store.read("log10_m500c_msun", rows),
        redshift=redshift,
        pivot=PivotY.at(redshift, cosmology),
        bank=survey.bank,
        meter=survey.meter,
        settings=settings,
        noise_rms=survey.noise_rms,
        contaminant_amplitude=contaminant_amplitude,
        contaminant_level=contaminant_level,
    )


def survey_of(record: Record, noise_rms: float) -> Survey:
    """The survey that a record was made for, with its very filters.

    Args:
        record: of the survey.
        noise_rms: a usual level of the noise, in the maps' unit.
    """
    facts = record.facts
    return Survey(
        name=facts.survey,
        signal=facts.signal,
        bands=tuple(facts.bands),
        grid=facts.grid,
        beam_fwhm_arcmin=facts.beam_fwhm_arcmin,
        bank=record.bank,
        meter=record.meter,
        noise_rms=noise_rms,
    )


def psz2_population(catalogue: Psz2Catalogue, compton: Compton, settings: Weighing) -> Population:
    """The clusters of PSZ2 as a prior: masses corrected for Planck's bias, smoothed by a kernel.

    Args:
        catalogue: clusters with masses and redshifts.
        compton: the factor between Planck's masses and true ones, and the scatter about it.
        settings: the width in ln z.
    """
    masses_msun = catalogue.msz_1e14_msun * MASS_UNIT_MSUN / compton.psz2_mass_factor
    return Population(
        catalogue.redshift,
        np.log10(masses_msun),
        settings.population_width_ln_z,
        compton.mass_jitter_dex,
    )


def usual_values(clusters: TrainingClusters, spots: Spots, rng: np.random.Generator) -> Usual:
    """Limits of the flags: from the amplitudes of training clusters, and from spots of maps.

    Args:
        clusters: those of the training.
        spots: of maps of the survey with clusters in them, none of them a test cluster.
        rng: of the training clusters' gas, scatter and noise.
    """
    chi2, compact = usual_residuals(clusters, rng)
    offset_arcmin = Limits.of(spots.near, spots.offset_arcmin)
    return Usual(chi2, compact, offset_arcmin, float(np.quantile(spots.elsewhere, USUAL)))


def usual_residuals(clusters: TrainingClusters, rng: np.random.Generator) -> tuple[Limits, Limits]:
    """Limits of chi^2 and of the narrowest filter's residual, from simulated clusters.

    Clusters that fill the map raise its measured noise level above that of the training. They are
    flagged for this level, and are not used for the limits.

    Args:
        clusters: those of the training.
        rng: of their gas, scatter and noise.
    """
    rows = np.tile(np.arange(len(clusters.redshift)), NOVELTY_DRAWS)
    inputs, _ = clusters.draw(rng, rows)
    inputs = inputs.at(inputs.level <= clusters.noise_rms * clusters.settings.noise_levels[1])
    residual = Residual.of(inputs.amplitude, inputs.level, clusters.bank)
    ratio = residual.signal_to_noise
    return Limits.of(ratio, residual.chi2), Limits.of(ratio, np.abs(residual.compact))


def development_maps(maps: MapStore) -> Iterator[np.ndarray]:
    """The noisy y-maps of development clusters, `MAPS_AT_ONCE` at a time."""
    rows = np.flatnonzero(maps.read("partition") == MAP_PARTITIONS.index("development"))
    for start in range(0, len(rows), MAPS_AT_ONCE):
        yield maps.read("compton_y", rows[start : start + MAPS_AT_ONCE])


def spots_in(survey: Survey, maps: Iterable[np.ndarray], settings: Weighing) -> Spots:
    """The spots of all maps of a survey, which come some at a time."""
    finder = Finder.of(survey.bank, survey.grid, survey.beam_fwhm_arcmin, settings.inner_arcmin)
    least_level = survey.noise_rms * settings.noise_levels[0]
    parts = [finder(some, np.maximum(survey.meter(some), least_level)) for some in maps]
    return Spots(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("near", "offset_arcmin", "elsewhere")
        )
    )


def make_record(
    survey: Survey,
    ensemble: Ensemble,
    usual: Usual,
    settings: Weighing,
    baryon_models: Mapping[str, BaryonModel],
    cosmology: Cosmology,
    *,
    reference_gas: str,
    population: Population | None = None,
) -> Record:
    """The record of a survey.

    Args:
        survey: its maps and filters.
        ensemble: the networks.
        usual: limits of the flags.
        settings: of the training.
        baryon_models: what models of the gas give their clusters.
        cosmology: of the training.
        reference_gas: the model of the statistical interval.
        population: of a survey whose clusters are known: its prior, `PSZ2`. Without, it is the
            mass function.
    """
    facts = Facts(
        survey=survey.name,
        signal=survey.signal,
        bands=list(survey.bands),
        pixels=survey.grid.pixels,
        pixel_arcmin=survey.grid.pixel_arcmin,
        beam_fwhm_arcmin=survey.beam_fwhm_arcmin,
        least_level=survey.noise_rms * settings.noise_levels[0],
        largest_level=survey.noise_rms * settings.noise_levels[1],
        inner_arcmin=settings.inner_arcmin,
        level_variance=survey.meter.variance if isinstance(survey.meter, LevelMeter) else None,
        level_modes=survey.meter.modes if isinstance(survey.meter, LevelMeter) else None,
        redshifts=list(settings.redshifts),
        log10_m500c_msun=list(settings.log10_m500c_msun),
        axis_log10_msun=list(settings.axis_log10_msun),
        axis_nodes=settings.axis_nodes,
        gas_models={
            name: {"alpha": gas.alpha, "log10_b": gas.log10_b, "sigma_lny": gas.sigma_lny}
            for name, gas in baryon_models.items()
        },
        reference_gas=reference_gas,
        gas_prior=asdict(settings.gas_prior),
        gas_nodes=settings.gas_nodes,
        survey_prior=MASS_FUNCTION if population is None else PSZ2,
        population_width_ln_z=None if population is None else population.width_ln_z,
        population_width_dex=None if population is None else population.width_dex,
        mass_function=f"Tinker et al. 2008 (arXiv 0803.2706) in {cosmology.name}",
        cosmology=cosmology.name,
        concentration_model=cosmology.concentration_model,
        y_centre=ensemble.standard.y_centre,
        y_scale=ensemble.standard.y_scale,
        arrays_a_network=len(ensemble.weights[0]),
        networks=len(ensemble.weights),
        made_with=f"szmass {szmass.__version__}",
        model_version=_digest(ensemble),
    )
    nearest, farthest = settings.redshifts
    return Record(
        facts,
        survey.bank,
        ensemble,
        mass_function_prior(cosmology, (nearest, farthest), facts.axis),
        usual,
        population,
    )


def _digest(ensemble: Ensemble) -> str:
    """A name that no other networks have."""
    digest = hashlib.sha256()
    for weights in ensemble.weights:
        for values in weights:
            digest.update(values.tobytes())
    return digest.hexdigest()[:12]
