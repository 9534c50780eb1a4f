"""Training of the CNN on the CPU: against plain `keras.Model.fit`, and from a store beyond memory.

    PYTHONPATH=src python benchmarks/cnn_training.py

Trains members of an ensemble, as many side by side as a stage does, on maps kept in memory, then on
the same maps read from disk in each epoch, and the same network by `fit` on arrays in memory, with
all threads for it; each validates on the same maps. They take turns, in a process for each, so that
a machine whose speed drifts favours none. `fit` is timed until its last callback: on
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
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from statistics import median
from time import perf_counter

import keras
import numpy as np
from measured import keep, row

from szmass.compton.maps.stores import clean_spec, open_clean_store
from szmass.compton.network.arrays import MOST_BYTES_KEPT, DevelopmentMaps
from szmass.compton.network.cnn import cnn, compile_cnn
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, plan_members
from szmass.compton.network.training import EnsemblePlan, train_ensembles
from szmass.networks.backend import EVALUATION_BATCH, prepare_backend, side_by_side
from szmass.networks.training import Epoch, report_epoch
from szmass.params import Cnn, load
from szmass.sky.grid import PixelGrid
from szmass.storage.store import replacing, write_rows

ROOT = Path(__file__).parents[1]
CLUSTERS, ROUNDS, EPOCHS = 1728, 5, 2
IDENTITY = 1, 0, 0, 0  # of an ensemble, its seed first
PAPER_MAPS = 45_000  # of a redshift bin
MEMBERS, MEMBER_EPOCHS = 40, 200  # whose bookkeeping is timed
PAPER_MEMBERS = 800
EDGES = [0.2, 0.4]
GIB = 2.0**30


class SilentRun:
    """A `szmass.reporting.Run` that nobody listens to."""

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Drops a number."""

    def tags(self, tags: Mapping[str, str]) -> None:
        """Drops facts."""

    @contextmanager
    def child(self, name: str) -> Iterator[SilentRun]:  # noqa: ARG002
        """The same for a part."""
        yield self


def write_noise(path: Path, maps: int, pixels: int) -> None:
    """Writes a store of development maps, each a cluster's, with noise for a signal."""
    rng = np.random.default_rng(IDENTITY)
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


@cache
def development(path: Path, *, kept: bool) -> DevelopmentMaps:
    """The maps, in memory or on the disk."""
    return DevelopmentMaps(
        open_clean_store(path), EDGES, most_bytes_kept=MOST_BYTES_KEPT if kept else 0
    )


@cache
def trainers(pixels: int, settings: Cnn) -> list[CnnTrainer]:
    """As many as a stage has."""
    return [CnnTrainer(pixels, settings) for _ in range(side_by_side(settings.threads))]


def train(path: Path, settings: Cnn, *, kept: bool) -> float:
    """Training maps a second of members side by side."""
    maps = development(path, kept=kept)
    networks = trainers(maps.pixels, settings)
    fraction = settings.validation_fraction
    members = plan_members(IDENTITY, maps.cluster, count=len(networks), fraction=fraction)
    with tempfile.TemporaryDirectory() as name:
        parts = Path(name) / "output", Path(name) / "facts"
        files = EnsembleFiles(*parts, networks[0].network)
        ensemble = EnsemblePlan("clean", "m500c", maps, members, files)
        started = perf_counter()
        train_ensembles([ensemble], networks, run=SilentRun(), progress=lambda _: None)
        return settings.epochs * ensemble.maps_an_epoch / (perf_counter() - started)


def plain_fit(path: Path, settings: Cnn) -> float:
    """Training maps a second of `fit` on arrays that are ready."""
    maps = development(path, kept=True)
    fraction = settings.validation_fraction
    (member,) = plan_members(IDENTITY, maps.cluster, count=1, fraction=fraction)
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
    compiled(maps.pixels, settings).fit(
        *arrays,
        batch_size=settings.batch,
        epochs=settings.epochs,
        validation_data=held_out,
        validation_batch_size=EVALUATION_BATCH,
        verbose=0,
        callbacks=[ended],
    )
    return settings.epochs * len(member.train) / seconds[0]


@cache
def compiled(pixels: int, settings: Cnn) -> keras.Model:
    """The network for `fit`."""
    network = cnn(pixels, settings)
    compile_cnn(network, settings)
    return network


def peak_memory_gib(path: Path, settings: Cnn) -> float:
    """The most memory that this process has held after an epoch on maps that it does not keep."""
    train(path, settings, kept=False)
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
                    losses = 1.0 / epoch, 1.1 / epoch
                    report_epoch(Epoch(epoch, 9 * epoch, *losses, 1e-4, 0.1), of_member)
    return perf_counter() - started


def process(settings: Cnn, networks: int) -> ProcessPoolExecutor:
    """A fresh process, whose threads are shared by some networks."""
    return ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=partial(
            prepare_backend, seed=IDENTITY[0], threads=settings.threads, networks=networks
        ),
    )


def main() -> None:
    """Takes the turns, then measures memory and bookkeeping."""
    params = load(ROOT / "params.yaml")
    settings = dataclasses.replace(params.cnn, epochs=EPOCHS)
    rates: dict[str, list[float]] = {"memory": [], "fit": [], "store": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paper, laptop = folder / "paper.zarr", folder / "laptop.zarr"
        write_noise(paper, PAPER_MAPS, params.compton.pixels)
        write_noise(laptop, CLUSTERS, params.compton.pixels)
        with process(settings, settings.threads) as alone:
            once = dataclasses.replace(settings, epochs=1)
            peak = alone.submit(peak_memory_gib, paper, once).result()
            bookkeeping = alone.submit(bookkeeping_seconds, folder).result()
        with process(settings, settings.threads) as ours, process(settings, 1) as plain:
            for _ in range(ROUNDS + 1):
                rates["memory"].append(ours.submit(train, laptop, settings, kept=True).result())
                rates["fit"].append(plain.submit(plain_fit, laptop, settings).result())
                rates["store"].append(ours.submit(train, laptop, settings, kept=False).result())
    # the first round holds the compilation
    taken = {name: np.array(each[1:]) for name, each in rates.items()}
    over_fit = float(median(taken["memory"] / taken["fit"]))
    slower = float(median(taken["memory"] / taken["store"]) - 1.0)
    speeds = {name: float(median(each)) for name, each in taken.items()}
    hour = bookkeeping * PAPER_MEMBERS / MEMBERS
    results = {
        "maps_per_second": speeds,
        "speed_over_plain_fit": (taken["memory"] / taken["fit"]).tolist(),
        "seconds_from_store_over_memory": (taken["memory"] / taken["store"]).tolist(),
        "peak_memory_gib": peak,
        "bookkeeping_seconds": bookkeeping,
    }
    fit_speed = f"plain `keras.Model.fit` {speeds['fit']:.0f} maps/s"
    per_member = f"{bookkeeping / MEMBERS * 1e3:.0f} ms a member of {MEMBER_EPOCHS} epochs"
    rows = [
        row(
            f"CNN training, batch {settings.batch}, on the CPU",
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
