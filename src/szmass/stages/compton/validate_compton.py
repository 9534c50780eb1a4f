"""Validates the Compton line's maps, its noise and the cutouts of the observed sky."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.compton.checks.tables import ComptonStores, compton_tables, noise_theory
from szmass.params import BaryonModel, Compton, Morphology, PlanckSky
from szmass.planck.catalogue import read_psz2
from szmass.reporting import Run
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.validation.expectations import check


def validate_compton(
    bins: Mapping[str, list[float]],
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    *,
    psz2_catalogue: Path,
    planck_noise_spectrum: Path,
    planck_files: Path,
    clean_store: Path,
    planck_store: Path,
    noise_store: Path,
    psz2_store: Path,
    compton_verdict: Path,
    compton_docs: Path,
    run: Run,
) -> None:
    """Writes and reports the verdict on the maps, and pages that show it; fails where they do.

    Raises:
        ChecksFailedError: something does not hold of the maps; the verdict and the pages are
            written all the same.
    """
    catalogue = read_psz2(psz2_catalogue)
    stores = ComptonStores.open(clean_store, planck_store, noise_store, psz2_store)
    grid = PixelGrid.of(compton)
    theory = noise_theory(planck_files, planck_noise_spectrum, planck_sky, catalogue, grid)
    tables = compton_tables(
        stores,
        bins,
        compton,
        morphology,
        baryon_models,
        planck_sky,
        catalogue,
        theory,
        Cosmology.of(compton),
    )
    verdict = check(list(tables), compton_docs)
    verdict.conclude(compton_verdict, compton_docs, run)
