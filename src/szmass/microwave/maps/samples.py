"""The microwave line's samples: which maps there are, and the store that holds them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.params import MicrowaveSets
from szmass.sky.grid import PixelGrid
from szmass.storage.store import ArraySpec, MapStore, StoreSpec, write_rows
from szmass.streams import MICROWAVE_SAMPLES
from szmass.units import MASS_UNIT_MSUN

TITLE = "simulated 150 GHz cutouts of clusters"
SETS = ("train", "validation", "test", "spare", "scatter_test", "no_scatter_test")
SEED_MASS_UNIT_MSUN = 1e10
SHARD_ROWS = 1024


@dataclass(frozen=True)
class Samples:
    """What each map of a store is: the labels, and the seed that its sky is drawn from."""

    set: np.ndarray
    """Index into `SETS`, int8."""
    m200c_msun: np.ndarray
    ln_amplitude: np.ndarray
    """ln A of the SZ signal's scatter, float32; exactly 0 where there is none."""
    seeds: np.ndarray
    """`(maps, 5)`"""

    def __len__(self) -> int:
        return len(self.seeds)

    def at(self, rows: slice) -> Samples:
        """Some of the maps."""
        return replace(self, **{item.name: getattr(self, item.name)[rows] for item in fields(self)})

    def rngs(self) -> list[np.random.Generator]:
        """A generator for the sky of each map."""
        return [np.random.default_rng((*seed, 1)) for seed in self.seeds.tolist()]


def list_samples(seed: int, sets: MicrowaveSets, ln_scatter: float) -> Samples:
    """Lists every map of the microwave line, with its labels drawn.

    A map is seeded by (seed, stream, set, mass in 1e10 Msun, number), so the same map comes out
    whatever else is simulated beside it. The Fig. 5 sets draw their mass too; their seed has a
    mass of 0.
    """
    training, other = sets.training_masses_1e14, sets.other_masses_1e14
    wanted = [
        ("train", training, sets.train_maps),
        ("validation", training, sets.validation_maps),
        ("test", sorted(training + other), sets.test_maps),
        ("spare", other, sets.spare_maps),
        ("scatter_test", [0.0], sets.scatter_maps),
        ("no_scatter_test", [0.0], sets.scatter_maps),
    ]
    low, high = sets.scatter_range_1e14
    parts = []
    for name, masses_1e14, count in wanted:
        for mass_1e14 in masses_1e14 if count else ():
            whole_mass = round(mass_1e14 * MASS_UNIT_MSUN / SEED_MASS_UNIT_MSUN)
            identity = (seed, MICROWAVE_SAMPLES, SETS.index(name), whole_mass)
            seeds = np.array([(*identity, number) for number in range(count)])
            rngs = (np.random.default_rng((*one, 0)) for one in seeds.tolist())
            gaussian, uniform = np.array([(rng.standard_normal(), rng.random()) for rng in rngs]).T
            masses = low + (high - low) * uniform if mass_1e14 == 0 else np.full(count, mass_1e14)
            ln_amplitude = np.zeros(count) if name == "no_scatter_test" else ln_scatter * gaussian
            parts.append(
                Samples(
                    set=np.full(count, SETS.index(name), dtype=np.int8),
                    m200c_msun=masses * MASS_UNIT_MSUN,
                    ln_amplitude=ln_amplitude.astype(np.float32),
                    seeds=seeds,
                )
            )
    return Samples(
        *(np.concatenate([getattr(part, item.name) for part in parts]) for item in fields(Samples))
    )


def store_spec(samples: int, grid: PixelGrid) -> StoreSpec:
    """The contract of `data/microwave.zarr`."""
    image, sample = ("sample", "y", "x"), ("sample",)
    flags = {
        "flag_values": list(range(len(SETS))),
        "flag_meanings": " ".join(SETS),
    }
    return StoreSpec(
        title=TITLE,
        sizes={"sample": samples, "y": grid.pixels, "x": grid.pixels},
        shard_rows=SHARD_ROWS,
        arrays={
            "temperature_uk": ArraySpec(
                image, "float32", "uK_CMB", "observed temperature map, its mean kept"
            ),
            "sz_uk": ArraySpec(
                image, "float32", "uK_CMB", "the cluster's own signal after beam and pixel window"
            ),
            "m200c_msun": ArraySpec(sample, "float64", "Msun", "true mass M200c"),
            "ln_amplitude": ArraySpec(
                sample, "float32", "1", "ln of the SZ amplitude's scatter about the mean relation"
            ),
            "set": ArraySpec(sample, "int8", "1", "what the map is for", flags),
            "x": ArraySpec(("x",), "float64", "arcmin", "pixel centre from the cluster"),
            "y": ArraySpec(("y",), "float64", "arcmin", "pixel centre from the cluster"),
        },
    )


def write_labels(path: Path, samples: Samples, grid: PixelGrid) -> None:
    """Writes what is known before any map is simulated."""
    labels = {
        "m200c_msun": samples.m200c_msun,
        "ln_amplitude": samples.ln_amplitude,
        "set": samples.set,
    }
    write_rows(path, slice(None), labels | {"x": grid.axis_arcmin, "y": grid.axis_arcmin})


def simulate_shard(part: tuple[slice, Samples], *, path: Path, sky: MicrowaveSky) -> None:
    """Simulates and writes the maps of one shard: its rows, and the samples of these."""
    rows, samples = part
    sz_uk = sky.sz_uk(samples.m200c_msun, samples.ln_amplitude)
    temperature_uk = sky.observe(sz_uk, samples.rngs())
    write_rows(path, rows, {"sz_uk": sz_uk, "temperature_uk": temperature_uk})


def open_microwave_store(path: Path) -> MapStore:
    """Opens a microwave store for reading; see `MapStore` for what it refuses."""
    return MapStore(path, TITLE)


def set_rows(store: MapStore, name: str) -> np.ndarray:
    """Row numbers of one of `SETS`, ascending."""
    return np.flatnonzero(store.read("set") == SETS.index(name))
