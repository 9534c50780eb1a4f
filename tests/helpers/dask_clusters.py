"""A dask scheduler with two workers, as a group runs it beside the stages."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from distributed import Client

from helpers.servers import free_ports

Cluster = tuple[str, list[subprocess.Popen]]


@contextmanager
def started_cluster(folder: Path, *, scheduler_path: str, worker_path: str) -> Iterator[Cluster]:
    """A scheduler with two workers, started as a user does, each with its own PYTHONPATH."""
    (port,) = free_ports(1)
    address = f"tcp://127.0.0.1:{port}"
    listen = ["--host", "127.0.0.1", "--port", str(port), "--no-show"]
    capacity = ["--nthreads", "1", "--nworkers", "2", "--local-directory", str(folder)]
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "dask", *command, "--no-dashboard"],
            # BLAS as where nobody holds it to a thread
            env=os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "2"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        for command, path in (
            (["scheduler", *listen], scheduler_path), (["worker", address, *capacity], worker_path)
        )
    ]  # fmt: skip
    try:
        with Client(address, timeout="30s", set_as_default=False) as client:
            client.wait_for_workers(2, timeout=30)
        yield address, processes
    finally:
        family = psutil.Process(processes[1].pid).children(recursive=True)
        for process in [*processes, *family]:
            process.kill()
        for process in processes:
            process.wait(20)
