"""Addresses of MLflow's pages: an experiment's runs, a run, a registered model, a comparison."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import mlflow
from mlflow.entities import Experiment, Run

from szmass.tracking.pages.words import LINES_OF_WORK
from szmass.tracking.service import open_client, reaching

LOCAL_ADDRESS = "http://127.0.0.1:5000"
"""Of `mlflow ui`, as it comes."""
OF_RUNS = "workflowType=machine_learning"
"""Has a page open among the pages of training; without it, among those of traces."""


@dataclass(frozen=True)
class Pages:
    """The pages of one server, or of a database that `mlflow ui` is to show."""

    uri: str
    """Of the server or database, as MLflow has it."""

    @property
    def _start(self) -> str:
        return f"{(self.uri if self._is_server else LOCAL_ADDRESS).rstrip('/')}/#"

    @property
    def _is_server(self) -> bool:
        return self.uri.startswith(("http://", "https://"))

    @property
    def command(self) -> str:
        """What has to run before the pages answer; empty where a server does."""
        return "" if self._is_server else f"mlflow ui --backend-store-uri {self.uri}"

    def experiment(self, number: str) -> str:
        """All runs of an experiment."""
        return f"{self._start}/experiments/{number}/runs?{OF_RUNS}"

    def run(self, run: Run) -> str:
        """One run: its description, numbers, settings, data and files."""
        place = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
        return f"{self._start}/{place}?{OF_RUNS}"

    def model(self, name: str) -> str:
        """A registered model and its versions."""
        return f"{self._start}/models/{quote(name)}?{OF_RUNS}"

    def differences(self, runs: Sequence[Run]) -> str:
        """Settings, metrics and tags of runs side by side."""
        return f"{self._start}/compare-runs?{_query(_which(runs))}"

    def curves(self, runs: Sequence[Run], metrics: Sequence[str]) -> str:
        """Curves of runs over each other."""
        parts = _which(runs) | {
            "metric": json.dumps("".join(metrics[:1])),
            "plot_metric_keys": json.dumps(list(metrics)),
            "x_axis": "step",
            "y_axis_scale": "log",
        }
        return f"{self._start}/metric?{_query(parts)}"


def _which(runs: Sequence[Run]) -> dict[str, str]:
    return {
        "runs": json.dumps([run.info.run_id for run in runs]),
        "experiments": json.dumps(sorted({run.info.experiment_id for run in runs})),
    }


def _query(parts: dict[str, str]) -> str:
    return "&".join([*(f"{key}={quote(value)}" for key, value in parts.items()), OF_RUNS])


def pages_in_words() -> str:
    """Addresses of each line of work: its runs, the newest training and the registered model.

    A line each.

    Raises:
        TrackingError: MLflow cannot be reached.
    """
    name, client = open_client()
    pages = Pages(mlflow.get_tracking_uri())
    with reaching(name):
        models = {model.name for model in client.search_registered_models()}
        lines = [
            line
            for experiment in client.search_experiments(order_by=["name ASC"])
            if experiment.name in LINES_OF_WORK
            for line in _of_experiment(client, pages, experiment, experiment.name in models)
        ]
    return "\n".join(lines)


def _of_experiment(
    client: mlflow.MlflowClient, pages: Pages, experiment: Experiment, has_model: bool
) -> list[str]:
    """The lines of an experiment."""
    trained = client.search_runs(
        [experiment.experiment_id],
        "attributes.run_name LIKE 'train_%' and attributes.status = 'FINISHED'",
        max_results=1,
        order_by=["attributes.start_time DESC"],
    )
    addresses = {"runs": pages.experiment(experiment.experiment_id)}
    if trained:
        addresses["training"] = pages.run(trained[0])
    if has_model:
        addresses["model"] = pages.model(experiment.name)
    return [f"{experiment.name:14} {what:9} {address}" for what, address in addresses.items()]
