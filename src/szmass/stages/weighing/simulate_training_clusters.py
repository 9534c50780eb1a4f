"""Simulates the clusters that weighing learns from, and keeps their filter amplitudes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

from szmass.params import MOCK, Compton, Morphology, PlanckSky, Resources, Weighing
from szmass.sky.clusters.bands import BandImages
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.storage.batch import run_tasks
from szmass.storage.imported import ImportedClusters
from szmass.storage.store import replacing, write_rows
from szmass.weighing.survey import planck_survey
from szmass.weighing.training.clusters import (
    AmplitudeSimulator,
    Part,
    list_clusters,
    simulate_part,
    store_spec,
)
from szmass.weighing.training.imported import ImportedSimulator


def simulate_training_clusters(
    seed: int,
    compton: Compton,
    morphology: Morphology,
    planck_sky: PlanckSky,
    weighing: Weighing,
    *,
    simulations: Path,
    planck_noise_spectrum: Path,
    planck_files: Path,
    weighing_clusters: Path,
    resources: Resources,
) -> None:
    """Writes the store of amplitudes with the clusters' labels."""
    survey = planck_survey(
        compton,
        planck_sky,
        weighing,
        planck_noise_spectrum=planck_noise_spectrum,
        planck_files=planck_files,
    )
    grid, beam, filters = survey.grid, survey.beam_fwhm_arcmin, (survey.bank, survey.meter)
    cosmology = Cosmology.of(compton)
    simulator: AmplitudeSimulator | ImportedSimulator
    if compton.source == MOCK:
        model = MockClusters(**asdict(morphology))
        images = BandImages([BeamedImages(model.tables(), grid, beam)], [1.0])
        simulator = AmplitudeSimulator(model, images, *filters)
    else:
        imported = ImportedClusters.read(simulations / compton.source, cosmology)
        simulator = ImportedSimulator(imported.path, grid, (beam,), (1.0,), *filters)
    clusters = list_clusters(seed, weighing, cosmology)
    spec = store_spec(len(clusters), len(survey.bank.filters))
    with replacing(weighing_clusters, spec, provenance={"seed": seed}) as unfinished:
        path = unfinished.absolute()
        outer_levels = run_tasks(
            simulate_part,
            [Part(path, rows, clusters.at(rows)) for rows in spec.shards()],
            resources=resources,
            label="simulate_training_clusters",
            simulator=simulator,
        )
        outer_level = {"outer_level": np.concatenate(outer_levels)}
        write_rows(path, slice(None), clusters.labels() | outer_level)
