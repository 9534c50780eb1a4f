import logging
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from distributed import Client
from distributed.utils import silence_logging_cmgr

from helpers import ROOT, faults
from helpers.dask_clusters import started_cluster
from szmass.microwave.maps.samples import SHARD_ROWS, list_samples, store_spec, write_labels
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.stages.microwave.simulate_microwave import simulate_microwave
from szmass.storage import batch
from szmass.storage.batch import SchedulerError, run_tasks
from szmass.storage.store import replacing

OWN_CODE = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])


def contents(store: Path) -> dict[str, bytes]:
    """Every file of a store, as DVC sees it."""
    return {
        str(file.relative_to(store)): file.read_bytes()
        for file in sorted(store.rglob("*"))
        if file.is_file()
    }


def leftovers(store: Path) -> list[str]:
    """What lies beside a store and is not it."""
    return [path.name for path in store.parent.iterdir() if path != store]


def local_workers() -> list[psutil.Process]:
    """The workers of a local cluster of this process, which are spawned."""
    children = psutil.Process().children(recursive=True)
    external = {
        process for child in psutil.Process().children() if "dask" in " ".join(child.cmdline())
        for process in child.children(recursive=True)
    }  # fmt: skip
    return [
        process for process in children
        if process not in external and "spawn_main" in " ".join(process.cmdline())
    ]  # fmt: skip


def kill_workers_once_a_shard_is_there(store: Path, killed: list[str]) -> threading.Thread:
    """Kills every dask worker of this process, in mid-run."""

    def kill() -> None:
        unfinished = store.with_name(store.name + ".unfinished")
        while not list(unfinished.glob("temperature_uk/c/*")):
            time.sleep(0.005)
        for process in local_workers():
            process.kill()
            killed.append(process.name())
        killed.append(f"{len(list(unfinished.glob('temperature_uk/c/*')))} shards were there")

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    return thread


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory):
    """The address of a scheduler with two workers, and the processes."""
    folder = tmp_path_factory.mktemp("scheduler")
    with started_cluster(folder, scheduler_path=OWN_CODE, worker_path=OWN_CODE) as cluster:
        yield cluster


def test_two_workers_write_the_bytes_of_one(simulate, tiny_store, tmp_path):
    second = simulate(tmp_path / "microwave.zarr", workers=2)
    assert contents(second) == contents(tiny_store)
    assert leftovers(second) == []
    assert local_workers() == []


def test_a_worker_killed_in_mid_run_changes_nothing(simulate, tiny_store, tmp_path):
    store = tmp_path / "microwave.zarr"
    killed: list[str] = []
    thread = kill_workers_once_a_shard_is_there(store, killed)
    simulate(store, workers=2)
    thread.join()
    assert len(killed) >= 2
    assert int(killed[-1].split()[0]) < 9, "the run was over before the kill"
    assert contents(store) == contents(tiny_store)
    assert leftovers(store) == []


def test_workers_killed_while_they_write_leave_nothing(
    scheduler, tiny, spectra_table, tiny_store, tmp_path
):
    sky = MicrowaveSky(tiny.microwave, read_spectra(spectra_table))
    samples = list_samples(tiny.seed, tiny.microwave_sets, tiny.microwave.ln_scatter)
    spec = store_spec(len(samples), sky.grid)
    store, marks = tmp_path / "out" / "microwave.zarr", tmp_path / "marks"
    marks.mkdir()
    with replacing(store, spec, provenance={"seed": tiny.seed}) as unfinished:
        write_labels(unfinished, samples, sky.grid)
        run_tasks(
            faults.killed_while_writing,
            [(rows, samples.at(rows)) for rows in spec.shards()[:2]],
            resources=replace(tiny.resources, scheduler_address=scheduler[0]),
            label="test",
            path=unfinished,
            sky=sky,
            marks=marks,
        )
        victims = [Path(mark.read_text()) for mark in marks.iterdir()]
        # both were killed, and each left a file behind that is no part of the store
        assert len(victims) == 2
        assert all(path.is_file() and path.suffix == ".partial" for path in victims)
    written, complete = contents(store), contents(tiny_store)
    assert {name: complete.get(name) for name in written} == written
    arrays = {"sz_uk", "temperature_uk"}
    assert {name for name in complete if name.split("/")[0] in arrays} - set(written) == {
        f"{array}/c/{shard}/0/0" for array in arrays for shard in range(2, 9)
    }
    assert leftovers(store) == []


def first_worker(process: psutil.Process) -> psutil.Process:
    """The first worker that a process starts, as soon as it is there."""
    while True:
        for child in process.children():
            with suppress(psutil.Error):
                if "spawn_main" in " ".join(child.cmdline()):
                    return child
        time.sleep(0.01)


def test_a_worker_killed_while_it_starts_is_told_in_a_line(tiny):
    before, resources = local_workers(), replace(tiny.resources, workers=1)
    threading.Thread(target=lambda: first_worker(psutil.Process()).kill(), daemon=True).start()
    with pytest.raises(
        SchedulerError, match=r"resources.workers = 1: a dask worker could not start: "
    ):
        run_tasks(faults.square, [1], resources=resources, label="test", offset=0)
    assert local_workers() == before


def test_ctrl_c_while_workers_start_is_told_in_a_line():
    """The terminal's Ctrl-C: SIGINT to every process of the group, workers included."""
    process = psutil.Popen(
        [sys.executable, "-m", "helpers.faults"], env=os.environ | {"PYTHONPATH": OWN_CODE},
        text=True, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    worker = first_worker(process)
    time.sleep(0.2)  # in the midst of its imports
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (128 + signal.SIGINT, "faults: interrupted\n")
    worker.wait(10)


def test_an_external_scheduler_gives_the_same_bytes(
    scheduler, simulate, tiny, tiny_store, tmp_path, monkeypatch
):
    address, processes = scheduler
    store = simulate(tmp_path / "microwave.zarr", scheduler_address=address)
    assert contents(store) == contents(tiny_store)
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", address)
    (ancestors,) = run_tasks(faults.ancestors, [0], resources=tiny.resources, label="test")
    assert processes[1].pid in ancestors
    # neither run started workers of its own, and both left the scheduler as it was
    assert all(process.poll() is None for process in processes)
    assert local_workers() == []


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nonsense://there"])
def test_an_unreachable_scheduler_is_named(tiny, monkeypatch, address):
    monkeypatch.setattr("szmass.storage.batch.CONNECT_TIMEOUT", "1s")
    resources = replace(tiny.resources, scheduler_address=address)
    with pytest.raises(SchedulerError, match=f"no dask scheduler answers at {address} .*resources"):
        run_tasks(faults.square, [1], resources=resources, label="test", offset=0)


@pytest.mark.parametrize("where", ["scheduler_path", "worker_path"])
def test_a_cluster_without_szmass_is_told_what_it_needs(tiny, tmp_path, where):
    (tmp_path / "szmass.py").write_text("raise ModuleNotFoundError(\"No module named 'szmass'\")")
    paths = {"scheduler_path": OWN_CODE, "worker_path": OWN_CODE, where: str(tmp_path)}
    with started_cluster(tmp_path, **paths) as (address, _):
        resources = replace(tiny.resources, scheduler_address=address)
        with pytest.raises(SchedulerError, match=f"at {address}.*No module.*expected szmass"):
            run_tasks(faults.square, [1], resources=resources, label="test", offset=0)


def test_results_keep_their_order_whichever_is_first(tiny, scheduler):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    results = run_tasks(faults.square, range(8), resources=resources, label="test", offset=5)
    assert results == [item**2 + 5 for item in range(8)]


def test_what_all_tasks_share_is_sent_to_a_worker_once(tiny, scheduler, tmp_path):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    counted = faults.Counted(tmp_path)
    workers = run_tasks(
        faults.with_counted, range(40), resources=resources, label="test", counted=counted
    )
    sent = [(tmp_path / str(worker)).read_text().count("sent") for worker in set(workers)]
    assert max(sent) == 1


def test_what_all_tasks_share_may_be_large(tiny, scheduler):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    numbers = [0] * 100_000
    found = run_tasks(faults.count, range(40), resources=resources, label="test", numbers=numbers)
    assert found == [100_000 + item for item in range(40)]


def test_no_task_carries_more_than_its_own_maps(tiny, spectra_table, tmp_path, monkeypatch):
    carried: dict[str, int] = {}

    def weigh_tasks(_task: object, items: list[object], **shared: object) -> None:
        carried["item"] = max(len(pickle.dumps(item)) for item in items)
        carried["shared"] = len(pickle.dumps(shared))

    monkeypatch.setattr("szmass.stages.microwave.simulate_microwave.run_tasks", weigh_tasks)
    simulate_microwave(
        tiny.seed,
        tiny.microwave,
        replace(tiny.microwave_sets, train_maps=20_000),
        spectra_table=spectra_table,
        microwave_store=tmp_path / "microwave.zarr",
        resources=tiny.resources,
    )
    assert carried["item"] < 100 * SHARD_ROWS
    assert carried["shared"] < 300_000


def test_a_task_has_one_thread_for_linear_algebra(tiny, scheduler):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    assert run_tasks(faults.blas_threads, [0, 1], resources=resources, label="test") == [1, 1]


def test_an_error_in_a_task_is_the_callers(tiny, scheduler):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    with pytest.raises(ValueError, match="item 3 is wrong"):
        run_tasks(faults.refuse, [3], resources=resources, label="test")


def test_a_task_that_always_kills_its_worker_says_what_to_do(tiny, scheduler):
    resources = replace(tiny.resources, scheduler_address=scheduler[0])
    with pytest.raises(SchedulerError, match="killed its worker 4 times.*worker_memory_gib"):
        run_tasks(faults.kill_the_worker, [1], resources=resources, label="test")


def test_a_scheduler_lost_in_mid_run_is_named(tiny, scheduler, tmp_path, capfd):
    """The last test of the scheduler: it ends it."""
    address, processes = scheduler

    def kill() -> None:
        while not list(tmp_path.iterdir()):
            time.sleep(0.01)
        processes[0].kill()

    threading.Thread(target=kill, daemon=True).start()
    resources = replace(tiny.resources, scheduler_address=address)
    lost = f"^the dask scheduler at {address} was lost: start it again, or name another .*again$"
    with (
        silence_logging_cmgr(logging.CRITICAL),
        Client(address, timeout="1s", set_as_default=False) as client,
    ):
        with pytest.raises(SchedulerError, match=lost):
            run_tasks(faults.wait, range(60), resources=resources, label="test", marks=tmp_path)
        # lost just after the connection was made
        with pytest.raises(SchedulerError, match=lost):
            batch._require_szmass(client, address)
    assert capfd.readouterr().err == ""  # dask says nothing beside it
