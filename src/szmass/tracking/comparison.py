"""MLflow's comparison page of chosen runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from urllib.parse import quote

import mlflow
from mlflow.entities import Run

from szmass.tracking.service import open_client, reaching

LOCAL_ADDRESS = "http://127.0.0.1:5000"
"""Of `mlflow ui`, as it comes."""
MOST = 10
"""Runs that are compared where none is named: what the page has colours for."""
EXPERIMENT = "dvc.exp_name"


class ComparisonError(ValueError):
    """There are no such runs."""


@dataclass(frozen=True)
class Comparison:
    """Runs of one stage, the newest first."""

    runs: Sequence[Run]
    address: str
    """Of the page that compares them."""
    command: str
    """What has to run before that address answers; empty where a server does."""

    def as_text(self) -> str:
        """The runs, and where they are compared."""
        lines = [f"{_started(run)}  {run.info.status:8}  {run.info.run_name}" for run in self.runs]
        return "\n".join([*lines, "", *filter(None, [self.command]), self.address])


def compare(stage: str = "", experiments: Sequence[str] = ()) -> Comparison:
    """Finds runs to compare.

    Args:
        stage: what their names begin with, as `train_mresunet` or `planck_all`.
        experiments: names of DVC experiments; if none is given, the newest runs are taken.

    Raises:
        ComparisonError: there is no such stage or experiment; the message lists those that are.
        TrackingError: MLflow cannot be reached.
    """
    name, client = open_client()
    with reaching(name):
        ids = [experiment.experiment_id for experiment in client.search_experiments()]
        order = ["attributes.start_time DESC"]
        runs = list(client.search_runs(ids, max_results=5000, order_by=order))
    found = [run for run in runs if f"{run.info.run_name} ".startswith(f"{stage} ")]
    if not stage or not found:
        raise ComparisonError(_choices(name, stage, runs))
    chosen = found[:MOST]
    if experiments:
        newest = {run.data.tags.get(EXPERIMENT, ""): run for run in reversed(found)}
        for wanted in experiments:
            if wanted not in newest:
                near = get_close_matches(wanted, newest, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                there = ", ".join(filter(None, newest)) or "none"
                raise ComparisonError(
                    f"{name}: no run of {stage} in experiment {wanted!r}: {hint}there are: {there}"
                )
        chosen = [newest[wanted] for wanted in experiments]
    uri = mlflow.get_tracking_uri()
    server = uri.startswith(("http://", "https://"))
    command = "" if server else f"mlflow ui --backend-store-uri {uri}"
    return Comparison(chosen, _address(uri if server else LOCAL_ADDRESS, chosen), command)


def _address(server: str, runs: Sequence[Run]) -> str:
    """The page's address, with its lists of runs and experiments as JSON."""
    ids = [run.info.run_id for run in runs]
    experiments = sorted({run.info.experiment_id for run in runs})
    lists = {"runs": ids, "experiments": experiments}
    query = "&".join(f"{key}={quote(json.dumps(value))}" for key, value in lists.items())
    return f"{server.rstrip('/')}/#/compare-runs?{query}"


def _choices(name: str, stage: str, runs: Sequence[Run]) -> str:
    """What can be compared: first words of runs, with their numbers."""
    labels = Counter(run.info.run_name.split()[0] for run in runs)
    there = ", ".join(f"{label} ({number})" for label, number in labels.most_common(30))
    near = get_close_matches(stage, labels, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    asked = f"no runs of {stage!r}: {hint}" if stage else "name what is to be compared; "
    return f"{name}: {asked}there are runs of: {there or 'nothing yet'}"


def _started(run: Run) -> str:
    moment = datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")
