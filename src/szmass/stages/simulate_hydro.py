"""Simulates the clusters of the hydrodynamical test under microwave skies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.params import BaryonModel, Hydro, Microwave, Morphology, Resources
from szmass.simulation.batch import run_tasks
from szmass.simulation.hydro import HydroUniverse, SzImages
from szmass.simulation.hydro_samples import hydro_spec, simulate_shard, write_labels
from szmass.simulation.microwave import MicrowaveSky
from szmass.simulation.spectra_file import read_spectra
from szmass.simulation.store import replacing
from szmass.sky.cosmology import Cosmology


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
        Cosmology(microwave.cosmology, microwave.concentration_model),
    )
    images = SzImages(universe.tables, microwave)
    clusters = [universe.draw(seed, n, images.side_arcmin) for n in range(hydro.clusters)]
    spec = hydro_spec(hydro.clusters, hydro.realisations, images.grid)
    with replacing(hydro_store, spec, provenance={"seed": seed}) as unfinished:
        write_labels(unfinished, clusters, hydro.realisations, images)
        run_tasks(
            simulate_shard,
            spec.shards(),
            resources=resources,
            label="simulate_hydro",
            path=unfinished.absolute(),
            seed=seed,
            clusters=clusters,
            realisations=hydro.realisations,
            images=images,
            sky=sky,
        )
