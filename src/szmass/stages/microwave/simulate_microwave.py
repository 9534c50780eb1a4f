"""Simulates the microwave line's maps."""

from __future__ import annotations

from pathlib import Path

from szmass.microwave.maps.samples import list_samples, simulate_shard, store_spec, write_labels
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.params import Microwave, MicrowaveSets, Resources
from szmass.storage.batch import run_tasks
from szmass.storage.store import replacing


def simulate_microwave(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    *,
    spectra_table: Path,
    microwave_store: Path,
    resources: Resources,
) -> None:
    """Writes the store of observed maps with their labels, a dask task a shard."""
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    samples = list_samples(seed, microwave_sets, microwave.ln_scatter)
    spec = store_spec(len(samples), sky.grid)
    with replacing(microwave_store, spec, provenance={"seed": seed}) as unfinished:
        write_labels(unfinished, samples, sky.grid)
        run_tasks(
            simulate_shard,
            [(rows, samples.at(rows)) for rows in spec.shards()],
            resources=resources,
            label="simulate_microwave",
            path=unfinished.absolute(),
            sky=sky,
        )
