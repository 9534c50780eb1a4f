"""Planck's noise on the simulated maps of the Compton line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.compton.maps.stores import open_clean_store
from szmass.planck.stores import PARTITIONS, open_noise_store
from szmass.sky.symmetries import SYMMETRIES, turned
from szmass.storage.store import MapStore, StoreError, write_rows
from szmass.streams import COMPTON_NOISE

QUARTER_TURNS = (0, 6, 3, 5, 4, 2, 7, 1)
"""The symmetry of `szmass.sky.symmetries` by its number in the draw: so many quarter turns, from
4 on followed by a transposition."""
NOISE_OF = {"development": "development", "test": "test", "other_model": "test"}
"""The partition of the noise that a map of a partition gets."""


@dataclass(frozen=True)
class NoiseDraws:
    """The noise cutout that is added to each map, and the symmetry it is turned by."""

    noise_row: np.ndarray
    symmetry: np.ndarray

    def at(self, rows: slice) -> NoiseDraws:
        """The draws of some of the maps."""
        return NoiseDraws(self.noise_row[rows], self.symmetry[rows])


def draw_noise(seed: int, clean: MapStore, noise: MapStore) -> NoiseDraws:
    """Draws a cutout of the right partition, and one of the square's symmetries, for each map.

    The draw is seeded by (seed, stream, cluster, projection).

    Args:
        seed: of the pipeline.
        clean: the maps.
        noise: the cutouts.

    Raises:
        StoreError: there is no noise for a partition, or its cutouts are of another size.
    """
    if clean.layout("compton_y")[1][1:] != noise.layout("noise_y")[1][1:]:
        raise StoreError(
            f"{noise.path}: noise_y has cutouts of {noise.layout('noise_y')[1][1:]} pixels: "
            f"expected {clean.layout('compton_y')[1][1:]}, as compton_y of {clean.path}"
        )
    of_noise = noise.read("partition")
    choices = [np.flatnonzero(of_noise == PARTITIONS.index(NOISE_OF[name])) for name in PARTITIONS]
    partitions, clusters, projections = (
        clean.read(name).tolist() for name in ("partition", "cluster", "projection")
    )
    for number in sorted(set(partitions)):
        if not len(choices[number]):
            raise StoreError(
                f"{noise.path}: no cutout of partition {NOISE_OF[PARTITIONS[number]]}, which maps "
                f"of {PARTITIONS[number]} need"
            )
    noise_row = np.empty(len(partitions), dtype=np.int32)
    symmetry = np.empty(len(partitions), dtype=np.int8)
    for i, identity in enumerate(zip(clusters, projections, strict=True)):
        rng = np.random.default_rng((seed, COMPTON_NOISE, *identity))
        noise_row[i] = choices[partitions[i]][rng.integers(len(choices[partitions[i]]))]
        symmetry[i] = rng.integers(SYMMETRIES)
    return NoiseDraws(noise_row, symmetry)


def each_turned(images: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
    """Each image by its own symmetry of the square, `(n,)` as drawn."""
    result = np.empty_like(images)
    for number, of_square in enumerate(QUARTER_TURNS):
        chosen = symmetry == number
        result[chosen] = turned(images[chosen], of_square)
    return result


def with_noise(compton_y: np.ndarray, noise_y: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
    """Maps with a cutout of noise added to each.

    Args:
        compton_y: maps without noise, `(n, pixels, pixels)`.
        noise_y: a cutout for each, of the same shape.
        symmetry: that the cutout is turned by, `(n,)`, 0 to 7, as drawn.
    """
    return compton_y + each_turned(noise_y, symmetry)


def add_noise_to_shard(
    part: tuple[slice, NoiseDraws], *, path: Path, clean_store: Path, noise_store: Path
) -> None:
    """Writes the maps of one shard with their noise."""
    rows, draws = part
    noise_y = open_noise_store(noise_store).read("noise_y", draws.noise_row)
    compton_y = open_clean_store(clean_store).read("compton_y", rows)
    write_rows(path, rows, {"compton_y": with_noise(compton_y, noise_y, draws.symmetry)})
