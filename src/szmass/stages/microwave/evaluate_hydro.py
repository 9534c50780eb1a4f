"""Judges the mResUNet on clusters like those of a hydrodynamical simulation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.evaluation.charts import save
from szmass.evaluation.papers import beside_paper, read_paper, stated_values
from szmass.files import write_metrics
from szmass.microwave.hydro.clusters import HydroUniverse, SzImages
from szmass.microwave.hydro.figures import hydro_masses
from szmass.microwave.hydro.maps import open_hydro_store
from szmass.microwave.hydro.mass_factor import MeanRelations, mass_factors
from szmass.microwave.hydro.metrics import hydro_metrics as judge
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import MassPrior
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.networks.backend import prepare_backend
from szmass.params import (
    BaryonModel,
    Evaluation,
    Hydro,
    Microwave,
    MicrowaveSets,
    Morphology,
    Mresunet,
)
from szmass.reporting import Run
from szmass.sky.cosmology import Cosmology

TITLES = {"mresunet": "mResUNet", "training_posterior": "the training's posterior"}
NETWORK, POSTERIOR = TITLES


def evaluate_hydro(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    hydro: Hydro,
    mresunet: Mresunet,
    evaluation: Evaluation,
    *,
    spectra_table: Path,
    hydro_store: Path,
    mresunet_model: Path,
    gupta_reichardt_2020: Path,
    hydro_metrics: Path,
    hydro_figures: Path,
    run: Run,
) -> None:
    """Writes the metrics of the network and of the training's posterior, and Figure 6 of the paper.

    That posterior is exact for what the network was trained on: lone spheres of Arnaud's relation
    at one redshift. Of these clusters it is not, so it is no bound here, and the network may do
    better. The factor r comes from clusters that are not weighed.
    """
    prepare_backend(seed=seed, threads=mresunet.threads, networks=mresunet.threads)
    run.continue_training_run(mresunet_model / WEIGHTS_FILE)
    store = open_hydro_store(hydro_store)
    maps_uk = store.read("temperature_uk")
    cosmology = Cosmology.of(microwave)
    universe = HydroUniverse(hydro, baryon_models[hydro.baryon_model], morphology, cosmology)
    others = range(hydro.clusters, hydro.clusters + hydro.relation_clusters)
    side_arcmin = SzImages(universe.tables, microwave).side_arcmin
    relations = MeanRelations.fit(
        [universe.draw(seed, number, side_arcmin) for number in others], universe.tables, cosmology
    )
    truth_msun, factor = mass_factors(store, relations.own, microwave)
    of_clusters = {**relations.metrics, "mass_factor_mean": float(factor.mean())}
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    priors = {POSTERIOR: MassPrior.of_training(mresunet, microwave_sets)}
    exact = ExactEstimators.of(sky, microwave, evaluation, priors)
    masses = {
        NETWORK: MresunetEstimator.load(mresunet_model)(maps_uk)[0].reshape(len(factor), -1),
        POSTERIOR: exact(maps_uk)[POSTERIOR].reshape(len(factor), -1),
    }
    stated = stated_values(read_paper(gupta_reichardt_2020, "hydro")["hydro"])
    metrics = {"clusters": beside_paper(of_clusters, stated)}
    for name, found in masses.items():
        rng, draws = np.random.default_rng(seed), evaluation.bootstrap_draws
        judged = judge(found, truth_msun, factor, draws=draws, rng=rng)
        metrics[name] = beside_paper(judged, stated if name == NETWORK else {})
    write_metrics(hydro_metrics, metrics)
    for group, values in metrics.items():
        for name, value in values.items():
            run.metric(f"hydro.{group}.{name}", value)
    for name, title in TITLES.items():
        figure = hydro_masses(
            masses[name], truth_msun, factor, title=f"{title}, Magneticum-like", stated=stated
        )
        path = hydro_figures / f"figure6_{name}_masses.png"
        save(figure, path)
        run.figure(path)
