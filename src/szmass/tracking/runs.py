"""A stage's run in MLflow, its children, and the run of the training that it continues."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from time import time

import mlflow
from mlflow.entities import LoggedModelInput, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE as NOTE

from szmass.hashes import sha256
from szmass.reporting import Run
from szmass.tracking.datasets import dataset_input
from szmass.tracking.models import (
    Served,
    log_model,
    served_ensemble,
    served_mresunet,
    served_weighing,
    validation_scatter_dex,
)
from szmass.tracking.pages.counts import checks_of_verdicts, rows_of_table
from szmass.tracking.pages.facts import Description
from szmass.tracking.pages.notes import (
    Section,
    add_to_run,
    describe_experiment,
    describe_model,
    model_of,
)
from szmass.tracking.pages.words import in_a_table, key_numbers
from szmass.tracking.service import Service

BATCH = 100  # of parameters, MLflow's limit
METRIC_BATCH = 1000  # the same of metrics
PARENT = "mlflow.parentRunId"
RECORD_SUFFIX = ".npz"  # of what weighing's training writes; the others write folders
TRAINED, JUDGED = "model.sha256", "evaluated_model.sha256"
NUMBERS = "numbers"  # the folder of artifacts with all numbers of a run

logger = logging.getLogger(__name__)


class MlflowRun:
    """A `szmass.reporting.Run` in MLflow; its methods return at once.

    A metric with a step is a curve, and sent at once. Numbers without a step are sent at the end:
    the most important ones as metrics of the run and of the model that they judge, and all of them
    as an artifact if they are more.
    """

    def __init__(self, service: Service, description: Description, run_id: str = "") -> None:
        self._service, self._description, self.id = service, description, run_id
        self._began_ms = _now_ms()
        self._open_batch: list[Metric] | None = None
        self._lock = Lock()
        self._numbers: dict[str, float] = {}
        self._tables: list[Path] = []
        self._children, self._has_curves = 0, False
        self._model_id = ""
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
            run_name=own.name,
            tags={**own.facts, **({PARENT: parent} if parent else {NOTE: own.in_words()})},
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
            self._report_numbers()
            self._end("KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED")
            raise
        shown = self._report_numbers()
        if self._description.stage:
            self._send("descriptions", partial(self._describe, shown))
        self._end("FINISHED")

    def _end(self, status: str) -> None:
        now = _now_ms()
        self._send("its end", lambda: self._client.set_terminated(self.id, status, now))

    def describe_data(self) -> None:
        """Records the stores among the stage's inputs as datasets."""
        own = self._description
        datasets = [
            dataset_input(
                own.name_of(key), own.paths[key], md5, context=own.stage.partition("_")[0]
            )
            for key, md5 in own.stores.items()
        ]
        if datasets:
            self._send("datasets", lambda: self._client.log_inputs(self.id, datasets))

    def find_model(self) -> None:
        """Looks for the logged model that the stage reads, which its numbers then belong to."""
        own, filters = self._description, []
        record = own.paths.get("weighing_record", Path())
        if record.is_file() and "weighing_record" in own.md5:
            filters.append(f"tags.`{TRAINED}` = '{sha256(record)}'")
        elif models := own.md5.get("cnn_models"):
            filters += [f"tags.`data.cnn_models.md5` = '{models}'", f"tags.`{TRAINED}` LIKE '%'"]
        if filters:
            found = self._client.search_runs(
                [self._service.experiment],
                " and ".join(filters),
                order_by=["attributes.start_time DESC"],
            )
            self._judges(model_of(found[0]) if found else "")

    def _judges(self, model_id: str) -> None:
        """Has the run's numbers belong to a logged model, which is its input."""
        self._model_id = model_id
        if model_id:
            self._client.log_inputs(self.id, models=[LoggedModelInput(model_id)])

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """See `Run`. Points of a curve of about a second go in one request."""
        if step is None:
            self._numbers[name] = float(value)
            return
        self._has_curves = True
        metric = Metric(name, float(value), _now_ms(), step)
        for run in dict.fromkeys((self, self.results)):
            run.add(metric)

    def _report_numbers(self) -> dict[str, float]:
        """Has the run's numbers sent; returns those that are shown."""
        own, numbers = self._description, self._numbers
        if not numbers:
            for table in self._tables:
                numbers |= rows_of_table(table)
        if own.stage:
            numbers |= checks_of_verdicts(own.paths)
        if not numbers and self._children and not self._has_curves:
            numbers["runs_within"] = self._children
        shown = key_numbers(own.stage, numbers)
        of_itself = {name: value for name, value in numbers.items() if "/" not in name}
        now, runs = _now_ms(), tuple(dict.fromkeys((self, self.results)))
        if shown:
            self._send("numbers", partial(self._send_numbers, shown, runs, now))
        if not of_itself.keys() <= shown.keys():
            file = f"{NUMBERS}/{own.label.replace(' ', '_')}.json"
            for run in runs:
                self._send(file, partial(self._send_all, run, of_itself, file))
        return shown

    def _send_all(self, run: MlflowRun, numbers: dict[str, float], file: str) -> None:
        """Keeps numbers as a file of a run, whose number is known when it was created."""
        self._client.log_dict(run.id, numbers, file)

    def _send_numbers(
        self, shown: Mapping[str, float], runs: Sequence[MlflowRun], now_ms: int
    ) -> None:
        """Sends numbers to runs, and once to the model that they judge."""
        for run in runs:
            about = {"model_id": self._model_id} if self._model_id and run is self else {}
            metrics = [
                Metric(
                    name,
                    value,
                    now_ms,
                    0,
                    **(about | self._description.data_of(name) if about else {}),
                )
                for name, value in shown.items()
            ]
            self._client.log_batch(run.id, metrics=metrics)

    def _describe(self, shown: Mapping[str, float]) -> None:
        """Adds the numbers to the descriptions of the run, its experiment and its model."""
        own = self._description
        # of a stage's items none stands for all; an experiment of DVC is a trial
        of_the_project = not own.place and not own.experiment
        if not shown:
            describe_experiment(self._service)
            return
        section = Section(own.name, in_a_table(shown, self._numbers))
        for run in dict.fromkeys((self, self.results)):
            add_to_run(self._client, run.id, section)
        describe_experiment(self._service, section if of_the_project else None)
        if self._model_id:
            describe_model(
                self._client,
                self._model_id,
                section,
                about=own.in_words(),
                of_the_project=not own.experiment,  # an item has a model of its own
            )

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
        if path.suffix == ".csv":
            self._tables.append(path)
        self._send(str(path), lambda: self._client.log_artifact(results.id, path, folder or None))

    def figure(self, path: Path) -> None:
        """See `Run`."""
        self.artifact(path, "figures")

    @contextmanager
    def child(self, name: str) -> Iterator[Run]:
        """See `Run`."""
        place = (name, *self._description.place)
        own = replace(self._description, label=" ".join(place), place=place, within=True)
        child = MlflowRun(self._service, own)
        self._children += 1
        self._send(f"run {name}", lambda: child.create(parent=self.results.id))
        with child.ending():
            yield child
        self._numbers |= {f"{name}/{key}": value for key, value in child._numbers.items()}

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        """See `Run`. The model loads without szmass installed, as `models:/<name>/latest`."""
        if folder.suffix == RECORD_SUFFIX:
            served = served_weighing(folder)
        else:
            maps = self._description.paths.get("microwave_store")
            served = (
                served_ensemble(folder, *beside)
                if beside
                else served_mresunet(folder, maps if maps and maps.is_dir() else None)
            )
        self.tags({TRAINED: sha256(served.identity)})
        for models in beside:
            self.metric("validation_scatter_dex", validation_scatter_dex(models))
        self._send(f"model {name}", partial(self._log_model, served, name))

    def _log_model(self, served: Served, name: str) -> None:
        self._model_id = log_model(self.id, served, name)

    def continue_training_run(self, weights: Path) -> None:
        """See `Run`. This run becomes a child of the training's, and keeps tags and metrics too."""
        digest = sha256(weights)
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
        own = self._description.experiment
        same = [run for run in found if run.data.tags.get("dvc.exp_name", "") == own]
        training = (same or found)[0]
        self.tags({PARENT: training.info.run_id})
        if model := model_of(training):
            self._send("the model that it judges", partial(self._judges, model))
        if same:  # what another experiment measures is not the training's
            self.results = MlflowRun(self._service, self._description, same[0].info.run_id)


def _now_ms() -> int:
    return int(time() * 1000)
