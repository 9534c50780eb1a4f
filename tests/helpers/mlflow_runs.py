"""What the tests ask MLflow, and how long they wait for it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from time import monotonic, sleep

import mlflow

from szmass.tracking.runs import NUMBERS


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


def numbers_of(run: mlflow.entities.Run) -> dict[str, float]:
    """What was reported to a run itself: its metrics, and the numbers in its files."""
    numbers = dict(run.data.metrics)
    files = mlflow.artifacts.list_artifacts(run_id=run.info.run_id, artifact_path=NUMBERS)
    for file in files:
        numbers |= mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/{file.path}")
    return {name: value for name, value in numbers.items() if "/" not in name}
