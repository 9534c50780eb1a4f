"""The MLflow server or database that runs go to."""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException

from szmass.delivery import AWAY_S, Delivery

SETUP_TIMEOUT_S = 120
EXPERIMENTS = {"cnn": "cnn-ensemble"}  # named otherwise than their stages


class TrackingError(RuntimeError):
    """The tracking server or database is not to be had."""


@dataclass(frozen=True)
class Service:
    """Where the runs of a stage go."""

    name: str
    """As messages call it."""
    client: mlflow.MlflowClient
    experiment: str
    delivery: Delivery


def connect(experiment_name: str) -> Service:
    """Finds the server or database, and has an experiment ready there.

    Raises:
        TrackingError: it cannot be reached, or refuses.
    """
    root = repository_root()
    uri = tracking_uri(root)
    name = f"MLflow at {_without_password(uri)}"
    with reaching(name):
        client, experiment = _set_up(root, uri, experiment_name)
    ask = partial(client.get_experiment, experiment)
    return Service(name, client, experiment, Delivery(name, ask, away_s=AWAY_S))


@contextmanager
def reaching(name: str) -> Iterator[None]:
    """Makes the errors of a service that is away, or refuses, a `TrackingError` that names it."""
    try:
        yield
    except Timeout as error:
        raise TrackingError(
            f"{error.lock_file}: held by another process for {SETUP_TIMEOUT_S} s"
        ) from error
    except (MlflowException, OSError) as error:
        shown = _without_password(str(error))
        raise TrackingError(f"{name} (MLFLOW_TRACKING_URI): {shown}") from error


def experiment_of(stage: str) -> str:
    """The experiment of a stage's runs is the line of work: what follows the verb in its name."""
    line_of_work = stage.partition("_")[2]
    return EXPERIMENTS.get(line_of_work, line_of_work)


def repository_root() -> Path:
    """The DVC repository's own folder, also where an experiment runs in a copy of it.

    Raises:
        TrackingError: there is none.
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise TrackingError(f"{Path.cwd()}: no DVC repository here or above: run `dvc init`")


def tracking_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, or the database at the root; a relative SQLite file lies there too."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db"
    return re.sub(r"^sqlite:///(?!/)", f"sqlite:///{root.as_posix()}/", uri)


def _set_up(root: Path, uri: str, experiment_name: str) -> tuple[mlflow.MlflowClient, str]:
    """A client, and the id of the experiment; two processes never set up a database at once."""
    lock = root / ".dvc" / "tmp" / "mlflow.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a retry is no news
    # a signature that is given needs no example
    warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
    with FileLock(lock, timeout=SETUP_TIMEOUT_S):
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        found = client.get_experiment_by_name(experiment_name)
        if found is None:
            # MLflow would put a local run's files into the current folder, often a temporary one
            files = (root / "mlartifacts" / experiment_name).as_uri()
            location = files if uri.startswith("sqlite:") else None
            experiment = client.create_experiment(experiment_name, artifact_location=location)
        else:
            experiment = found.experiment_id
        mlflow.set_experiment(experiment_id=experiment)  # where models are logged to
    return client, experiment


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)
