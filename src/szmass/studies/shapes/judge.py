"""Makes test clusters again in other shapes, and weighs them as those of the training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.clusters import (
    ComptonSamples,
    SourceClusters,
    first_tests,
    list_samples,
)
from szmass.compton.maps.images import ClusterSimulator
from szmass.compton.maps.partitions import require_test
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.masses.estimates import Baselines
from szmass.evaluation.statistics import bootstrap_error, half_width
from szmass.networks.identity import training_identity
from szmass.params import BaryonModel, Compton, Evaluation, Morphology, Resources
from szmass.planck.catalogue import read_psz2
from szmass.reporting import Run
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.storage.batch import run_tasks
from szmass.storage.store import MapStore
from szmass.studies.items import Item, make_items, shared_settings, write_item
from szmass.studies.results import ITEMS
from szmass.studies.shapes.settings import Shape, Shapes
from szmass.weighing.judgement.gate import coverage
from szmass.weighing.judgement.judged import weigh_known
from szmass.weighing.record import Record
from szmass.weighing.training.make_record import PSZ2
from szmass.weighing.weigher import Weigher

BLOCK = 100
"""Clusters of a task."""
LEVELS = (0.68, 0.95)


def judge(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    evaluation: Evaluation,
    study: Shapes,
    *,
    psz2_catalogue: Path,
    clean_store: Path,
    planck_store: Path,
    weighing_record: Path,
    here: Path,
    resources: Resources,
    run: Run,
) -> None:
    """Writes masses of each of `study.items`, on clean maps and with the noise of Planck's maps."""
    catalogue = read_psz2(psz2_catalogue).weighed()
    source = SourceClusters(catalogue.redshift, catalogue.msz_1e14_msun)
    listed = list_samples(seed, bins, compton, baryon_models, source, Cosmology.of(compton))
    samples = first_tests(listed, study.clusters)
    clean, planck = open_clean_store(clean_store), open_planck_store(planck_store)
    noise_y = noise_of(samples.cluster, clean, planck)
    gas = compton.baryon_model
    baselines = Baselines.of_stores(compton, baryon_models[gas], clean=clean, planck=planck)
    weigher = Weigher(Record.read(weighing_record))

    def make(item: Item) -> None:
        simulator = simulator_of(study.items[item.name], compton, morphology, baryon_models)
        parts = [samples.at(slice(n, n + BLOCK)) for n in range(0, len(samples), BLOCK)]
        made = run_tasks(
            images_and_axes, parts, resources=resources, label=item.name, simulator=simulator
        )
        images_y, axis_ratio = (np.concatenate(values) for values in zip(*made, strict=True))
        metrics = {"projected_axis_ratio": float(axis_ratio.mean()), "maps": len(samples)}
        table = pd.DataFrame(
            {
                "cluster": samples.cluster,
                "redshift": samples.redshift,
                "m500c_msun": samples.m500c_msun,
                "projected_axis_ratio": axis_ratio,
            }
        )
        for data_set, maps_y in (("clean", images_y), ("planck", images_y + noise_y)):
            judged = weigh_known(
                weigher,
                data_set,
                weigher.inputs(maps_y, samples.redshift),
                samples.m500c_msun,
                samples.cluster,
                prior=PSZ2,
                gas=gas,
            )
            masses = {
                "weighing": judged.masses["m500_msun"],
                "matched_filter": baselines.matched_filter(maps_y, samples.redshift),
            }
            for estimator, mass in masses.items():
                table[f"{data_set}_{estimator}_msun"] = mass
                errors = 1.0 - samples.m500c_msun / mass
                rng = np.random.default_rng(seed)
                draws = evaluation.bootstrap_draws
                metrics |= {
                    f"{data_set}_relerr_median_{estimator}": float(np.median(errors)),
                    f"{data_set}_relerr_half_width_{estimator}": half_width(errors),
                    f"{data_set}_relerr_half_width_{estimator}_err": bootstrap_error(
                        half_width, errors, draws=draws, rng=rng
                    ),
                }
            for level in LEVELS:
                share = coverage(judged.rank, level)
                metrics[f"{data_set}_coverage_{100 * level:.0f}_weighing"] = share
        write_item(item.folder, metrics, table, item.run)

    settings = [seed, bins, compton, morphology, baryon_models, evaluation.bootstrap_draws]
    settings.append(shared_settings(study, "items"))
    inputs = [psz2_catalogue, clean.path, planck.path, weighing_record]
    identity = training_identity(__name__, settings, inputs)
    make_items(here / ITEMS, study.items, make, identity=identity, run=run)


def simulator_of(
    shape: Shape,
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
) -> ClusterSimulator:
    """Makes the pipeline's clusters with other axes; all else of them is drawn as it was."""
    return ClusterSimulator(
        MockClusters(**asdict(replace(morphology, **asdict(shape)))),
        tuple(model.cool_core_mean for model in baryon_models.values()),
        PixelGrid.of(compton),
        compton.beam_fwhm_arcmin,
    )


def images_and_axes(
    samples: ComptonSamples, *, simulator: ClusterSimulator
) -> tuple[np.ndarray, np.ndarray]:
    """Clean maps `(n, pixels, pixels)`, and minor over major axis of the main haloes on the sky."""
    maps, _ = simulator.beamed(samples)
    ratios = []
    for cluster in simulator.on_the_sky(samples):
        # an ellipsoid's half-axes squared on the sky: those of the upper block of its matrix
        least, largest = np.linalg.eigvalsh(cluster.shape[0, :2, :2])
        ratios.append(np.sqrt(least / largest))
    return maps, np.array(ratios)


def noise_of(cluster: np.ndarray, clean: MapStore, planck: MapStore) -> np.ndarray:
    """The noise of test clusters' maps: with it less without, `(n, pixels, pixels)`."""
    numbers = planck.read("cluster")
    order = np.argsort(numbers, kind="stable")
    rows = order[np.searchsorted(numbers, cluster, sorter=order)]
    require_test(planck, rows)
    ascending = np.sort(rows)
    noise_y = planck.read("compton_y", ascending) - clean.read("compton_y", ascending)
    return np.asarray(noise_y[np.searchsorted(ascending, rows)])
