"""A stage's run in MLflow, its children, and the run of the training that it continues."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from time import time

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from szmass import provenance
from szmass.reporting import Run
from szmass.tracking.datasets import dataset_input
from szmass.tracking.models import (
    log_model,
    served_ensemble,
    served_mresunet,
    served_weighing,
    validation_scatter_dex,
)
from szmass.tracking.service import Service

BATCH = 100  # of parameters, MLflow's limit
METRIC_BATCH = 1000  # the same of metrics
PARENT = "mlflow.parentRunId"
RECORD_SUFFIX = ".npz"  # of what weighing's training writes; the others write folders
TRAINED, JUDGED = "model.sha256", "evaluated_model.sha256"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Description:
    """What a run says of itself from its beginning."""

    label: str
    """What is run."""
    place: Sequence[str]
    """Of what its children are parts, the nearest first: a bin, or an ensemble of a bin."""
    suffix: str
    """What tells it from other runs of the same; its children bear it too."""
    facts: Mapping[str, str]
    settings: Mapping[str, str]


class MlflowRun:
    """A `szmass.reporting.Run` in MLflow; its methods return at once."""

    def __init__(self, service: Service, description: Description, run_id: str = "") -> None:
        self._service, self._description, self.id = service, description, run_id
        self._began_ms = _now_ms()
        self._open_batch: list[Metric] | None = None
        self._lock = Lock()
        self.results = self

    @property
    def _client(self) -> mlflow.MlflowClient:
        return self._service.client

    def _send(self, what: str, call: Callable[[], object]) -> None:
        self._service.delivery.send(what, call)

    def create(self, parent: str | None = None) -> None:
        """Creates the run in MLflow, within a parent if that is named; has its settings sent."""
        own = self._description
        run = self._client.create_run(
            self._service.experiment,
            start_time=self._began_ms,  # a child may be created after its end
            run_name=f"{own.label} {own.suffix}",
            tags=dict(own.facts) | ({PARENT: parent} if parent else {}),
        )
        self.id = run.info.run_id
        params = [Param(key, value) for key, value in own.settings.items()]
        for start in range(0, len(params), BATCH):
            batch = params[start : start + BATCH]
            self._send("parameters", partial(self._client.log_batch, self.id, params=batch))

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

    def describe_data(self, stage: str, md5: Mapping[Path, str]) -> None:
        """Records the stores among a stage's inputs, of these digests, as datasets."""
        datasets = [
            dataset_input(path, digest, context=stage.partition("_")[0])
            for path, digest in md5.items()
            if path.suffix == ".zarr"
        ]
        if datasets:
            self._send("datasets", lambda: self._client.log_inputs(self.id, datasets))

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """See `Run`. What is reported within about a second goes in one request."""
        metric = Metric(name, float(value), _now_ms(), step or 0)
        for run in dict.fromkeys((self, self.results)):
            run.add(metric)

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
        place = (name, *self._description.place)
        own = replace(self._description, label=" ".join(place), place=place)
        child = MlflowRun(self._service, own)
        self._send(f"run {name}", lambda: child.create(parent=self.results.id))
        with child.ending():
            yield child

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        """See `Run`. The model loads without szmass installed, as `models:/<name>/latest`."""
        if folder.suffix == RECORD_SUFFIX:
            served = served_weighing(folder)
        else:
            served = served_ensemble(folder, *beside) if beside else served_mresunet(folder)
        self.tags({TRAINED: provenance.sha256(served.identity)})
        for models in beside:
            self.metric("validation_scatter_dex", validation_scatter_dex(models))
        self._send(f"model {name}", lambda: log_model(self.id, served, name))

    def continue_training_run(self, weights: Path) -> None:
        """See `Run`. This run becomes a child of the training's, and keeps tags and metrics too."""
        digest = provenance.sha256(weights)
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
        own = self._description.facts.get("dvc.exp_name")
        same = [run for run in found if run.data.tags.get("dvc.exp_name") == own]
        self.tags({PARENT: (same or found)[0].info.run_id})
        if same:  # what another experiment measures is not the training's
            self.results = MlflowRun(self._service, self._description, same[0].info.run_id)


def _now_ms() -> int:
    return int(time() * 1000)
