"""The view of a line of work that MLflow's page of its runs offers under "Views".

MLflow keeps a saved view as a tag of the experiment: a name, a time, and the page's state as JSON.
Without one the page lists runs by the beginning of their names, and draws all metrics by alphabet.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import mlflow
from mlflow.entities import Experiment

KEY = "szmass"
TAG = f"mlflow.sharedViewState.{KEY}"
NAME, NAME_WIDTH, METRIC_WIDTH = "attributes.`Run Name`", 400, 200
CURVES, RESULTS = "Curves", "Results"
REST = "Model metrics"  # the section that MLflow puts all other metrics into


@dataclass(frozen=True)
class View:
    """What the page of an experiment shows."""

    name: str
    condition: str
    """Of the runs that are listed, in MLflow's language."""
    curves: Sequence[str]
    """Metrics that are drawn first, over the epochs."""
    results: Sequence[str]
    """Metrics that have a column, and are drawn next."""

    def as_tag(self, created_ms: int) -> str:
        """The tag's text."""
        columns = {NAME: NAME_WIDTH} | {f"metrics.`{name}`": METRIC_WIDTH for name in self.results}
        curves = [
            _chart("LINE", CURVES, metric) | {"scaleType": "log", "lineSmoothness": 0}
            for metric in self.curves
        ]
        state = {
            "searchFilter": self.condition,
            "selectedColumns": [*columns],
            "columnOrder": [*columns],
            "columnWidths": columns,
            "compareRunCharts": [*curves, *(_chart("BAR", RESULTS, name) for name in self.results)],
            "compareRunSections": [
                {"uuid": name, "name": name, "display": name != REST, "isReordered": True}
                for name in (CURVES, RESULTS, REST)
            ],
            "isAccordionReordered": True,
        }
        return json.dumps({"name": self.name, "createdAt": created_ms, "state": json.dumps(state)})


VIEWS = {  # by experiment
    "mresunet": View(
        "Trainings",
        "tags.`dvc.stage` = 'train_mresunet'",
        ("validation_loss", "loss"),
        ("scatter_ln_mass", "scatter_ln_mass_over_bound", "scatter_ln_mass_no_scatter"),
    ),
    "cnn-ensemble": View(
        "Ensembles on noisy maps of all redshifts",
        "tags.`data_set` = 'planck' and tags.`bin` = 'all'",
        (),
        ("scatter_dex_ensemble", "scatter_dex_selected"),
    ),
}


def offer_view(client: mlflow.MlflowClient, experiment: Experiment) -> None:
    """Saves the view of an experiment, unless it is there: a person may have changed it."""
    view = VIEWS.get(experiment.name)
    if view and TAG not in experiment.tags:
        text = view.as_tag(experiment.creation_time or 0)
        client.set_experiment_tag(experiment.experiment_id, TAG, text)


def _chart(kind: str, section: str, metric: str) -> dict[str, object]:
    place = {"uuid": metric, "metricSectionId": section, "isGenerated": True, "deleted": False}
    return {"type": kind, "metricKey": metric, **place}
