"""Trains the full-width mResUNet for a few epochs on the accelerator that Keras finds.

    PYTHONPATH=src KERAS_BACKEND=jax python benchmarks/gpu/train_mresunet.py

Needs data/spectra.csv (`dvc repro tabulate_spectra`, or `dvc pull data/spectra.csv`). Writes speed,
loss and hardware to benchmarks/results/. Without an accelerator it says so and stops; `--on-cpu`
runs it all the same, to see that it works.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from functools import partial
from pathlib import Path

import keras
import numpy as np

from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import MassPrior, Normalisation, draw_maps
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet
from szmass.microwave.network.training import train
from szmass.networks.backend import hardware, prepare_backend
from szmass.networks.training import TrainingState
from szmass.params import load
from szmass.provenance import hardware_facts

ROOT = Path(__file__).parents[2]
CALIBRATION_MAPS = 1024
TEST_MAPS = 1024
SEED = 1


class SilentRun:
    """A `szmass.reporting.Run` that nobody listens to; training reports only metrics."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Drops a number."""


def main() -> None:
    """Trains, judges, and writes the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--maps-per-epoch", type=int, default=16384)
    parser.add_argument("--on-cpu", action="store_true", help="run without an accelerator too")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()

    params = load(ROOT / "params.yaml")
    prepare_backend(seed=SEED, threads=params.mresunet.threads)
    accelerated = any("cpu" not in device for device in keras.distribution.list_devices())
    if not accelerated and not options.on_cpu:
        raise SystemExit("Keras finds no accelerator here; nothing was measured (see --on-cpu)")

    settings = dataclasses.replace(
        params.mresunet, width=options.width, batch=options.batch, epochs=options.epochs
    )
    sky = MicrowaveSky(params.microwave, read_spectra(ROOT / params.paths["spectra_table"]))
    prior = MassPrior.flat(settings.prior_range_1e14)
    draw = partial(draw_maps, sky, prior)
    calibration = draw(np.random.default_rng((SEED, 0)), CALIBRATION_MAPS)
    normalisation = Normalisation(
        temperature_uk=float(np.abs(calibration.temperature_uk).max()),
        sz_uk=float(np.sqrt(np.mean(np.square(calibration.sz_uk)))),
        mass_msun=prior.mean_msun,
        mass_image="flat",
    )
    network = mresunet(pixels=params.microwave.pixels, width=options.width, dropout=0.0)
    with tempfile.TemporaryDirectory() as folder:
        history = train(
            network,
            settings,
            maps_of_epoch=lambda epoch: draw(
                np.random.default_rng((SEED, epoch)), options.maps_per_epoch
            ),
            maps_per_epoch=options.maps_per_epoch,
            validation=calibration,
            normalisation=normalisation,
            nfw=None,
            seed=SEED,
            state=TrainingState(Path(folder), "benchmark"),
            run=SilentRun(),  # type: ignore[arg-type]
        )
    test = draw(np.random.default_rng((SEED, options.epochs + 1)), TEST_MAPS)
    masses, _ = MresunetEstimator(network, normalisation)(test.temperature_uk)
    # the first epoch holds the compilation
    seconds = sum(epoch.seconds for epoch in history[1:]) or history[0].seconds
    measured = options.maps_per_epoch * max(1, len(history) - 1)
    result = {
        **hardware_facts(),
        **hardware(),
        "width": options.width,
        "parameters": network.count_params(),
        "batch": options.batch,
        "maps_per_second": measured / seconds,
        "first_epoch_seconds": history[0].seconds,
        "loss": [epoch.loss for epoch in history],
        "validation_loss": [epoch.validation_loss for epoch in history],
        "test_rms_ln_mass": float(
            np.sqrt(np.mean(np.log(np.maximum(masses, 1e12) / test.m200c_msun) ** 2))
        ),
    }
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"gpu_mresunet_{keras.backend.backend()}.json"
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"{result['maps_per_second']:.0f} maps/s on {result['keras.devices']}; wrote {path}")


if __name__ == "__main__":
    main()
