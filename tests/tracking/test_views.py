"""The saved view of a line of work, as MLflow keeps it; tests/browser opens it."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import pytest

from szmass.tracking import open_run
from szmass.tracking.views import TAG

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


def view_of(experiment: str) -> str | None:
    found = mlflow.MlflowClient().get_experiment_by_name(experiment)
    assert found is not None
    return found.tags.get(TAG)


def test_a_line_of_work_has_a_view_that_a_person_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    for stage in ("train_mresunet", "train_nothing"):
        with open_run(stage, sections={}, paths={}):
            pass
    assert view_of("nothing") is None
    view = json.loads(view_of("mresunet") or "")
    assert view["name"] == "Trainings"
    charts = json.loads(view["state"])["compareRunCharts"]
    assert [chart["metricKey"] for chart in charts[:2]] == ["validation_loss", "loss"]

    found = mlflow.MlflowClient().get_experiment_by_name("mresunet")
    assert found is not None
    mlflow.MlflowClient().set_experiment_tag(found.experiment_id, TAG, "another")
    with open_run("train_mresunet", sections={}, paths={}):
        pass
    assert view_of("mresunet") == "another"
