"""Puts a record together from what was simulated, trained and set."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

import szmass
from szmass.params import BaryonModel, Compton, Weighing
from szmass.planck.catalogue import Psz2Catalogue
from szmass.sky.cosmology import Cosmology
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.clusters import PARTITIONS
from szmass.weighing.gas import PivotY
from szmass.weighing.mixture import Ensemble
from szmass.weighing.network import TrainingClusters
from szmass.weighing.novelty import Chi2Limits, residual_chi2
from szmass.weighing.priors import Population
from szmass.weighing.record import Facts, Record
from szmass.weighing.survey import Survey

PSZ2 = "psz2"
NOVELTY_DRAWS = 3
"""Of gas, scatter and noise for each cluster whose chi^2 is looked at."""


def training_clusters(
    store: MapStore, partition: str, survey: Survey, settings: Weighing, cosmology: Cosmology
) -> TrainingClusters:
    """The clusters of a partition of the store, ready to be drawn."""
    rows = np.flatnonzero(store.read("partition") == PARTITIONS.index(partition))
    redshift = store.read("redshift", rows)
    return TrainingClusters(
        amplitude=store.read("amplitude", rows).astype(float),
        outer_level=store.read("outer_level", rows).astype(float),
        log10_m500c_msun=store.read("log10_m500c_msun", rows),
        redshift=redshift,
        pivot=PivotY.at(redshift, cosmology),
        bank=survey.bank,
        meter=survey.meter,
        settings=settings,
        noise_rms=survey.noise_rms,
    )


def survey_of(record: Record, noise_rms: float) -> Survey:
    """The survey that a record was made for, with its very filters.

    Args:
        record: of the survey.
        noise_rms: a usual level of the noise, in the maps' unit.
    """
    facts = record.facts
    return Survey(facts.grid, facts.beam_fwhm_arcmin, record.bank, record.meter, noise_rms)


def psz2_population(catalogue: Psz2Catalogue, compton: Compton, settings: Weighing) -> Population:
    """The clusters of PSZ2 as a prior: their masses corrected for Planck's bias, and blurred.

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


def usual_chi2(clusters: TrainingClusters, rng: np.random.Generator) -> Chi2Limits:
    """What the best template leaves of simulated clusters, by their signal-to-noise ratio.

    Clusters that fill the map themselves, so that its noise seems to be above that of the training,
    are larger than any template, and flagged for their level: they set no limit.

    Args:
        clusters: those of the training.
        rng: of their gas, scatter and noise.
    """
    rows = np.tile(np.arange(len(clusters.redshift)), NOVELTY_DRAWS)
    inputs, _ = clusters.draw(rng, rows)
    inputs = inputs.at(inputs.level <= clusters.noise_rms * clusters.settings.noise_levels[1])
    return Chi2Limits.of(*residual_chi2(inputs.amplitude, inputs.level, clusters.bank))


def make_record(
    survey: Survey,
    ensemble: Ensemble,
    population: Population,
    chi2_limits: Chi2Limits,
    settings: Weighing,
    baryon_models: Mapping[str, BaryonModel],
    *,
    reference_gas: str,
) -> Record:
    """The record of a survey."""
    prior = settings.gas_prior
    facts = Facts(
        survey="planck",
        pixels=survey.grid.pixels,
        pixel_arcmin=survey.grid.pixel_arcmin,
        beam_fwhm_arcmin=survey.beam_fwhm_arcmin,
        least_level=survey.noise_rms * settings.noise_levels[0],
        largest_level=survey.noise_rms * settings.noise_levels[1],
        inner_arcmin=settings.inner_arcmin,
        level_variance=survey.meter.variance,
        level_modes=survey.meter.modes,
        redshifts=list(settings.redshifts),
        log10_m500c_msun=list(settings.log10_m500c_msun),
        axis_log10_msun=list(settings.axis_log10_msun),
        axis_nodes=settings.axis_nodes,
        gas_models={
            name: {"alpha": gas.alpha, "log10_b": gas.log10_b, "sigma_lny": gas.sigma_lny}
            for name, gas in baryon_models.items()
        },
        reference_gas=reference_gas,
        gas_prior={
            "alpha": list(prior.alpha),
            "log10_b": list(prior.log10_b),
            "sigma_lny": list(prior.sigma_lny),
        },
        gas_nodes=settings.gas_nodes,
        survey_prior=PSZ2,
        population_width_ln_z=population.width_ln_z,
        population_width_dex=population.width_dex,
        y_centre=ensemble.standard.y_centre,
        y_scale=ensemble.standard.y_scale,
        arrays_a_network=len(ensemble.weights[0]),
        networks=len(ensemble.weights),
        made_with=f"szmass {szmass.__version__}",
        model_version=_digest(ensemble),
    )
    return Record(facts, survey.bank, ensemble, population, chi2_limits)


def _digest(ensemble: Ensemble) -> str:
    """A name that no other networks have."""
    digest = hashlib.sha256()
    for weights in ensemble.weights:
        for values in weights:
            digest.update(values.tobytes())
    return digest.hexdigest()[:12]
