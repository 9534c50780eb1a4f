"""Which runs are compared, where, and what a wrong name is answered."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import mlflow
import pytest

from szmass.tracking import compare, list_stages, open_run
from szmass.tracking.comparison import MOST, ComparisonError

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
VARIANTS = ("narrow-net", "middle-net", "wide-net")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database with three trainings, each with an evaluation after it, and a dozen others."""
    root = tmp_path_factory.mktemp("compared")
    (root / ".dvc").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        for name in VARIANTS:
            patch.setenv("DVC_EXP_NAME", name)
            with open_run("train_mresunet", sections={}, paths={}) as run:
                for epoch in (1, 2):
                    run.metric("loss", 1.0 / epoch, epoch)
            with open_run("evaluate_mresunet", sections={}, paths={}) as run:
                run.metric("scatter_ln_mass", 0.2)
        patch.delenv("DVC_EXP_NAME")
        for _ in range(MOST + 2):
            with open_run("train_cnn", sections={}, paths={}, items=["z1"]):
                pass
    return f"sqlite:///{root}/mlflow.db"


@pytest.fixture(autouse=True)
def in_store(store: str, in_repository: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)


def lists(address: str) -> dict[str, list[str]]:
    """The lists in the query of a page's address."""
    query = parse_qs(urlsplit(urlsplit(address).fragment).query)
    return {key: json.loads(text) for key, (text,) in query.items() if text.startswith("[")}


def test_the_newest_runs_of_a_stage_are_compared(store: str):
    comparison = compare("train_mresunet")
    names = [run.info.run_name for run in comparison.runs]
    assert names == [f"train_mresunet {name}" for name in reversed(VARIANTS)]
    ids = [run.info.run_id for run in comparison.runs]
    assert lists(comparison.differences)["runs"] == ids
    assert lists(comparison.curves)["runs"] == ids
    assert lists(comparison.curves)["plot_metric_keys"] == ["loss"]
    assert comparison.first_run.endswith(f"/runs/{ids[0]}?workflowType=machine_learning")
    assert comparison.model == ""
    assert comparison.command == f"mlflow ui --backend-store-uri {store}"
    assert len(compare("train_cnn").runs) == MOST


def test_the_page_of_their_registered_model_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/own.db")
    with open_run("train_weighing", sections={}, paths={}):
        pass
    mlflow.MlflowClient().create_registered_model("weighing")
    comparison = compare("train_weighing")
    assert comparison.model.endswith("/#/models/weighing?workflowType=machine_learning")
    assert f"model        {comparison.model}" in comparison.as_text()


def test_experiments_are_compared_in_their_order():
    comparison = compare("evaluate_mresunet", ["wide-net", "narrow-net"])
    wide, narrow = comparison.runs
    assert wide.info.run_name == "evaluate_mresunet wide-net"
    assert narrow.info.run_name == "evaluate_mresunet narrow-net"
    assert comparison.curves == ""
    assert "curves" not in comparison.as_text()
    assert comparison.differences in comparison.as_text()


def test_finished_runs_come_before_newer_ones_that_failed(
    repository: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("DVC_EXP_NAME", "tried-twice")
    with open_run("train_order", sections={}, paths={}):
        pass
    for _ in range(MOST):
        with suppress(KeyboardInterrupt), open_run("train_order", sections={}, paths={}):
            raise KeyboardInterrupt
    statuses = [run.info.status for run in compare("train_order").runs]
    assert statuses == ["FINISHED"] + ["KILLED"] * (MOST - 1)
    (run,) = compare("train_order", ["tried-twice"]).runs
    assert run.info.status == "FINISHED"


def test_stages_are_listed():
    listed = [line.split() for line in list_stages().splitlines()]
    assert listed == [["train_cnn", "12"], ["evaluate_mresunet", "3"], ["train_mresunet", "3"]]


@pytest.mark.parametrize(
    ("stage", "experiments", "message"),
    [
        ("other", [], "no runs of 'other': there are runs of: train_cnn (12), "),
        ("train_mresunnet", [], "no runs of 'train_mresunnet': did you mean train_mresunet?"),
        ("train_mresunet", ["wide-nett"], "did you mean wide-net? there are: narrow-net, "),
    ],
)
def test_what_is_not_there_is_told(stage: str, experiments: list[str], message: str):
    with pytest.raises(ComparisonError) as caught:
        compare(stage, experiments)
    assert message in str(caught.value)


def test_a_database_that_is_not_there_yet_has_no_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(ComparisonError, match="there are runs of: nothing yet"):
        compare("train_mresunet")
    assert list_stages() == f"MLflow at sqlite:///{tmp_path}/none.db: no runs yet"
