"""Training of the CNN on the CPU: against plain `keras.Model.fit`, and from a store beyond memory.

    PYTHONPATH=src python benchmarks/cnn_training.py

Trains members of an ensemble on maps kept in memory, on the same maps read from disk in each epoch,
and the same network by `fit` on arrays in memory; each validates on the same maps. They take turns,
so that a machine whose speed drifts favours none. `fit` is timed until its last callback: on
TensorFlow 2.21 it ends up to twice as late, when the tuning thread of its tf.data iterator wakes.
The peak memory is that of a process that trains on a bin of the paper's size without keeping its
maps. What MLflow costs is measured in a database of its own.
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import resource
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np
from measured import keep, row

from szmass.learning.backend import EVALUATION_BATCH, prepare_backend
from szmass.learning.cnn import cnn, compile_cnn
from szmass.learning.compton_arrays import DevelopmentMaps
from szmass.learning.members import CnnTrainer, Epoch, Member, plan_members, report_epoch
from szmass.params import Cnn, load
from szmass.simulation.compton_samples import clean_spec, open_clean_store
from szmass.simulation.store import replacing, write_rows
from szmass.sky.grid import PixelGrid

ROOT = Path(__file__).parents[1]
CLUSTERS, ROUNDS, EPOCHS, SEED = 1728, 5, 2, 1
PAPER_MAPS = 45_000  # of a redshift bin
MEMBERS, MEMBER_EPOCHS = 40, 200  # whose bookkeeping is timed
PAPER_MEMBERS = 800
EDGES = [0.2, 0.4]
GIB = 2.0**30


class SilentRun:
    """A `szmass.reporting.Run` that nobody listens to; training reports only metrics."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Drops a number."""


def write_noise(path: Path, maps: int, pixels: int) -> None:
    """Writes a store of development maps, each a cluster's, with noise for a signal."""
    rng = np.random.default_rng(SEED)
    spec = clean_spec(maps, PixelGrid(pixels, 1.7), ["gadget_x"])
    labels = {
        **{name: np.zeros(maps) for name, of in spec.arrays.items() if of.dims == ("map",)},
        **{name: np.zeros(pixels) for name in ("x", "y")},
        "m500c_msun": 10.0 ** rng.uniform(14.5, 15.0, maps),
        "m200c_msun": 10.0 ** rng.uniform(14.7, 15.2, maps),
        "redshift": np.full(maps, 0.3),
        "cluster": np.arange(maps),
    }
    with replacing(path, spec, {}) as unfinished:
        write_rows(unfinished, slice(None), labels)
        for rows in spec.shards():
            shape = (rows.stop - rows.start, pixels, pixels)
            write_rows(unfinished, rows, {"compton_y": rng.standard_normal(shape, np.float32)})


def train(trainer: CnnTrainer, maps: DevelopmentMaps, member: Member) -> float:
    """Seconds to train a member."""
    started = perf_counter()
    trainer.train(member, maps, "m500c", run=SilentRun(), progress=lambda _: None)  # type: ignore[arg-type]
    return perf_counter() - started


def plain_fit(network: keras.Model, settings: Cnn, maps: DevelopmentMaps, member: Member) -> float:
    """Seconds of `fit` on arrays that are ready."""
    scale = maps.scale(member.train, "m500c")
    arrays, held_out = (
        (scale.inputs(maps.compton_y(rows)), scale.labels(maps.log10_m["m500c"][rows]))
        for rows in (member.train, member.validation)
    )
    seconds = []
    started = perf_counter()
    ended = keras.callbacks.LambdaCallback(
        on_train_end=lambda _: seconds.append(perf_counter() - started)
    )
    network.fit(
        *arrays,
        batch_size=settings.batch,
        epochs=settings.epochs,
        validation_data=held_out,
        validation_batch_size=EVALUATION_BATCH,
        verbose=0,
        callbacks=[ended],
    )
    return seconds[0]


def peak_memory_gib(path: Path, settings: Cnn) -> float:
    """The most memory that this process has held after an epoch on maps that it does not keep."""
    prepare_backend(seed=SEED, threads=settings.threads)
    maps = DevelopmentMaps(open_clean_store(path), EDGES)
    (member,) = plan(maps, settings)
    train(CnnTrainer(maps.pixels, settings), maps, member)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB


def bookkeeping_seconds(folder: Path) -> float:
    """Seconds until MLflow has all that members report when each is trained in no time."""
    (folder / ".dvc").mkdir()
    os.environ["DVC_ROOT"] = str(folder)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    from szmass.tracking import open_run

    with open_run("train_first", sections={}, paths={}):  # it sets up the database
        pass
    started = perf_counter()
    with (
        open_run("train_cnn", sections={}, paths={}) as run,
        run.child("planck_m500c") as of_ensemble,
    ):
        for number in range(MEMBERS):
            with of_ensemble.child(f"member_{number:03d}") as of_member:
                for epoch in range(1, MEMBER_EPOCHS + 1):
                    report_epoch(Epoch(epoch, 1.0 / epoch, 1.1 / epoch, 1e-4), of_member)
    return perf_counter() - started


def plan(maps: DevelopmentMaps, settings: Cnn) -> list[Member]:
    """One member."""
    fraction = settings.validation_fraction
    return plan_members((SEED, 0, 0, 0), maps.cluster, count=1, fraction=fraction)


def in_process_of_its_own(task: object, *arguments: object) -> float:
    """What a task returns in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(task, *arguments).result()  # type: ignore[arg-type]


def main() -> None:
    """Takes the turns, then measures memory and bookkeeping."""
    params = load(ROOT / "params.yaml")
    settings = dataclasses.replace(params.cnn, epochs=EPOCHS)
    pixels = params.compton.pixels
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_noise(folder / "paper.zarr", PAPER_MAPS, pixels)
        once = dataclasses.replace(settings, epochs=1)
        peak = in_process_of_its_own(peak_memory_gib, folder / "paper.zarr", once)
        bookkeeping = in_process_of_its_own(bookkeeping_seconds, folder)
        write_noise(folder / "laptop.zarr", CLUSTERS, pixels)
        prepare_backend(seed=SEED, threads=settings.threads)
        store = open_clean_store(folder / "laptop.zarr")
        kept = DevelopmentMaps(store, EDGES)
        read = DevelopmentMaps(store, EDGES, most_bytes_kept=0)
        (member,) = plan(kept, settings)
        trainer, network = CnnTrainer(pixels, settings), cnn(pixels, settings)
        compile_cnn(network, settings)
        seconds: dict[str, list[float]] = {"memory": [], "store": [], "fit": []}
        for _ in range(ROUNDS + 1):
            seconds["memory"].append(train(trainer, kept, member))
            seconds["fit"].append(plain_fit(network, settings, kept, member))
            seconds["store"].append(train(trainer, read, member))
    # the first round holds the compilation
    taken = {name: np.array(each[1:]) for name, each in seconds.items()}
    over_fit = float(median(taken["fit"] / taken["memory"]))
    slower = float(median(taken["store"] / taken["memory"]) - 1.0)
    trained = EPOCHS * len(member.train)
    speeds = {name: trained / float(median(each)) for name, each in taken.items()}
    hour = bookkeeping * PAPER_MEMBERS / MEMBERS
    results = {
        "maps_an_epoch": len(member.train),
        "maps_per_second": speeds,
        "speed_over_plain_fit": (taken["fit"] / taken["memory"]).tolist(),
        "seconds_from_store_over_memory": (taken["store"] / taken["memory"]).tolist(),
        "peak_memory_gib": peak,
        "bookkeeping_seconds": bookkeeping,
    }
    fit_speed = f"plain `keras.Model.fit` {speeds['fit']:.0f} maps/s"
    per_member = f"{bookkeeping / MEMBERS * 1e3:.0f} ms a member of {MEMBER_EPOCHS} epochs"
    rows = [
        row(
            "CNN training, batch 32, on the CPU",
            f"{over_fit:.2f} times, {speeds['memory']:.0f} maps/s",
            fit_speed,
            "1.0 times",
        ),
        row(
            "the same from a store instead of memory",
            f"{100 * slower:+.1f} % of the time",
            f"from memory {speeds['memory']:.0f} maps/s",
            "at most 10 % more",
        ),
        row(f"peak memory, {PAPER_MAPS:,} maps of a bin", f"{peak:.2f} GiB", "", "3 GiB"),
        row(
            f"MLflow's bookkeeping, {PAPER_MEMBERS} members x {MEMBER_EPOCHS} epochs",
            f"{hour:.0f} s",
            per_member,
            "less than an hour",
        ),
    ]
    keep("cnn_training", results, rows)


if __name__ == "__main__":
    main()
