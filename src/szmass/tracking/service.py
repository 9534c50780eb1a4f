"""The MLflow server or database that runs go to."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import mlflow
from filelock import FileLock, Timeout
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from szmass.files import replacing_file
from szmass.tracking.delivery import AWAY_S, Delivery
from szmass.tracking_place import (
    HTTP,
    TrackingError,
    damaged,
    repository_root,
    server_version,
    sqlite_damage,
    sqlite_file,
    tracking_uri,
    without_password,
)

SETUP_TIMEOUT_S = 120
VERSION_TIMEOUT_S = 5
READ_ONLY = {errno.EACCES, errno.EROFS}
EXPERIMENTS = {  # of stages and lines of work that are named otherwise, or belong to another's
    "validate_microwave": "mresunet",
    "hydro": "mresunet",
    "validate_compton": "cnn-ensemble",
    "cnn": "cnn-ensemble",
    "psz2": "cnn-ensemble",
    "weigh_psz2": "weighing",
    "weigh_microwave": "weighing",
}
MAJOR = mlflow.__version__.partition(".")[0]


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
    name, client = open_client()
    # MLflow would put a local run's files into the current folder, often a temporary one
    files = (root / "mlartifacts" / experiment_name).as_uri()
    location = files if mlflow.get_tracking_uri().startswith("sqlite:") else None
    with reaching(name), _alone(root):
        experiment = _find_or_create(client, experiment_name, location)
        mlflow.set_experiment(experiment_id=experiment)  # where models are logged to
    ask = partial(client.get_experiment, experiment)
    return Service(name, client, experiment, Delivery(name, ask, away_s=AWAY_S))


def open_client() -> tuple[str, mlflow.MlflowClient]:
    """The server or database as messages call it, and a client of it.

    Raises:
        TrackingError: it cannot be reached, or refuses, or the database is damaged.
    """
    root = repository_root()
    uri = tracking_uri(root)
    name = f"MLflow at {without_password(uri)}"
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # a retry is no news
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # our error says it
    # a signature that is given needs no example
    warnings.filterwarnings("ignore", ".*An input example was not provided", UserWarning)
    with reaching(name), _alone(root):
        _require_version(uri)
        if uri.startswith("sqlite:"):
            _prepare_sqlite(sqlite_file(uri))
        mlflow.set_tracking_uri(uri)
        client = mlflow.MlflowClient()
        _ask(client)
    return name, client


@contextmanager
def reaching(name: str) -> Iterator[None]:
    """Makes the errors of a service that is away, or refuses, a `TrackingError` that names it."""
    try:
        yield
    except Timeout as error:
        raise TrackingError(
            f"{error.lock_file}: held by another process for {SETUP_TIMEOUT_S} s"
        ) from error
    except (MlflowException, SQLAlchemyError, OSError) as error:
        shown = without_password(_in_a_line(error))
        raise TrackingError(f"{name} (MLFLOW_TRACKING_URI): {shown}") from error


def _in_a_line(error: BaseException) -> str:
    """What an error says; where a database refused, its own words without the statement."""
    cause: BaseException | None = error
    while cause and not isinstance(cause, DBAPIError):
        cause = cause.__cause__
    words = str(cause.orig) if isinstance(cause, DBAPIError) else str(error)
    return " ".join(words.split())


def experiment_of(stage: str) -> str:
    """The experiment of a stage's runs is the line of work: what follows the verb in its name."""
    line_of_work = stage.partition("_")[2].replace("_", "-")
    return EXPERIMENTS.get(stage) or EXPERIMENTS.get(line_of_work, line_of_work)


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Keeps other processes out: a database that two of them set up at once stays broken."""
    lock = root / ".dvc" / "tmp" / "mlflow.lock"
    with ExitStack() as held:
        try:
            lock.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(lock, timeout=SETUP_TIMEOUT_S))
        except OSError as error:
            if error.errno not in READ_ONLY:  # where nothing can be written, none is set up
                raise
        yield


def _find_or_create(client: mlflow.MlflowClient, name: str, location: str | None) -> str:
    """The number of an experiment; another machine may create it at the same time."""
    if found := client.get_experiment_by_name(name):
        return found.experiment_id
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException as error:
        if found := client.get_experiment_by_name(name):
            return found.experiment_id
        raise error from None


def _require_version(uri: str) -> None:
    """Requires that a server is of this MLflow's major version: others speak otherwise."""
    if not uri.startswith(HTTP):
        return
    try:
        version = server_version(uri, timeout_s=VERSION_TIMEOUT_S)
    except OSError:
        return  # the first request tells what is wrong
    if re.match(r"\d+\.", version) and version.partition(".")[0] != MAJOR:
        raise MlflowException(
            f"the server is of version {version}; expected {MAJOR}.x, as mlflow "
            f"{mlflow.__version__} here: upgrade the server, or name another one"
        )


def _ask(client: mlflow.MlflowClient) -> None:
    """Asks for little, which sets up a new database."""
    client.search_experiments(max_results=1)


def _prepare_sqlite(path: Path) -> None:
    """Sets up a new SQLite file, beside its place: of half of one MLflow makes nothing any more.

    One that is there must not be damaged; a run would else fail somewhere in its middle.

    Raises:
        TrackingError: it is.
    """
    if not path.exists():
        with replacing_file(path) as unfinished:
            unfinished.unlink(missing_ok=True)  # of one that was killed
            _ask(mlflow.MlflowClient(f"sqlite:///{unfinished}"))
        return
    try:
        damage = sqlite_damage(path, mode="rw")
    except sqlite3.OperationalError:
        return  # it is in use, or not to be opened: the first request tells
    if damage:
        raise TrackingError(damaged(path, damage))
