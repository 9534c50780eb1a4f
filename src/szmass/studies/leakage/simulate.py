"""Simulates few clusters along many lines of sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from szmass.params import MOCK, BaryonModel, Compton, Morphology, Resources
from szmass.stages.compton.add_planck_noise import add_planck_noise
from szmass.stages.compton.simulate_clusters import simulate_clusters
from szmass.studies.leakage.settings import STORES, Leakage

BIN = "z"


def simulate(
    seed: int,
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    study: Leakage,
    *,
    psz2_catalogue: Path,
    noise_store: Path,
    here: Path,
    resources: Resources,
) -> None:
    """Writes the maps, clean and with noise, as the pipeline's stages do."""
    settings = replace(
        compton,
        source=MOCK,
        development_clusters=study.clusters,
        development_projections=study.projections,
        test_clusters=study.test_clusters,
        other_model_clusters=0,
        originals=1,
        mass_cuts_1e14={BIN: study.mass_cut_1e14},
    )
    stores = here / STORES
    clean_store = stores / "clean.zarr"
    simulate_clusters(
        seed,
        {BIN: study.redshifts},
        settings,
        morphology,
        baryon_models,
        psz2_catalogue=psz2_catalogue,
        simulations=stores,  # not read for mock clusters
        clean_store=clean_store,
        originals_store=stores / "originals.zarr",
        resources=resources,
    )
    add_planck_noise(
        seed,
        clean_store=clean_store,
        noise_store=noise_store,
        planck_store=stores / "planck.zarr",
        resources=resources,
    )
