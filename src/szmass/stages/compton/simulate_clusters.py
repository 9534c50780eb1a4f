"""Makes images of the Compton line's clusters as Planck would see them without noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np

from szmass.compton.maps.clusters import SourceClusters, first_tests, list_samples
from szmass.compton.maps.images import (
    ClusterSimulator,
    Simulator,
    parts_of,
    simulate_part,
    write_labels,
)
from szmass.compton.maps.imported import ImportedImages, list_imported
from szmass.compton.maps.stores import ORIGINALS_GRID, clean_spec, originals_spec
from szmass.params import IMPORTED, MOCK, BaryonModel, Compton, Morphology, Resources
from szmass.planck.catalogue import read_psz2
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.storage.batch import run_tasks
from szmass.storage.imported import ImportedClusters
from szmass.storage.store import replacing


def simulate_clusters(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    *,
    psz2_catalogue: Path,
    simulations: Path,
    clean_store: Path,
    originals_store: Path,
    resources: Resources,
) -> None:
    """Writes the store of clean maps with their labels, and some maps at full resolution."""
    cosmology, grid, beam = Cosmology.of(compton), PixelGrid.of(compton), compton.beam_fwhm_arcmin
    simulator: Simulator
    if compton.source == MOCK:
        catalogue, names = read_psz2(psz2_catalogue).weighed(), list(baryon_models)
        source = SourceClusters(catalogue.redshift, catalogue.msz_1e14_msun)
        samples = list_samples(seed, bins, compton, baryon_models, source, cosmology)
        cores = tuple(model.cool_core_mean for model in baryon_models.values())
        simulator = ClusterSimulator(MockClusters(**asdict(morphology)), cores, grid, beam)
    else:
        clusters, names = ImportedClusters.read(simulations / compton.source, cosmology), [IMPORTED]
        samples = list_imported(clusters, bins, compton, cosmology)
        simulator = ImportedImages(clusters, grid, beam)
    chosen = first_tests(samples, compton.originals)
    spec = clean_spec(len(samples), grid, names)
    original_spec = originals_spec(len(chosen), ORIGINALS_GRID, names)
    with (
        replacing(clean_store, spec, provenance={"seed": seed}) as clean,
        replacing(originals_store, original_spec, provenance={"seed": seed}) as originals,
    ):
        parts = parts_of(originals.absolute(), original_spec, chosen)
        parts += parts_of(clean.absolute(), spec, samples)
        y500_cyl_arcmin2 = np.concatenate(
            run_tasks(
                simulate_part,
                parts,
                resources=resources,
                label="simulate_clusters",
                simulator=simulator,
            )
        )
        write_labels(originals, chosen, y500_cyl_arcmin2[: len(chosen)], ORIGINALS_GRID)
        write_labels(clean, samples, y500_cyl_arcmin2[len(chosen) :], grid)
