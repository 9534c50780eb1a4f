"""Twenty minutes of requests to the served record: does it leak, slow down or fail?

PYTHONPATH=src python benchmarks/soak.py

Clients ask without a pause for one map at a time; one request in ten is refused, as a bad one of a
user's would be. Each minute the memory of the server's processes, their open files, and the seconds
of the requests are kept. The figure is results/soak.png.
"""

from __future__ import annotations

import json
import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep

import numpy as np
import psutil
from measured import FOLDER, keep, row
from serving import HOST, register, request, served

MINUTES, CLIENTS, REFUSED_EVERY = 20, 2, 10
MIB = 2.0**20
HEADERS = {"Content-Type": "application/json"}


def ask(port: int, end: float, bodies: dict[HTTPStatus, bytes]) -> list[tuple[float, float]]:
    """When each request of a client began, and its seconds, until the end."""
    taken: list[tuple[float, float]] = []
    connection = HTTPConnection(HOST, port, timeout=60.0)
    while (began := perf_counter()) < end:
        refused = len(taken) % REFUSED_EVERY == REFUSED_EVERY - 1
        expected = HTTPStatus.BAD_REQUEST if refused else HTTPStatus.OK
        connection.request("POST", "/invocations", bodies[expected], HEADERS)
        answer = connection.getresponse()
        answer.read()
        if answer.status != expected:
            raise SystemExit(f"status {answer.status}: expected {expected}")
        taken.append((began, perf_counter() - began))
    connection.close()
    return taken


def memory_and_files(pid: int) -> tuple[float, int]:
    """Memory of a process and all that it started, MiB, and their open files."""
    parent = psutil.Process(pid)
    family = [parent, *parent.children(recursive=True)]
    return sum(one.memory_info().rss for one in family) / MIB, sum(one.num_fds() for one in family)


def draw(minutes: np.ndarray, columns: dict[str, list[float]], path: Path) -> None:
    """A panel a quantity, against the minutes."""
    import matplotlib.pyplot as plt

    from szmass.evaluation.charts import save

    figure, panels = plt.subplots(1, len(columns), figsize=(11.0, 3.0), layout="constrained")
    for axes, (name, values) in zip(panels, columns.items(), strict=True):
        axes.plot(minutes, values, "o-", markersize=3)
        axes.set(xlabel="minutes", ylabel=name, ylim=(0.0, 1.2 * max(values)))
    save(figure, path)


def main() -> None:
    """Serves, asks, and measures each minute."""
    with TemporaryDirectory() as name:
        folder, here = Path(name), Path.cwd()
        with warnings.catch_warnings(action="ignore"):
            register(folder)
        process, port = served(folder)
        try:
            bodies = {HTTPStatus.OK: request(0.3), HTTPStatus.BAD_REQUEST: request(-1.0)}
            began = perf_counter()
            end = began + 60.0 * MINUTES
            memory, files = [], []
            with ThreadPoolExecutor(CLIENTS) as pool:
                asked = [pool.submit(ask, port, end, bodies) for _ in range(CLIENTS)]
                for minute in range(1, MINUTES + 1):
                    sleep(max(0.0, began + 60.0 * minute - 1.0 - perf_counter()))
                    mib, opened = memory_and_files(process.pid)
                    memory.append(mib)
                    files.append(float(opened))
                taken = np.array([one for client in asked for one in client.result()])
        finally:
            process.terminate()
            process.wait()
            os.chdir(here)
    minute_of = np.minimum((taken[:, 0] - began) // 60.0, MINUTES - 1).astype(int)
    seconds = [1e3 * taken[minute_of == minute, 1] for minute in range(MINUTES)]
    columns = {
        "memory [MiB]": memory,
        "open files": files,
        "median [ms]": [float(np.median(one)) for one in seconds],
        "slowest of 99 % [ms]": [float(np.quantile(one, 0.99)) for one in seconds],
    }
    draw(np.arange(1, MINUTES + 1), columns, FOLDER / "results" / "soak.png")
    growth = memory[-1] / memory[4] - 1.0
    halves = [median(columns["median [ms]"][part]) for part in (slice(0, 10), slice(10, None))]
    results = {"requests": len(taken), "slowest_ms": 1e3 * float(taken[:, 1].max()), **columns}
    print(json.dumps(results, indent=1))
    keep("soak", results, [
        row(f"{MINUTES} minutes of requests by {CLIENTS} clients, memory after 5 and {MINUTES} min",
            f"{memory[4]:.0f} and {memory[-1]:.0f} MiB ({100 * growth:+.1f} %)",
            f"{len(taken):,} requests, each answered as expected", "no growth"),
        row("the same, median seconds of a request in each half",
            f"{halves[0]:.0f} and {halves[1]:.0f} ms",
            f"the slowest {results['slowest_ms']:.0f} ms; open files {files[4]:.0f} and "
            f"{files[-1]:.0f}", "the same"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
