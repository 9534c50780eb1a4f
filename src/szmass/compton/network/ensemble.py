"""A trained ensemble of CNNs on disk, and its use on y-maps in physical units."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from threading import Lock

import keras
import numpy as np

from szmass.compton.network.arrays import MapScale
from szmass.errors import SzmassError
from szmass.hashes import require_sums
from szmass.networks.backend import predict

ARCHITECTURE_FILE = "architecture.json"
WEIGHTS_FILE = "member_{member:03d}.weights.h5"
ENSEMBLE_FILE = "ensemble.json"
OUT_OF_FOLD_FILE = "out_of_fold.csv"
AGAIN = "make it again (dvc repro train_cnn) or fetch it (dvc pull)"


class EnsembleError(SzmassError):
    """An ensemble's folder cannot be read, or a map does not fit its networks."""


@dataclass(frozen=True)
class Ensemble:
    """Masses from y-maps by every member of an ensemble: one redshift bin, data set and target."""

    network: keras.Model
    """Takes each member's weights in turn, and those of other ensembles of its architecture."""
    weights: list[list[np.ndarray]]
    """Of each member."""
    scales: list[MapScale]
    """Of each member."""
    selected: int
    """Which member the paper's criteria choose."""
    facts: dict
    """What `ensemble.json` holds."""
    turn: Lock = field(default_factory=Lock)
    """Whoever holds it has the network."""

    def __call__(self, compton_y: np.ndarray) -> np.ndarray:
        """Estimates log10(M / Msun) of each map by each member.

        Args:
            compton_y: maps with the cluster at their centre, `(n, pixels, pixels)`, as they were
                simulated or cut out.

        Returns:
            `(members, n)` float64.

        Raises:
            EnsembleError: the maps are of another size than the networks', or not finite.
        """
        if len(compton_y) == 0:
            return np.empty((len(self.weights), 0))
        maps = np.asarray(compton_y)
        wanted = self.network.input_shape[1:3]
        if maps.ndim != 3 or maps.shape[1:] != wanted:
            raise EnsembleError(
                f"maps of shape {maps.shape}: expected (n, {wanted[0]}, {wanted[1]})"
            )
        finite = np.isfinite(maps).all(axis=(1, 2))
        if not finite.all():
            bad = np.flatnonzero(~finite)[0]
            raise EnsembleError(f"map {bad}: has pixels that are not finite numbers")
        masses = []
        for number, scale in enumerate(self.scales):
            with self.as_member(number):
                (outputs,) = predict(self.network, scale.inputs(maps))
            masses.append(scale.log10_m(outputs))
        return np.array(masses)

    @contextmanager
    def as_member(self, number: int) -> Iterator[None]:
        """Gives the network a member's weights, which no other thread changes within the block."""
        with self.turn:
            self.network.set_weights(self.weights[number])
            yield

    @classmethod
    def load(cls, folder: Path) -> Ensemble:
        """Reads `models/cnn/<bin>/<data set>/<target>/`.

        Raises:
            HashError: a file is missing, or was changed since the training.
            EnsembleError: a file cannot be read.
        """
        require_sums(folder, AGAIN)
        try:
            facts = json.loads((folder / ENSEMBLE_FILE).read_text())
            architecture = (folder / ARCHITECTURE_FILE).read_text()
            network, turn = _network(architecture)
            weights = []
            with turn:
                for member in range(len(facts["members"])):
                    network.load_weights(folder / WEIGHTS_FILE.format(member=member))
                    weights.append(network.get_weights())
            scales = [MapScale(**member["scale"]) for member in facts["members"]]
            selected = int(facts["selected"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise EnsembleError(f"{folder}: cannot be read as an ensemble: {error}") from error
        return cls(network, weights, scales, selected, facts, turn)


@lru_cache(maxsize=1)
def _network(architecture: str) -> tuple[keras.Model, Lock]:
    """A network for all ensembles of an architecture, so that it is compiled once, and its lock."""
    network = keras.models.model_from_json(architecture)
    network.compile(optimizer=None, jit_compile=False)  # weights would be loaded into an optimiser
    return network, Lock()
