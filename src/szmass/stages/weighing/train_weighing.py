"""Trains the networks of weighing, and writes the record that masses are found with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from szmass.compton.maps.imported import gas_of_maps
from szmass.compton.maps.stores import open_planck_store
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import BaryonModel, Compton, PlanckSky, Weighing
from szmass.planck.catalogue import read_psz2
from szmass.reporting import Run
from szmass.sky.cosmology import Cosmology
from szmass.streams import WEIGHING_NOISE
from szmass.weighing.survey import planck_survey
from szmass.weighing.training.clusters import open_clusters
from szmass.weighing.training.imported import require_trained
from szmass.weighing.training.make_record import (
    development_maps,
    make_record,
    psz2_population,
    spots_in,
    training_clusters,
    usual_values,
)
from szmass.weighing.training.network import train_ensemble


def train_weighing(
    seed: int,
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    weighing: Weighing,
    *,
    planck_noise_spectrum: Path,
    planck_files: Path,
    psz2_catalogue: Path,
    weighing_clusters: Path,
    planck_store: Path,
    weighing_record: Path,
    run: Run,
) -> None:
    """Writes the record: filters, networks, gas, prior and ranges."""
    prepare_backend(seed=seed, threads=weighing.threads)
    run.tags(hardware())
    survey = planck_survey(
        compton,
        planck_sky,
        weighing,
        planck_noise_spectrum=planck_noise_spectrum,
        planck_files=planck_files,
    )
    store, cosmology = open_clusters(weighing_clusters), Cosmology.of(compton)
    maps = open_planck_store(planck_store)
    gas = gas_of_maps(compton, baryon_models, maps, cosmology)
    require_trained(gas, weighing, planck_store)
    training, validation = (
        training_clusters(store, name, survey, weighing, cosmology)
        for name in ("training", "validation")
    )
    total = weighing.networks * weighing.epochs * len(training.redshift)
    with tqdm(total=total, desc="train_weighing", unit="cluster", disable=None) as bar:
        ensemble = train_ensemble(training, validation, seed=seed, run=run, progress=bar.update)
    population = psz2_population(read_psz2(psz2_catalogue).weighed(), compton, weighing)
    spots = spots_in(survey, development_maps(maps), weighing)
    usual = usual_values(training, spots, np.random.default_rng((seed, WEIGHING_NOISE, 3)))
    record = make_record(
        survey,
        ensemble,
        usual,
        weighing,
        {**baryon_models, **gas},
        cosmology,
        reference_gas=compton.gas,
        population=population,
    )
    record.write(weighing_record)
    run.artifact(weighing_record)
    run.model(weighing_record, "weighing")
