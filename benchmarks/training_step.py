"""A training step of the mResUNet on the CPU, against plain `keras.Model.fit` on arrays in memory.

    PYTHONPATH=src python benchmarks/training_step.py

Both train the same network on as many maps; ours draws its maps while it trains, saves its state
and validates after each epoch. The two alternate, so that a machine whose speed drifts does not
favour one.
"""

from __future__ import annotations

import dataclasses
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from measured import keep, row

from szmass.learning.arrays import MassPrior, Normalisation, draw_maps
from szmass.learning.mresunet import mresunet
from szmass.learning.training import TrainingState, compile_for_training, prepare_backend, train
from szmass.params import load
from szmass.simulation.microwave import MicrowaveSky
from szmass.simulation.spectra_file import read_spectra

ROOT = Path(__file__).parents[1]
MAPS, ROUNDS, SEED = 1024, 13, 1


def main() -> None:
    """Alternates the two, and writes the ratio of their speeds."""
    params = load(ROOT / "params.yaml")
    settings = dataclasses.replace(params.mresunet, epochs=ROUNDS + 1)
    prepare_backend(seed=SEED, threads=settings.threads)
    sky = MicrowaveSky(params.microwave, read_spectra(ROOT / params.paths["spectra_table"]))
    draw = partial(draw_maps, sky, MassPrior.flat(settings.prior_range_1e14))
    maps, validation = (draw(np.random.default_rng((SEED, n)), n) for n in (MAPS, 64))
    normalisation = Normalisation(500.0, 300.0, 4.75e14, "flat")

    plain = mresunet(width=settings.width, dropout=settings.dropout)
    compile_for_training(plain, settings, steps=1000)
    inputs = normalisation.inputs(maps.temperature_uk)
    labels = normalisation.labels(maps.m200c_msun, maps.sz_uk, None)
    plain_seconds: list[float] = []

    def plain_epoch() -> None:
        started = perf_counter()
        plain.fit(inputs, labels, batch_size=settings.batch, shuffle=False, verbose=0)
        plain_seconds.append(perf_counter() - started)

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
        "our_maps_per_second": own,
        "plain_fit_maps_per_second": peer,
        "speed_over_plain_fit": ratios,
    }
    what = f"training step, width {settings.width}, batch {settings.batch}, on the CPU"
    ratio = f"{median(ratios):.2f} times, {own:.0f} maps/s"
    against = f"plain `keras.Model.fit` {peer:.0f} maps/s"
    keep("training_step", results, [row(what, ratio, against, "1.0 times")])


if __name__ == "__main__":
    main()
