"""Trains a member of an ensemble on whatever backend KERAS_BACKEND names; prints it as JSON."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import keras

from helpers.committed import SETTINGS
from helpers.mock_stores import BINS, training_params, write_stores
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.network.arrays import DevelopmentMaps
from szmass.compton.network.members import CnnTrainer, plan_members
from szmass.networks.backend import prepare_backend
from szmass.params import load


class Losses:
    """A `szmass.reporting.Run` that keeps what a training reports."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def metric(self, name: str, value: float, step: int | None = None) -> None:  # noqa: ARG002
        """Keeps losses."""
        if name.endswith("loss"):
            self.losses.append(value)


def main() -> None:
    params = load(SETTINGS)
    # the backends draw a dropout's numbers by generators of their own
    settings = dataclasses.replace(
        params.cnn, filters=4, neurons=16, dropout=0.0, batch=24, epochs=2, learning_rate=3e-3
    )
    prepare_backend(seed=3, threads=1)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_stores(Path(folder), training_params(params))
        maps = DevelopmentMaps(open_planck_store(paths["planck_store"]), BINS["z2"])
    (member,) = plan_members((3, 0, 0, 0), maps.cluster, count=1, fraction=0.2)
    run = Losses()
    trainer = CnnTrainer(maps.pixels, settings)
    trained = trainer.train(member, maps, "m500c", run=run, progress=lambda _: None)  # type: ignore[arg-type]
    facts = {"losses": run.losses, "log10_m": trained.log10_m_pred.tolist()}
    print(json.dumps({"backend": keras.backend.backend(), **facts}))


if __name__ == "__main__":
    main()
