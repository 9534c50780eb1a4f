"""A training step of the mResUNet on the CPU, against plain `keras.Model.fit` on arrays in memory.

    PYTHONPATH=src python benchmarks/training_step.py

Both train the same network on as many maps and validate on the same ones; ours also draws its maps
while it trains, and saves its state after each epoch. The two alternate, so that a machine whose
speed drifts does not favour one. `fit` is timed until its last callback: on TensorFlow 2.21 it
ends up to twice as late, when the tuning thread of its tf.data iterator wakes.
"""

from __future__ import annotations

import dataclasses
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np
from measured import keep, row

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, Normalisation, draw_maps
from szmass.microwave.network.mresunet import mresunet
from szmass.microwave.network.training import compile_for_training, train
from szmass.networks.backend import EVALUATION_BATCH, prepare_backend
from szmass.networks.training import TrainingState
from szmass.params import load

ROOT = Path(__file__).parents[1]
MAPS, VALIDATION_MAPS, ROUNDS, SEED = 1024, 256, 9, 1


def main() -> None:
    """Alternates the two, and writes the ratio of their speeds."""
    params = load(ROOT / "params.yaml")
    settings = dataclasses.replace(params.mresunet, epochs=ROUNDS + 1)
    prepare_backend(seed=SEED, threads=settings.threads)
    sky = MicrowaveSky(params.microwave, read_spectra(ROOT / params.paths["spectra_table"]))
    draw = partial(draw_maps, sky, MassPrior.flat(settings.prior_range_1e14))
    maps, validation = (draw(np.random.default_rng((SEED, n)), n) for n in (MAPS, VALIDATION_MAPS))
    normalisation = Normalisation(500.0, 300.0, 4.75e14, "flat")

    plain = mresunet(width=settings.width, dropout=settings.dropout)
    compile_for_training(plain, settings, steps=1000)
    arrays, held_out = (
        (
            normalisation.inputs(these.temperature_uk),
            normalisation.labels(these.m200c_msun, these.sz_uk, None),
        )
        for these in (maps, validation)
    )
    plain_seconds: list[float] = []
    plain_seconds_with_wait: list[float] = []

    def plain_epoch() -> None:
        started = perf_counter()
        ended = keras.callbacks.LambdaCallback(
            on_train_end=lambda _: plain_seconds.append(perf_counter() - started)
        )
        plain.fit(
            *arrays,
            batch_size=settings.batch,
            shuffle=False,
            validation_data=held_out,
            validation_batch_size=EVALUATION_BATCH,
            verbose=0,
            callbacks=[ended],
        )
        plain_seconds_with_wait.append(perf_counter() - started)

    class Alternating:
        """A `szmass.reporting.Run` that runs an epoch of the plain training after each of ours."""

        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.started = perf_counter()

        def metric(self, name: str, *_: object, **__: object) -> None:
            """Notes what the epoch took, then gives the plain training its turn."""
            if name == "maps_seen":  # the last that an epoch reports
                self.seconds.append(perf_counter() - self.started)
                plain_epoch()
                self.started = perf_counter()

    ours = Alternating()
    with tempfile.TemporaryDirectory() as folder:
        train(
            mresunet(width=settings.width, dropout=settings.dropout),
            settings,
            maps_of_epoch=lambda epoch: draw(np.random.default_rng((SEED, epoch)), MAPS),
            maps_per_epoch=MAPS,
            validation=validation,
            normalisation=normalisation,
            nfw=None,
            seed=SEED,
            state=TrainingState(Path(folder), "benchmark"),
            run=ours,  # type: ignore[arg-type]
        )
    # the first round of each holds the compilation
    ratios = [plain / own for plain, own in zip(plain_seconds[1:], ours.seconds[1:], strict=True)]
    own, peer = MAPS / median(ours.seconds[1:]), MAPS / median(plain_seconds[1:])
    results = {
        "width": settings.width,
        "batch": settings.batch,
        "maps_an_epoch": MAPS,
        "validation_maps": VALIDATION_MAPS,
        "our_maps_per_second": own,
        "plain_fit_maps_per_second": peer,
        "plain_fit_with_its_wait_maps_per_second": MAPS / median(plain_seconds_with_wait[1:]),
        "speed_over_plain_fit": ratios,
    }
    what = f"training step, width {settings.width}, batch {settings.batch}, on the CPU"
    ratio = f"{median(ratios):.2f} times, {own:.0f} maps/s"
    against = f"plain `keras.Model.fit` {peer:.0f} maps/s"
    keep("training_step", results, [row(what, ratio, against, "1.0 times")])


if __name__ == "__main__":
    main()
