"""Weighing's clusters, filters and training: seconds, and memory of each process.

    PYTHONPATH=src python benchmarks/weighing.py

Runs the stages simulate_training_clusters and train_weighing as DVC does, on 20 000 clusters with
the committed settings, from the start of Python to its exit; the latter also reads the maps that
`dvc repro add_planck_noise` makes. The peer of the first is one process
that simulates some of the clusters without a store; the floor of the second is the filters' bank.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from time import perf_counter

import numpy as np
from measured import keep, row
from simulate_microwave import ROOT, run_stage

from szmass.params import Params, load
from szmass.params.scales import apply_scale
from szmass.sky.clusters.bands import BandImages
from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.weighing.survey import Survey, planck_survey
from szmass.weighing.training.clusters import AmplitudeSimulator, list_clusters

SCALE = """
weighing:
  training_clusters: 16000
  validation_clusters: 2000
  test_clusters: 2000
"""
CLUSTERS, PEER_CLUSTERS = 20_000, 600
INPUTS = ("psz2_catalogue", "planck_noise_spectrum")


def survey_of(params: Params, folder: Path) -> Survey:
    """The survey that both stages make first."""
    return planck_survey(
        params.compton,
        params.planck_sky,
        params.weighing,
        planck_noise_spectrum=folder / params.paths["planck_noise_spectrum"],
        planck_files=folder / params.paths["planck_files"],
    )


def one_process(params: Params, survey: Survey) -> float:
    """Clusters a second of one process, without a store."""
    model = MockClusters(**asdict(params.morphology))
    y = BeamedImages(model.tables(), survey.grid, survey.beam_fwhm_arcmin)
    images = BandImages([y], [1.0])
    simulator = AmplitudeSimulator(model, images, survey.bank, survey.meter)
    clusters = list_clusters(params.seed, params.weighing, Cosmology.of(params.compton))
    some = clusters.at(np.arange(0, len(clusters), len(clusters) // PEER_CLUSTERS))
    simulator(some.at(slice(0, 2)))
    started = perf_counter()
    simulator(some)
    return len(some) / (perf_counter() - started)


def main() -> None:
    """Runs the stages, then the peer."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "src").symlink_to(ROOT / "src")
        (folder / ".dvc").mkdir()
        os.environ["DVC_ROOT"] = str(folder)
        os.environ.pop("MLFLOW_TRACKING_URI", None)
        shutil.copy(ROOT / "params.yaml", folder)
        scale = folder / "scale.yaml"
        scale.write_text(SCALE)
        apply_scale(folder / "params.yaml", scale)
        params = load(folder / "params.yaml")
        for key in INPUTS:
            path = folder / params.paths[key]
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / params.paths[key], path)
        maps = folder / params.paths["planck_store"]
        maps.parent.mkdir(parents=True)
        maps.symlink_to(ROOT / params.paths["planck_store"])
        simulation = run_stage(folder, "simulate_training_clusters")
        training = run_stage(folder, "train_weighing")
        started = perf_counter()
        survey = survey_of(params, folder)
        filters = perf_counter() - started
        rate = one_process(params, survey)
    workers = max(simulation[2])
    results = {
        "clusters": CLUSTERS,
        "workers": params.resources.workers,
        "seconds": {"simulate_training_clusters": simulation[0], "train_weighing": training[0]},
        "peak_parent_gib": {
            "simulate_training_clusters": simulation[1],
            "train_weighing": training[1],
        },
        "peak_workers_gib": workers,
        "filters_seconds": filters,
        "one_process_clusters_per_s": rate,
    }
    keep("weighing", results, [
        row(f"`simulate_training_clusters`, {CLUSTERS:,} clusters, {params.resources.workers} "
            "workers", f"{simulation[0]:.0f} s, {CLUSTERS / simulation[0]:.0f} clusters/s",
            f"one process without a store {rate:.0f} clusters/s", "2 min"),
        row("its peak memory, of a worker and of the parent",
            f"{workers:.2f} and {simulation[1]:.2f} GiB", "", "1 GiB a worker"),
        row(f"`train_weighing`, {params.weighing.networks} networks, "
            f"{params.weighing.epochs} epochs", f"{training[0]:.0f} s, {training[1]:.2f} GiB",
            f"the filters alone {filters:.1f} s", "90 s"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
