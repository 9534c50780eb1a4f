"""What the tests ask MLflow, and how long they wait for it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic, sleep

import mlflow


def wait_for(condition: Callable[[], object], *, seconds: float) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, f"still not so after {seconds} s"
        sleep(0.1)


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def runs_of(line_of_work: str) -> list[mlflow.entities.Run]:
    """The runs of an experiment, the newest first."""
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(line_of_work)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))
