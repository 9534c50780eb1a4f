"""Compton-y maps and masses as the CNN sees them, from memory or from a store beyond it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from tempfile import TemporaryFile
from weakref import finalize

import numpy as np

from szmass.compton.maps.noise import with_noise
from szmass.compton.maps.partitions import partition_rows
from szmass.errors import SzmassError
from szmass.planck.stores import PARTITIONS
from szmass.sky.grid import centre_mean
from szmass.sky.symmetries import SYMMETRIES, turned
from szmass.storage.store import MapStore

TARGETS = ("m500c", "m200c")
RUN_ROWS = 512
"""Neighbouring rows of a store that are read together."""
RUNS_PER_BLOCK = 8
"""Runs whose maps are shuffled among each other."""
MOST_BYTES_KEPT = 3 * 2**28
"""Maps that take more are read from disk in each epoch."""


class ArraysError(SzmassError):
    """Stores that do not belong together."""


@dataclass(frozen=True)
class MapScale:
    """The constants between physical units and those of one network.

    Maps are normalised by one mean and one standard deviation over all pixels of all training
    maps (de Andres et al. 2022, Eq. S.7); the network's output is log10(M / Msun) less its mean.
    """

    mean_y: float
    std_y: float
    mean_log10_m: float

    def inputs(self, compton_y: np.ndarray) -> np.ndarray:
        """Network inputs `(n, pixels, pixels, 1)` float32."""
        shifted = np.asarray(compton_y, np.float32) - np.float32(self.mean_y)
        shifted /= np.float32(self.std_y)
        return shifted[..., None]

    def labels(self, log10_m: np.ndarray) -> np.ndarray:
        """Network outputs `(n, 1)` float32 that stand for these masses."""
        return np.asarray(log10_m - self.mean_log10_m, np.float32)[:, None]

    def log10_m(self, outputs: np.ndarray) -> np.ndarray:
        """log10(M / Msun) `(n,)` float64 that network outputs `(n, 1)` stand for."""
        return outputs[:, 0].astype(np.float64) + self.mean_log10_m


class DevelopmentMaps:
    """The development maps of a redshift bin; a map is known by its position among them.

    Validation uses the stored maps. Training uses them too, unless `fresh` makes new noise.

    Labels are in memory, and maps as well if they fit. Otherwise the maps are unpacked once into an
    unnamed file beside the store: decompressing them in each epoch would take a quarter of a core
    from the training. Results are the same either way.

    Args:
        store: the clean maps, or those with noise.
        edges: of the bin, lo < z <= hi.
        fresh: noise for the maps of a training, in the place of the store's.
        most_bytes_kept: more than this is not held in memory.

    Raises:
        ArraysError: the maps that get fresh noise are of other clusters or lines of sight.
    """

    def __init__(
        self,
        store: MapStore,
        edges: Sequence[float],
        *,
        fresh: FreshNoise | None = None,
        most_bytes_kept: int = MOST_BYTES_KEPT,
    ) -> None:
        self._rows = partition_rows(store, "development", edges)
        columns = {name: store.read(name)[self._rows] for name in ("cluster", "projection")}
        self.cluster, self.projection = columns["cluster"], columns["projection"]
        self.redshift = store.read("redshift")[self._rows]
        self._fresh = fresh
        if fresh is not None and not fresh.is_of(self.cluster, self.projection):
            raise ArraysError(
                f"{store.path}: maps of other clusters or lines of sight than those without noise: "
                f"expected both stores of one run of add_planck_noise"
            )
        self.log10_m = {
            target: np.log10(store.read(f"{target}_msun")[self._rows]) for target in TARGETS
        }
        _, (_, self.pixels, _) = store.layout("compton_y")
        shape = (len(self), self.pixels, self.pixels)
        keep = 4 * np.prod(shape) <= most_bytes_kept
        self._kept = np.empty(shape, np.float32) if keep else None
        self._unpacked = None if keep else TemporaryFile(dir=store.path.parent)  # noqa: SIM115
        self._moments = np.empty((2, len(self)))
        self.central_y = np.empty(len(self))
        for run in self._runs(np.arange(len(self))):
            rows = self._rows[run]
            maps = store.read("compton_y", rows)
            wide = maps.astype(np.float64)
            self._moments[:, run] = wide.mean(axis=(1, 2)), np.square(wide).mean(axis=(1, 2))
            self.central_y[run] = centre_mean(wide)
            if self._kept is not None:
                self._kept[run] = maps
            elif self._unpacked is not None:
                self._unpacked.write(maps.tobytes())
        if self._unpacked is not None:
            self._unpacked.flush()
            finalize(self, self._unpacked.close)

    def __len__(self) -> int:
        return len(self._rows)

    def compton_y(self, positions: np.ndarray) -> np.ndarray:
        """Some of the maps, `(n, pixels, pixels)` float32."""
        if self._kept is not None:
            return self._kept[positions]
        return np.concatenate([self._read(run) for run in self._runs(positions)])

    def training_maps(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Some of the maps as an epoch shows them, `(n, pixels, pixels)` float32.

        Args:
            positions: of the maps, ascending within a run.
            rng: of the epoch; it draws fresh noise.
        """
        return self.compton_y(positions) if self._fresh is None else self._fresh(positions, rng)

    def scale(self, positions: np.ndarray, target: str) -> MapScale:
        """The constants of a network that is trained on these maps, from the stored maps."""
        mean, mean_square = self._moments[:, positions].mean(axis=1)
        return MapScale(
            mean_y=float(mean),
            std_y=float(np.sqrt(mean_square - mean**2)),
            mean_log10_m=float(self.log10_m[target][positions].mean()),
        )

    def shuffled(self, positions: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """These positions in a new order, as blocks that fit in memory.

        Neighbours are put into blocks together, a few runs in each, and shuffled there: the runs
        of a block lie anywhere in the store, and each is read in one go.
        """
        runs = self._runs(positions)
        order = rng.permutation(len(runs))
        return [
            np.concatenate([runs[number] for number in order[start : start + RUNS_PER_BLOCK]])
            for start in range(0, len(runs), RUNS_PER_BLOCK)
        ]

    def _runs(self, positions: np.ndarray) -> list[np.ndarray]:
        """Positions cut wherever the store's rows leave a run."""
        ends = np.flatnonzero(np.diff(self._rows[positions] // RUN_ROWS)) + 1
        return np.split(positions, ends) if len(positions) else []

    def _read(self, run: np.ndarray) -> np.ndarray:
        """Maps from the unpacked file; a run's positions ascend."""
        assert self._unpacked is not None
        first, size = int(run[0]), 4 * self.pixels**2
        whole = os.pread(self._unpacked.fileno(), int(run[-1] - first + 1) * size, first * size)
        maps = np.frombuffer(whole, np.float32).reshape(-1, self.pixels, self.pixels)
        return maps[run - first]


class FreshNoise:
    """Development maps that get another cutout of Planck's noise whenever they are shown.

    A map with noise is the map without plus a cutout of the development partition, turned by one
    of the square's symmetries: drawn as `add_planck_noise` draws the one that it stores. All
    cutouts are in memory, 40 MB a realisation of the sky.

    Args:
        clean: the maps without noise.
        noise: the cutouts.

    Raises:
        ArraysError: there is no cutout for development maps, or they have another size.
    """

    def __init__(self, clean: DevelopmentMaps, noise: MapStore) -> None:
        _, (_, *shape) = noise.layout("noise_y")
        if shape != [clean.pixels] * 2:
            raise ArraysError(
                f"{noise.path}: noise_y has cutouts of {shape} pixels: expected "
                f"{[clean.pixels] * 2}, as the maps without noise"
            )
        rows = np.flatnonzero(noise.read("partition") == PARTITIONS.index("development"))
        if not len(rows):
            raise ArraysError(f"{noise.path}: partition: no cutout: expected some of development")
        self._clean = clean
        self._noise_y = noise.read("noise_y", rows)

    def is_of(self, cluster: np.ndarray, projection: np.ndarray) -> bool:
        """Whether its maps are of these clusters and lines of sight, in this order."""
        return np.array_equal(self._clean.cluster, cluster) and np.array_equal(
            self._clean.projection, projection
        )

    def __call__(self, positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Some of the maps with noise, `(n, pixels, pixels)` float32."""
        rows = rng.integers(len(self._noise_y), size=len(positions))
        symmetry = rng.integers(SYMMETRIES, size=len(positions))
        return with_noise(self._clean.compton_y(positions), self._noise_y[rows], symmetry)


def epoch_blocks(
    maps: DevelopmentMaps,
    positions: np.ndarray,
    target: str,
    scale: MapScale,
    *,
    passes: int = 1,
    flips: bool,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The maps of an epoch in its own order, pass by pass and block by block.

    Args:
        maps: of the bin.
        positions: which of them, ascending.
        target: one of `TARGETS`.
        scale: of the network.
        passes: how often each map is shown.
        flips: whether each map is shown in a random one of the square's symmetries.
        rng: of the epoch alone.

    Yields:
        Network inputs and labels.
    """
    for block in chain.from_iterable(maps.shuffled(positions, rng) for _ in range(passes)):
        order = rng.permutation(len(block))
        symmetry = rng.integers(SYMMETRIES, size=len(block)) if flips else np.zeros(len(block))
        read = maps.training_maps(block, rng)
        inputs = np.empty((*read.shape, 1), np.float32)
        for number in np.unique(symmetry):
            here = np.flatnonzero(symmetry == number)
            inputs[here] = scale.inputs(turned(read[order[here]], int(number)))
        yield inputs, scale.labels(maps.log10_m[target][block[order]])
