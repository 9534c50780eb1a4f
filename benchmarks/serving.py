"""What a served mass costs: requests of one map, by 1, 8 and 32 clients at once.

PYTHONPATH=src python benchmarks/serving.py

Registers the record that szmass comes with in a database of its own, and serves it by one process,
as docs/cluster.md says. A map is sent as there, and for comparison as lists of numbers. The floor
is a request that MLflow reads and the model refuses.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import warnings
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import Any

import numpy as np
from measured import keep, row

HOST = "127.0.0.1"
CLIENTS = (1, 8, 32)
REQUESTS = 320  # at each number of clients
START_S = 120.0


def register(folder: Path) -> None:
    """Registers the released record in the database of a folder."""
    from szmass.predict.released import released_record
    from szmass.tracking import open_run

    (folder / ".dvc").mkdir()
    os.chdir(folder)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
    with open_run("train_weighing", sections={}, paths={}) as run:
        run.metric("validation_loss", 0.0)
        run.model(released_record().path, "weighing")


def served(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """A process that serves the record, and its port."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    command = ["mlflow", "models", "serve", "-m", "models:/weighing/1", "--env-manager", "local"]
    process = subprocess.Popen(
        [sys.executable, "-m", *command, "--host", HOST, "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = perf_counter() + START_S
    while perf_counter() < end:
        with socket.socket() as connection:
            if connection.connect_ex((HOST, port)) == 0:
                return process, port
        sleep(0.2)
    process.terminate()
    raise SystemExit(f"{folder}: the server did not start within {START_S:.0f} s")


def example() -> np.ndarray:
    """A map: noise with a bright spot in the middle."""
    rng, axis = np.random.default_rng(1), (np.arange(96) - 47.5) * 1.7
    spot = 2e-5 * np.exp(-0.5 * (axis[:, None] ** 2 + axis**2) / 6.0**2)
    return (rng.normal(0.0, 1.2e-6, (96, 96)) + spot).astype(np.float32)


def as_file(image: np.ndarray) -> str:
    """A map as a `.npy` file in base64."""
    with BytesIO() as file:
        np.save(file, image)
        return b64encode(file.getvalue()).decode()


def request(image: object, redshift: float) -> bytes:
    """The body of a request for a map."""
    return json.dumps({"inputs": {"compton_y": [image], "redshift": [redshift]}}).encode()


def seconds(port: int, body: bytes, expected: HTTPStatus, count: int) -> list[float]:
    """Seconds of each request of one client, one after the other."""
    taken = []
    connection = HTTPConnection(HOST, port, timeout=60.0)
    for _ in range(count):
        started = perf_counter()
        connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        taken.append(perf_counter() - started)
        if answer.status != expected:
            raise SystemExit(f"status {answer.status}: expected {expected}")
    connection.close()
    return taken


def main() -> None:
    """Measures the clients in turn, then the floor."""
    results: dict[str, Any] = {}
    rows = []
    with TemporaryDirectory() as name:
        folder, here = Path(name), Path.cwd()
        with warnings.catch_warnings(action="ignore"):
            register(folder)
        process, port = served(folder)
        try:
            image = example()
            body, refused = request(as_file(image), 0.3), request(as_file(image), -1.0)
            seconds(port, body, HTTPStatus.OK, 10)
            for clients in CLIENTS:
                began = perf_counter()
                with ThreadPoolExecutor(clients) as pool:
                    asked = [
                        pool.submit(seconds, port, body, HTTPStatus.OK, REQUESTS // clients)
                        for _ in range(clients)
                    ]
                    taken = [one for client in asked for one in client.result()]
                results[f"clients_{clients}"] = {
                    "median_ms": 1e3 * median(taken),
                    "slowest_ms": 1e3 * max(taken),
                    "maps_per_second": len(taken) / (perf_counter() - began),
                }
            floor = seconds(port, refused, HTTPStatus.BAD_REQUEST, REQUESTS // 4)
            lists = seconds(port, request(image.tolist(), 0.3), HTTPStatus.OK, REQUESTS // 4)
        finally:
            process.terminate()
            process.wait()
            os.chdir(here)
    results["floor_ms"], results["lists_ms"] = 1e3 * median(floor), 1e3 * median(lists)
    for clients, wanted in zip(CLIENTS, ("10 ms", "", "slowest 300 ms"), strict=True):
        measured = results[f"clients_{clients}"]
        rows.append(
            row(
                f"a served map, {clients} client{'s' * (clients > 1)}",
                f"median {measured['median_ms']:.1f} ms, slowest {measured['slowest_ms']:.0f} ms, "
                f"{measured['maps_per_second']:.0f} maps/s",
                f"read and refused {results['floor_ms']:.1f} ms; as lists, 1 client, "
                f"{results['lists_ms']:.0f} ms",
                wanted,
            )
        )
    print(json.dumps(results, indent=1))
    keep("serving", results, rows)


if __name__ == "__main__":
    main()
