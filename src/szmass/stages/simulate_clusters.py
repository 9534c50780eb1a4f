"""Simulates the Compton line's clusters as Planck would see them without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from szmass.params import BaryonModel, Compton, Morphology, Resources
from szmass.simulation.batch import run_tasks
from szmass.simulation.compton import ClusterSimulator, simulate_original, simulate_shard
from szmass.simulation.compton_clusters import SourceClusters, first_tests, list_samples
from szmass.simulation.compton_samples import ORIGINALS_GRID, clean_spec, originals_spec
from szmass.simulation.psz2_catalogue import read_psz2
from szmass.simulation.store import replacing, write_rows
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.mock_clusters import MockClusters


def simulate_clusters(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    *,
    psz2_catalogue: Path,
    clean_store: Path,
    originals_store: Path,
    resources: Resources,
) -> None:
    """Writes the store of clean maps with their labels, and some maps at full resolution."""
    catalogue = read_psz2(psz2_catalogue).weighed()
    source = SourceClusters(catalogue.redshift, catalogue.msz_1e14_msun)
    cosmology = Cosmology(compton.cosmology, compton.concentration_model)
    samples = list_samples(seed, bins, compton, baryon_models, source, cosmology)
    simulator = ClusterSimulator(
        MockClusters(**asdict(morphology)),
        tuple(model.cool_core_mean for model in baryon_models.values()),
        PixelGrid(compton.pixels, compton.pixel_arcmin),
        compton.beam_fwhm_arcmin,
    )
    for path, chosen, grid, task, spec_of in (
        (clean_store, samples, simulator.grid, simulate_shard, clean_spec),
        (originals_store, first_tests(samples, compton.originals), ORIGINALS_GRID,
         simulate_original, originals_spec),
    ):  # fmt: skip
        spec = spec_of(len(chosen), grid, list(baryon_models))
        with replacing(path, spec, provenance={"seed": seed}) as unfinished:
            y500_cyl_arcmin2 = run_tasks(
                task,
                [(rows, chosen.at(rows)) for rows in spec.shards()],
                resources=resources,
                label=path.stem,
                path=unfinished.absolute(),
                simulator=simulator,
            )
            axis = grid.axis_arcmin
            write_rows(
                unfinished,
                slice(None),
                chosen.labels()
                | {"y500_cyl_arcmin2": np.concatenate(y500_cyl_arcmin2), "x": axis, "y": axis},
            )
