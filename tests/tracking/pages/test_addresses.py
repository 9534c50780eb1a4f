"""Addresses of MLflow's pages, of each line of work."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest

from helpers.mlflow_runs import runs_of
from szmass.tracking import open_run, pages_in_words

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


def test_each_line_of_work_has_its_runs_its_newest_training_and_its_model(
    repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/own.db")
    for stage in ("train_weighing", "evaluate_weighing", "train_other"):
        with open_run(stage, sections={}, paths={}):
            pass
    mlflow.MlflowClient().create_registered_model("weighing")
    _, training = runs_of("weighing")
    assert training.info.run_name.startswith("train_weighing")

    experiment = training.info.experiment_id
    start = "http://127.0.0.1:5000/#"
    page = f"{start}/experiments/{experiment}/runs"
    training_only = "?workflowType=machine_learning"
    assert [line.split() for line in pages_in_words().splitlines()] == [
        ["weighing", "runs", f"{page}{training_only}"],
        ["weighing", "training", f"{page}/{training.info.run_id}{training_only}"],
        ["weighing", "model", f"{start}/models/weighing{training_only}"],
    ]
