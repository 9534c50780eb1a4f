"""Runs many independent tasks on dask workers; dask is imported here alone."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import resource_tracker
from tempfile import gettempdir
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, as_completed
from distributed.comm.core import CommClosedError
from distributed.utils import silence_logging_cmgr
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

import szmass
from szmass.errors import SzmassError
from szmass.params import Resources

CONNECT_TIMEOUT = "10s"
LOCAL_CLUSTER = {
    "distributed.worker.daemon": True,
    # with dask's own value a worker returns free memory to the system at once and asks for it again
    # for each array, which doubles the time of a map
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}


class SchedulerError(SzmassError):
    """The dask scheduler or its workers cannot be reached or used, or were lost."""


def run_tasks(
    task: Callable[..., Any],
    items: Sequence[Any],
    *,
    resources: Resources,
    label: str,
    **shared: Any,
) -> list[Any]:
    """Calls `task(item, **shared)` for every item on dask workers.

    A task runs with one BLAS thread. It is run again when its worker dies, so it must give the same
    result whenever and wherever it runs.

    Args:
        task: a function that can be pickled.
        items: its first argument, one item per call.
        resources: how many workers to start, or the scheduler to connect to.
        label: text before the progress bar.
        shared: keyword arguments that are the same for every call, sent to each worker once.

    Returns:
        The results, in the order of `items`.

    Raises:
        SchedulerError: no scheduler answers at the address, szmass cannot be imported there or on
            its workers, the scheduler was lost, or a task killed its worker every time.
    """
    results: dict[int, Any] = {}
    with _client(resources) as client:
        # an argument of `map` would be sent again with every task, unless dask knew its size
        of_all = client.submit(partial, task, pure=False, **shared)
        numbers = range(len(items))
        futures = client.map(_single_threaded, numbers, items, task=of_all, pure=False)
        with tqdm(total=len(items), desc=label, unit="shard", disable=None) as bar:
            try:
                for future in as_completed(futures, loop=client.loop):
                    number, result = future.result()
                    results[number] = result
                    bar.update()
            except KilledWorker as error:
                raise SchedulerError(
                    f"{label}: a task killed its worker {error.allowed_failures + 1} times, "
                    "most likely for want of memory: raise resources.worker_memory_gib or lower "
                    f"the maps a shard ({error})"
                ) from error
            except (CancelledError, CommClosedError) as error:
                address = client.scheduler.address  # type: ignore[union-attr]
                raise _lost(str(address)) from error
    return [results[number] for number in range(len(items))]


def _lost(address: str) -> SchedulerError:
    return SchedulerError(
        f"the dask scheduler at {address} was lost: start it again, or name another "
        "(resources.scheduler_address or DASK_SCHEDULER_ADDRESS), and run this again"
    )


def _single_threaded(number: int, item: Any, *, task: Callable[..., Any]) -> tuple[int, Any]:
    with threadpool_limits(1):
        return number, task(item)


@contextmanager
def _client(resources: Resources) -> Iterator[Client]:
    """A client of the scheduler named in the settings or the environment, else of a new cluster."""
    address = resources.scheduler_address or os.environ.get("DASK_SCHEDULER_ADDRESS", "")
    if address:
        try:
            client = Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise SchedulerError(
                f"no dask scheduler answers at {address} (resources.scheduler_address or "
                f"DASK_SCHEDULER_ADDRESS): {error}"
            ) from error
        # what dask logs of a scheduler that is lost, the error says
        with silence_logging_cmgr(logging.CRITICAL), client:
            _require_szmass(client, address)
            yield client
        return
    with dask.config.set(LOCAL_CLUSTER), ExitStack() as opened:
        try:
            with _interrupts_wait():
                cluster = LocalCluster(
                    n_workers=resources.workers,
                    threads_per_worker=1,
                    memory_limit=f"{resources.worker_memory_gib} GiB",
                    dashboard_address="127.0.0.1:0",  # any free port: None would take 8787
                    silence_logs=logging.CRITICAL,
                )
                opened.enter_context(cluster)
                client = opened.enter_context(Client(cluster, set_as_default=False))
        except (RuntimeError, OSError) as error:
            raise SchedulerError(
                f"resources.workers = {resources.workers}: a dask worker could not start: "
                f"{error.__cause__ or error}; make room in memory and in {gettempdir()} (TMPDIR), "
                "or lower resources.workers"
            ) from error
        yield client


@contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Has Ctrl-C, or the end of a job, wait until the block is over.

    In the middle of a start dask would not close what it has started. Processes that are started
    in the block never see Ctrl-C: whoever started them ends them.
    """
    caught: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: caught.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    resource_tracker.ensure_running()  # which lets signals through again when it starts
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if caught:
            signal.raise_signal(caught[0])


def _require_szmass(client: Client, address: str) -> None:
    """Raises an error if a scheduler is lost, or it or a worker cannot import szmass.

    Without szmass no task would end.
    """
    attempt = exec, f"import {szmass.__name__}"
    try:
        client.run_on_scheduler(*attempt)
        client.run(*attempt)
    except OSError as error:
        raise _lost(address) from error
    except ImportError as error:
        raise SchedulerError(
            f"the dask scheduler at {address}, or a worker of its: {error}: expected szmass to be "
            "installed there, or its src/ on the PYTHONPATH"
        ) from error
