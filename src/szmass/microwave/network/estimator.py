"""A trained mResUNet on disk, and its use on maps in physical units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from szmass.errors import SzmassError
from szmass.hashes import require_sums, write_sums
from szmass.microwave.network.arrays import Normalisation
from szmass.networks.backend import predict, save_weights

ARCHITECTURE_FILE = "architecture.json"
WEIGHTS_FILE = "model.weights.h5"
NORMALISATION_FILE = "normalisation.json"
AGAIN = "make it again (dvc repro train_mresunet) or fetch it (dvc pull)"


class ModelError(SzmassError):
    """A model's folder cannot be read, or a map does not fit the model."""


@dataclass(frozen=True)
class MresunetEstimator:
    """Masses and SZ profiles from observed 150 GHz maps."""

    model: keras.Model
    normalisation: Normalisation

    def __call__(self, temperature_uk: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates mass and profile of each map.

        Args:
            temperature_uk: maps with the cluster at their centre, `(n, pixels, pixels)`.

        Returns:
            `(m200c_msun, sz_uk)` of shapes `(n,)` and `(n, pixels, pixels)`.

        Raises:
            ModelError: the maps are of another size than the network's, or not finite.
        """
        maps = np.asarray(temperature_uk)
        wanted = self.model.input_shape[1:3]
        if maps.ndim != 3 or maps.shape[1:] != wanted:
            raise ModelError(f"maps of shape {maps.shape}: expected (n, {wanted[0]}, {wanted[1]})")
        if not np.isfinite(maps).all():
            bad = np.flatnonzero(~np.isfinite(maps).all(axis=(1, 2)))
            raise ModelError(f"map {bad[0]}: has pixels that are not finite numbers")
        (outputs,) = predict(self.model, self.normalisation.inputs(maps))
        return self.normalisation.masses_msun(outputs), self.normalisation.profiles_uk(outputs)

    def save(self, folder: Path) -> None:
        """Writes the model into a folder; the same bytes for the same model."""
        folder.mkdir(parents=True, exist_ok=True)
        architecture = self.model.to_json()
        (folder / ARCHITECTURE_FILE).write_text(architecture)
        # a fresh network has no optimiser, whose moments nobody needs
        bare = keras.models.model_from_json(architecture)
        bare.set_weights(self.model.get_weights())
        save_weights(bare, folder / WEIGHTS_FILE)
        self.normalisation.write(folder / NORMALISATION_FILE)
        write_sums(folder)

    @classmethod
    def load(cls, folder: Path) -> MresunetEstimator:
        """Reads what `save` wrote.

        Raises:
            HashError: a file is missing, or was changed since the training.
            ModelError: a file cannot be read.
        """
        require_sums(folder, AGAIN)
        try:
            model = keras.models.model_from_json((folder / ARCHITECTURE_FILE).read_text())
            model.load_weights(folder / WEIGHTS_FILE)
            normalisation = Normalisation.read(folder / NORMALISATION_FILE)
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ModelError(f"{folder}: cannot be read as a trained mResUNet: {error}") from error
        model.compile(jit_compile=False)
        return cls(model, normalisation)
