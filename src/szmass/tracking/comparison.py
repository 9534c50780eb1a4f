"""MLflow's pages that compare chosen runs: their curves, and all in which they differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches

import mlflow
from mlflow.entities import Run

from szmass.errors import SzmassError
from szmass.tracking.pages.addresses import Pages
from szmass.tracking.service import open_client, reaching

MOST = 10
"""Runs that are compared where none is named: what the page has colours for."""
EXPERIMENT = "dvc.exp_name"
CURVES = ("loss", "validation_loss")
"""Metrics that a training reports after every epoch, and that are drawn beside each other."""


class ComparisonError(SzmassError):
    """There are no such runs."""


@dataclass(frozen=True)
class Comparison:
    """Runs of one stage, finished ones first, and the newest of these."""

    runs: Sequence[Run]
    differences: str
    """Address of the page with their settings, metrics and tags side by side."""
    curves: str
    """Address of the page with their training curves; empty where they have none."""
    first_run: str
    """Address of the page of the first of them."""
    all_runs: str
    """Address of the page with all runs of their line of work."""
    model: str
    """Address of the page of the registered model that they make; empty where there is none."""
    command: str
    """What has to run before these addresses answer; empty where a server does."""

    def as_text(self) -> str:
        """The runs, and where they are compared."""
        lines = [f"{_started(run)}  {run.info.status:8}  {run.info.run_name}" for run in self.runs]
        where = {
            "first": self.command,
            "curves": self.curves,
            "differences": self.differences,
            "first run": self.first_run,
            "all runs": self.all_runs,
            "model": self.model,
        }
        return "\n".join([*lines, "", *(f"{key:12} {text}" for key, text in where.items() if text)])


def list_stages() -> str:
    """What can be compared, a stage a line, with the number of its runs.

    Raises:
        TrackingError: MLflow cannot be reached.
    """
    name, runs, _ = _all_runs()
    stages = (f"{stage:24} {number}" for stage, number in _stages(runs).most_common())
    return "\n".join(stages) or f"{name}: no runs yet"


def compare(stage: str, experiments: Sequence[str] = ()) -> Comparison:
    """Finds runs to compare.

    Args:
        stage: what their names begin with, as `train_mresunet` or `planck_all`.
        experiments: names of DVC experiments; if none is given, the newest runs are taken. Of
            either, finished ones come before others.

    Raises:
        ComparisonError: there is no such stage or experiment; the message lists those that are.
        TrackingError: MLflow cannot be reached.
    """
    name, runs, models = _all_runs()
    found = [run for run in runs if f"{run.info.run_name} ".startswith(f"{stage} ")]
    if not found:
        raise ComparisonError(_choices(name, stage, runs))
    found.sort(key=lambda run: run.info.status != "FINISHED")
    newest = {run.data.tags.get(EXPERIMENT, ""): run for run in reversed(found)}
    for wanted in experiments:
        if wanted not in newest:
            near = get_close_matches(wanted, newest, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            there = ", ".join(filter(None, newest)) or "none"
            raise ComparisonError(
                f"{name}: no run of {stage} in experiment {wanted!r}: {hint}there are: {there}"
            )
    chosen = [newest[wanted] for wanted in experiments] or found[:MOST]
    return _pages(chosen, models)


def _all_runs() -> tuple[str, list[Run], dict[str, str]]:
    """Where runs are kept, the runs of all lines of work, the newest first, and their models."""
    name, client = open_client()
    with reaching(name):
        lines = {line.name: line.experiment_id for line in client.search_experiments()}
        registered = [model.name for model in client.search_registered_models()]
        models = {lines[model]: model for model in registered if model in lines}
        order = ["attributes.start_time DESC"]
        runs = client.search_runs([*lines.values()], max_results=5000, order_by=order)
        return name, list(runs), models


def _stages(runs: Sequence[Run]) -> Counter[str]:
    """First words of runs' names, with their numbers."""
    return Counter(run.info.run_name.split()[0] for run in runs)


def _pages(chosen: Sequence[Run], models: Mapping[str, str]) -> Comparison:
    """Where runs of a line of work are compared.

    Args:
        chosen: the runs.
        models: registered models by the number of the experiment of their name.
    """
    pages = Pages(mlflow.get_tracking_uri())
    drawn = [name for name in CURVES if any(name in run.data.metrics for run in chosen)]
    line = chosen[0].info.experiment_id
    return Comparison(
        chosen,
        differences=pages.differences(chosen),
        curves=pages.curves(chosen, drawn) if drawn else "",
        first_run=pages.run(chosen[0]),
        all_runs=pages.experiment(line),
        model=pages.model(models[line]) if line in models else "",
        command=pages.command,
    )


def _choices(name: str, stage: str, runs: Sequence[Run]) -> str:
    """What can be compared instead of a stage without runs."""
    labels = _stages(runs)
    there = ", ".join(f"{label} ({number})" for label, number in labels.most_common(30))
    near = get_close_matches(stage, labels, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"{name}: no runs of {stage!r}: {hint}there are runs of: {there or 'nothing yet'}"


def _started(run: Run) -> str:
    moment = datetime.fromtimestamp(run.info.start_time / 1000, tz=UTC).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M")
