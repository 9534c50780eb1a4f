"""Simulates the clusters of the hydrodynamical test under microwave skies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.microwave.hydro.clusters import HydroUniverse, SzImages
from szmass.microwave.hydro.maps import hydro_spec, parts_of, simulate_shard, write_labels
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.params import BaryonModel, Hydro, Microwave, Morphology, Resources
from szmass.sky.cosmology import Cosmology
from szmass.storage.batch import run_tasks
from szmass.storage.store import replacing


def simulate_hydro(
    seed: int,
    microwave: Microwave,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    hydro: Hydro,
    *,
    spectra_table: Path,
    hydro_store: Path,
    resources: Resources,
) -> None:
    """Writes the store of observed maps with their labels, a dask task a shard."""
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    universe = HydroUniverse(
        hydro,
        baryon_models[hydro.baryon_model],
        morphology,
        Cosmology.of(microwave),
    )
    images = SzImages(universe.tables, microwave)
    clusters = [universe.draw(seed, n, images.side_arcmin) for n in range(hydro.clusters)]
    spec = hydro_spec(hydro.clusters, hydro.realisations, images.grid)
    with replacing(hydro_store, spec, provenance={"seed": seed}) as unfinished:
        write_labels(unfinished, clusters, hydro.realisations, images)
        run_tasks(
            simulate_shard,
            parts_of(spec, clusters, hydro.realisations),
            resources=resources,
            label="simulate_hydro",
            path=unfinished.absolute(),
            seed=seed,
            realisations=hydro.realisations,
            images=images,
            sky=sky,
        )
