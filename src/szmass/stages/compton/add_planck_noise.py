"""Adds Planck's noise to the Compton line's clean maps."""

from __future__ import annotations

from pathlib import Path

from szmass.compton.maps.noise import add_noise_to_shard, draw_noise
from szmass.compton.maps.stores import baryon_model_names, open_clean_store, planck_spec
from szmass.params import Resources
from szmass.planck.stores import open_noise_store
from szmass.sky.grid import PixelGrid
from szmass.storage.batch import run_tasks
from szmass.storage.store import replacing, write_rows


def add_planck_noise(
    seed: int,
    *,
    clean_store: Path,
    noise_store: Path,
    planck_store: Path,
    resources: Resources,
) -> None:
    """Writes the store of maps with noise: the rows and the labels of the clean ones."""
    clean, noise = open_clean_store(clean_store), open_noise_store(noise_store)
    draws = draw_noise(seed, clean, noise)
    x_arcmin = clean.read("x")
    grid = PixelGrid(len(x_arcmin), float(x_arcmin[1] - x_arcmin[0]))
    spec = planck_spec(len(draws.noise_row), grid, baryon_model_names(clean))
    with replacing(planck_store, spec, provenance={"seed": seed}) as unfinished:
        labels = {name: clean.read(name) for name in clean.names if name != "compton_y"}
        write_rows(unfinished, slice(None), labels | {"noise_row": draws.noise_row})
        run_tasks(
            add_noise_to_shard,
            [(rows, draws.at(rows)) for rows in spec.shards()],
            resources=resources,
            label="add_planck_noise",
            path=unfinished.absolute(),
            clean_store=clean_store.absolute(),
            noise_store=noise_store.absolute(),
        )
