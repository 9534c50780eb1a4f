"""Trains the CNN for a few epochs on the accelerator that Keras finds, as `train_cnn` does.

    PYTHONPATH=src KERAS_BACKEND=jax python benchmarks/gpu/train_cnn.py

Its maps are blobs in white noise, as many as a redshift bin of the paper has, kept in a temporary
store. Writes speed, loss and hardware to benchmarks/results/. Without an accelerator it says so and
stops; `--on-cpu` runs it all the same, to see that it works. Published: 5 700 maps/s on an A100.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from pathlib import Path
from time import perf_counter

import keras
import numpy as np

from szmass.compton.maps.stores import clean_spec, open_clean_store
from szmass.compton.network.arrays import MOST_BYTES_KEPT, DevelopmentMaps
from szmass.compton.network.members import CnnTrainer, plan_members
from szmass.networks.backend import hardware, prepare_backend
from szmass.params import load
from szmass.provenance import hardware_facts
from szmass.sky.grid import PixelGrid
from szmass.storage.store import replacing, write_rows

ROOT = Path(__file__).parents[2]
EDGES = [0.2, 0.4]
NOISE_Y, PEAK_Y, PIVOT_MSUN, SLOPE = 1.2e-6, 6e-6, 6e14, 1.63
BLOB_ARCMIN = 5.0
SEED = 1


class EpochClock:
    """A `szmass.reporting.Run` that notes when each epoch ends."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def metric(self, name: str, value: float, step: int | None = None) -> None:  # noqa: ARG002
        """Notes the time at the first number of an epoch."""
        if name == "loss":
            self.ends.append(perf_counter())


def write_maps(path: Path, maps: int, grid: PixelGrid) -> None:
    """Writes blobs whose brightness follows their mass, in white noise."""
    rng = np.random.default_rng(SEED)
    mass = 10.0 ** rng.uniform(14.5, 15.2, maps)
    spec = clean_spec(maps, grid, ["gadget_x"])
    labels = {
        **{name: np.zeros(maps) for name, of in spec.arrays.items() if of.dims == ("map",)},
        **dict.fromkeys(("x", "y"), grid.axis_arcmin),
        "m500c_msun": mass,
        "m200c_msun": 1.5 * mass,
        "redshift": np.full(maps, 0.3),
        "cluster": np.arange(maps),
    }
    blob = PEAK_Y * np.exp(-0.5 * (grid.radius_arcmin / BLOB_ARCMIN) ** 2)
    with replacing(path, spec, {}) as unfinished:
        write_rows(unfinished, slice(None), labels)
        for rows in spec.shards():
            images = (mass[rows, None, None] / PIVOT_MSUN) ** SLOPE * blob
            noise = NOISE_Y * rng.standard_normal(images.shape)
            write_rows(unfinished, rows, {"compton_y": (images + noise).astype(np.float32)})


def main() -> None:
    """Trains, judges, and writes the results file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--maps", type=int, default=45_000)
    parser.add_argument("--kept", action="store_true", help="keep the maps in memory")
    parser.add_argument("--on-cpu", action="store_true", help="run without an accelerator too")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    options = parser.parse_args()

    params = load(ROOT / "params.yaml")
    prepare_backend(seed=SEED, threads=params.cnn.threads)
    accelerated = any("cpu" not in device for device in keras.distribution.list_devices())
    if not accelerated and not options.on_cpu:
        raise SystemExit("Keras finds no accelerator here; nothing was measured (see --on-cpu)")

    settings = dataclasses.replace(params.cnn, batch=options.batch, epochs=options.epochs)
    clock = EpochClock()
    grid = PixelGrid.of(params.compton)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "maps.zarr"
        write_maps(path, options.maps, grid)
        most = 4 * options.maps * grid.pixels**2 if options.kept else MOST_BYTES_KEPT
        maps = DevelopmentMaps(open_clean_store(path), EDGES, most_bytes_kept=most)
        fraction = settings.validation_fraction
        (member,) = plan_members((SEED, 0, 0, 0), maps.cluster, count=1, fraction=fraction)
        trainer = CnnTrainer(grid.pixels, settings)
        started = perf_counter()
        trained = trainer.train(member, maps, "m500c", run=clock, progress=lambda _: None)  # type: ignore[arg-type]
    # the first epoch holds the compilation; each holds its validation
    seconds = np.diff(clock.ends) if len(clock.ends) > 1 else np.array([clock.ends[0] - started])
    truth = maps.log10_m["m500c"][member.validation]
    result = {
        **hardware_facts(),
        **hardware(),
        "parameters": trainer.network.count_params(),
        "batch": options.batch,
        "maps_an_epoch": len(member.train),
        "maps_per_second": len(member.train) / float(np.median(seconds)),
        "first_epoch_seconds": clock.ends[0] - started,
        "loss": [epoch.loss for epoch in trained.history],
        "validation_loss": [epoch.validation_loss for epoch in trained.history],
        "validation_rms_dex": float(np.sqrt(np.mean((trained.log10_m_pred - truth) ** 2))),
    }
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"gpu_cnn_{keras.backend.backend()}.json"
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")
    print(f"{result['maps_per_second']:.0f} maps/s on {result['keras.devices']}; wrote {path}")


if __name__ == "__main__":
    main()
