"""Runs in MLflow. The only owner of mlflow, beside the model that MLflow serves.

A run is created before anything is computed, so a server that cannot be reached ends the stage
at once. From then on `szmass.delivery` carries every report: a server that is lost costs the
stage neither time nor result.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from time import time
from typing import Any

# read while mlflow is imported; what the user has set stays
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
# MLflow alone would try for minutes before it tells that a server is away
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "15")

import mlflow
import numpy as np
from filelock import FileLock, Timeout
from mlflow.data.dataset_source import DatasetSource
from mlflow.data.dataset_source_registry import register_dataset_source
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from szmass import provenance
from szmass.delivery import AWAY_S, Delivery
from szmass.reporting import Run

SETUP_TIMEOUT_S = 120
BATCH = 100  # of parameters, MLflow's limit
METRIC_BATCH = 1000  # the same of metrics
EXPERIMENTS = {"cnn": "cnn-ensemble"}  # named otherwise than their stages
PARENT = "mlflow.parentRunId"
DVC = "dvc"  # a kind of dataset source, beside MLflow's own
TRAINED, JUDGED = "model.sha256", "evaluated_model.sha256"
PACKAGE = Path(__file__).parent
ARCHITECTURE_FILE, WEIGHTS_FILE = "architecture.json", "model.weights.h5"
KNOWLEDGE_FILE = "knowledge.json"  # of an ensemble for all redshifts
SERVED_COLUMNS = (
    "m500_msun",
    "m500_msun_p2p5",
    "m500_msun_p16",
    "m500_msun_p84",
    "m500_msun_p97p5",
    "sigma_aleatoric_dex",
    "sigma_epistemic_dex",
    "systematic_dex",
    "out_of_range",
)
SERVING_REQUIREMENTS = (
    "colossus",
    "keras",
    "mlflow",
    "numpy",
    "ruamel.yaml",
    "scipy",
    "tensorflow",
    "threadpoolctl",
    "zarr",
)

logger = logging.getLogger(__name__)


class TrackingError(RuntimeError):
    """The tracking server or database is not to be had."""


@contextmanager
def open_run(
    stage: str,
    *,
    sections: Mapping[str, Any],
    paths: Mapping[str, Path],
    items: Sequence[str] = (),
) -> Iterator[Run]:
    """Opens the MLflow run of a stage; ends it as finished, failed or killed.

    The server is that of MLFLOW_TRACKING_URI, else the database mlflow.db at the root of the DVC
    repository.

    Args:
        stage: its name.
        sections: the settings that it depends on, by their name in params.yaml.
        paths: its paths, by their name; those that another stage writes are its inputs.
        items: what it is run for, where it is one of a matrix.

    Raises:
        TrackingError: the server cannot be reached, or refuses the run; nothing was computed.
    """
    root = repository_root()
    uri = tracking_uri(root)
    shown = _without_password(uri)
    try:
        client, experiment = _connect(root, uri, experiment_name=experiment_of(stage))
    except Timeout as error:
        raise TrackingError(
            f"{error.lock_file}: held by another process for {SETUP_TIMEOUT_S} s"
        ) from error
    except (MlflowException, OSError) as error:
        raise TrackingError(_unreachable(shown, error)) from error
    ask = partial(client.get_experiment, experiment)
    delivery = Delivery(f"MLflow at {shown}", ask, away_s=AWAY_S)
    label = " ".join([stage, *items])
    facts = _facts(stage, paths) | {"mlflow.source.name": f"python -m szmass {label}"}
    run = _MlflowRun(_Service(client, experiment, delivery), _run_name(label), facts)
    try:
        run.create()
    except MlflowException as error:
        raise TrackingError(_unreachable(shown, error)) from error
    try:
        with run.ending():
            run.describe(stage, provenance.flat_settings(sections), paths)
            yield run
    finally:
        if lost := delivery.close():
            names = ", ".join(dict.fromkeys(lost))
            logger.warning("MLflow at %s has no record of: %s", shown, names)


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


@dataclass(frozen=True)
class DvcSource(DatasetSource):
    """Data that DVC keeps."""

    path: str
    md5: str
    revision: str
    """Git revision or DVC experiment that the data was read under."""

    @staticmethod
    def _get_source_type() -> str:
        return DVC

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:  # noqa: ARG004
        return False

    @classmethod
    def _resolve(cls, raw_source: Any) -> DvcSource:
        raise ValueError(f"{raw_source!r}: a path alone is no DVC source, it lacks the digest")

    def to_dict(self) -> dict[str, str]:
        """For MLflow's record."""
        return asdict(self)

    @classmethod
    def from_dict(cls, source_dict: dict[Any, Any]) -> DvcSource:
        """From MLflow's record."""
        return cls(**source_dict)

    def load(self, folder: Path | None = None) -> Path:
        """Copies the data out of DVC's cache or remote, from the repository of the current folder.

        Args:
            folder: where to; the current one if not given.

        Raises:
            ValueError: neither the revision nor the workspace has the data with this digest.
        """
        from dvc.api import DVCFileSystem  # type: ignore[import-untyped]

        for revision in (self.revision or None, None):
            files = DVCFileSystem(rev=revision)
            known = files.info(self.path) if files.exists(self.path) else {}
            if known.get("dvc_info", {}).get("md5") == self.md5:
                target = (folder or Path()) / Path(self.path).name
                files.get(self.path, str(target), recursive=True)
                return target
        raise ValueError(
            f"{self.path}: md5 = {self.md5} is neither at {self.revision!r} nor in the workspace"
        )


register_dataset_source(DvcSource)  # type: ignore[arg-type]  # MLflow's annotation is wrong


@dataclass(frozen=True)
class _Service:
    """Where the runs of a stage go."""

    client: mlflow.MlflowClient
    experiment: str
    delivery: Delivery


class _MlflowRun:
    """A `szmass.reporting.Run` in MLflow; its methods return at once."""

    def __init__(self, service: _Service, name: str, tags: Mapping[str, str]) -> None:
        self._service, self._name, self.facts = service, name, dict(tags)
        self.id = ""
        self._open_batch: list[Metric] | None = None
        self._lock = Lock()
        self.results = self

    @property
    def _client(self) -> mlflow.MlflowClient:
        return self._service.client

    def _send(self, what: str, call: Callable[[], object]) -> None:
        self._service.delivery.send(what, call)

    def create(self) -> None:
        """Creates the run in MLflow."""
        run = self._client.create_run(
            self._service.experiment, run_name=self._name, tags=self.facts
        )
        self.id = run.info.run_id

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Ends the run as the block ends."""
        try:
            yield
        except BaseException as error:
            self._end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        self._end("FINISHED")

    def _end(self, status: str) -> None:
        now = _now_ms()
        self._send("its end", lambda: self._client.set_terminated(self.id, status, now))

    def describe(self, stage: str, settings: Mapping[str, str], paths: Mapping[str, Path]) -> None:
        """Records the settings, and the input stores as datasets."""
        params = [Param(key, value) for key, value in settings.items()]
        for start in range(0, len(params), BATCH):
            batch = params[start : start + BATCH]
            self._send("parameters", partial(self._client.log_batch, self.id, params=batch))
        datasets = [
            _dataset(paths[name], md5, context=stage.partition("_")[0])
            for name, md5 in provenance.data_md5(stage, paths).items()
            if paths[name].suffix == ".zarr"
        ]
        if datasets:
            self._send("datasets", lambda: self._client.log_inputs(self.id, datasets))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """See `Run`. What is reported within about a second goes in one request."""
        self.results.add(Metric(name, float(value), _now_ms(), step or 0))

    def add(self, metric: Metric) -> None:
        """Has a metric sent, with those of the same second."""
        with self._lock:
            if self._open_batch is None or len(self._open_batch) == METRIC_BATCH:
                batch = self._open_batch = []
                self._send("metrics", lambda: self._send_metrics(batch))
            self._open_batch.append(metric)

    def _send_metrics(self, batch: list[Metric]) -> None:
        with self._lock:
            if self._open_batch is batch:
                self._open_batch = None
        self._client.log_batch(self.id, metrics=batch)

    def tags(self, tags: Mapping[str, str]) -> None:
        """See `Run`."""
        entities = [RunTag(key, str(value)) for key, value in tags.items()]
        self._send("tags", lambda: self._client.log_batch(self.id, tags=entities))

    def artifact(self, path: Path, folder: str = "") -> None:
        """See `Run`."""
        results = self.results
        self._send(str(path), lambda: self._client.log_artifact(results.id, path, folder or None))

    def figure(self, path: Path) -> None:
        """See `Run`."""
        self.artifact(path, "figures")

    @contextmanager
    def child(self, name: str) -> Iterator[Run]:
        """See `Run`."""
        child = _MlflowRun(self._service, name, self.facts)

        def create() -> None:
            child.facts[PARENT] = self.results.id
            child.create()

        self._send(f"run {name}", create)
        with child.ending():
            yield child

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        """See `Run`. The model loads without szmass installed, as `models:/<name>/latest`."""
        served = _served_ensemble(folder, *beside) if beside else _served_mresunet(folder)
        self.tags({TRAINED: _sha256(served.identity)})
        self._send(f"model {name}", lambda: _log_model(self.id, served, name))

    def continue_training_run(self, weights: Path) -> None:
        """See `Run`. This run then becomes a child of the training's, and keeps its own tags."""
        digest = _sha256(weights)
        self.tags({JUDGED: digest})
        try:
            found = self._client.search_runs(
                [self._service.experiment],
                filter_string=f"tags.`{TRAINED}` = '{digest}'",
                order_by=["attributes.start_time DESC"],
            )
        except MlflowException as error:
            logger.warning("the run that trained %s was not looked up: %s", weights, error)
            return
        if not found:
            return
        own = self.facts.get("dvc.exp_name")
        same = [run for run in found if run.data.tags.get("dvc.exp_name") == own]
        training = _MlflowRun(self._service, "", {})
        training.id = (same or found)[0].info.run_id
        self.results = training
        self.tags({PARENT: training.id})


def _connect(root: Path, uri: str, *, experiment_name: str) -> tuple[mlflow.MlflowClient, str]:
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


def _facts(stage: str, paths: Mapping[str, Path]) -> dict[str, str]:
    """The tags of a stage's run."""
    code = provenance.code_facts()
    md5 = provenance.data_md5(stage, paths)
    return {
        "dvc.stage": os.environ.get("DVC_STAGE", stage),
        "mlflow.source.git.commit": code.get("git.rev", ""),
        "mlflow.user": getpass.getuser(),
        **code,
        **provenance.experiment_facts(),
        **provenance.hardware_facts(),
        **{f"data.{name}.md5": digest for name, digest in md5.items()},
    }


def _run_name(label: str) -> str:
    name = provenance.experiment_facts().get("dvc.exp_name")
    return f"{label} {name or datetime.now().astimezone().strftime('%Y-%m-%d %H:%M')}"


def _dataset(path: Path, md5: str, *, context: str) -> DatasetInput:
    revision = provenance.experiment_facts().get("dvc.exp_name") or provenance.code_facts().get(
        "git.rev", ""
    )
    source = DvcSource(path.as_posix(), md5, revision).to_json()
    dataset = Dataset(path.name, md5, DVC, source)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", context)])


@dataclass(frozen=True)
class _Served:
    """A model as MLflow is to keep it."""

    identity: Path
    """The file that is another one for any other model."""
    code: str
    """Our module that MLflow runs."""
    artifacts: Mapping[str, Path]
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]


def _served_mresunet(folder: Path) -> _Served:
    architecture = json.loads((folder / ARCHITECTURE_FILE).read_text(encoding="utf-8"))
    _, y, x, _ = architecture["config"]["layers"][0]["config"]["batch_shape"]
    image = (-1, y, x)
    return _Served(
        identity=folder / WEIGHTS_FILE,
        code="served_mresunet.py",
        artifacts={"model": folder},
        inputs=[TensorSpec(np.dtype("float32"), image)],
        outputs=[
            TensorSpec(np.dtype("float64"), (-1,), "m200c_msun"),
            TensorSpec(np.dtype("float32"), image, "sz_uk"),
        ],
    )


def _served_ensemble(knowledge: Path, models: Path) -> _Served:
    pixels = json.loads((knowledge / KNOWLEDGE_FILE).read_text())["grid"]["pixels"]
    number = partial(TensorSpec, np.dtype("float64"), (-1,))
    return _Served(
        identity=knowledge / KNOWLEDGE_FILE,
        code="served_cnn.py",
        artifacts={"models": models, "knowledge": knowledge},
        inputs=[
            TensorSpec(np.dtype("float32"), (-1, pixels, pixels), "compton_y"),
            number("redshift"),
        ],
        outputs=[number(name) for name in SERVED_COLUMNS],
    )


def _log_model(run_id: str, served: _Served, name: str) -> None:
    """Logs a model with all the code it needs, and registers a new version of it."""
    Model.log(
        artifact_path=None,
        name=name,
        flavor=mlflow.pyfunc,
        run_id=run_id,
        registered_model_name=name,
        python_model=str(PACKAGE / served.code),
        code_paths=[str(PACKAGE)],
        artifacts={key: str(path) for key, path in served.artifacts.items()},
        signature=ModelSignature(
            inputs=Schema(list(served.inputs)), outputs=Schema(list(served.outputs))
        ),
        pip_requirements=[f"{package}=={version(package)}" for package in SERVING_REQUIREMENTS],
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _now_ms() -> int:
    return int(time() * 1000)


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


def _unreachable(shown: str, error: Exception) -> str:
    return f"MLflow at {shown} (MLFLOW_TRACKING_URI): {_without_password(str(error))}"
