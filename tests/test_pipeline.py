"""The whole pipeline at scale smoke, in a copy of the working tree, as a newcomer runs it."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import sqlite3
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import numpy as np
import psutil
import pytest
from astropy.io import fits

from helpers.checkout import Checkout
from helpers.pages import columns, spans
from szmass.cli import main
from szmass.params import load
from szmass.params.scales import leaves
from szmass.report.page import PARTS
from szmass.report.results import files_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

    from helpers.mlflow_runs import numbers_of, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MOST_SECONDS_OF_NOTHING = 5.0
PIPELINE = "dvc.yaml"  # without the studies, which are asked for by name
MOST_SECONDS_OF_A_QUEUE = 300.0
MICROWAVE = "metrics/microwave.json"
METRICS = ("microwave", "hydro", "cnn", "psz2")


def succeed(checkout: Checkout, *command: str, **variables: str) -> str:
    """Runs a command that must end well; returns all that it printed."""
    done = checkout.run(*command, **variables)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A repository of the files that git knows or would take, after `dvc repro`."""
    folder = tmp_path_factory.mktemp("pipeline") / "szmass"
    checkout = Checkout.of_working_tree(folder)
    succeed(checkout, "szmass", "scale", "smoke", PYTHONPATH="src")
    succeed(checkout, "dvc", "repro")
    return checkout


@contextmanager
def queue_workers(smoke: Checkout, count: int) -> Iterator[None]:
    """DVC's workers of the queue; they have ended after the block."""
    # they would hold a pipe open for as long as they live
    start = subprocess.run(
        ["dvc", "queue", "start", "--jobs", str(count)],
        cwd=smoke.path,
        env=smoke.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    try:
        assert start.returncode == 0
        yield
    finally:
        smoke.run("dvc", "queue", "stop", "--kill")
        pids = [file.read_text() for file in smoke.path.glob(".dvc/tmp/exps/celery/*.pid")]
        workers = [psutil.Process(int(pid)) for pid in pids if psutil.pid_exists(int(pid))]
        _, left = psutil.wait_procs(workers, timeout=90.0)
        for worker in left:
            worker.kill()
    assert len(pids) == count
    assert not left


def finished_experiments(smoke: Checkout) -> set[str]:
    """The names of the experiments that have a commit."""
    return {file.name for file in smoke.path.glob(".git/refs/exps/*/*/*")}


def exp_ref(smoke: Checkout, name: str) -> str:
    """The git reference of an experiment, below `refs/exps`."""
    (file,) = smoke.path.glob(f".git/refs/exps/*/*/{name}")
    return file.relative_to(smoke.path / ".git" / "refs" / "exps").as_posix()


def paths(smoke: Checkout) -> dict[str, Path]:
    return {
        name: smoke.path / path for name, path in load(smoke.path / "params.yaml").paths.items()
    }


def test_every_output_is_there(smoke: Checkout) -> None:
    assert "up to date" in succeed(smoke, "dvc", "status", PIPELINE)
    files = paths(smoke)
    for file in sorted((smoke.path / "metrics").glob("*.json")):
        values = dict(leaves(json.loads(file.read_text())))
        assert values
        assert all(math.isfinite(value) for value in values.values()), file
    assert not [name for name, path in files.items() if not path.exists()]


def columns_of(path: Path) -> set[str]:
    """The columns of a table, or the files of a folder, of members the first."""
    if path.suffix == ".csv":
        return set(path.read_text().partition("\n")[0].split(","))
    if path.suffix == ".fits":
        return set(fits.getdata(path, 1).names)
    return {file.name for file in path.iterdir() if not re.search("_00[1-9]", file.name)}


def test_tables_and_models_are_as_documented(smoke: Checkout) -> None:
    formats = (smoke.path / "docs" / "formats.md").read_text()
    for name, wanted in columns(formats).items():
        found = {path: columns_of(path) for path in smoke.path.glob(name)}
        assert found
        assert {path: names for path, names in found.items() if names != wanted} == {}
    *_, verdicts = formats.strip().split("\n\n")
    first, second, *names = spans(verdicts)
    for path in (first, second):
        assert set(json.loads((smoke.path / path).read_text())) == set(names[:5])


def test_the_report_shows_every_figure(smoke: Checkout) -> None:
    figures = {
        path.relative_to(smoke.path / "metrics") for path in (smoke.path / "metrics").rglob("*.png")
    }
    assert figures == {Path(file) for file in files_of(PARTS) if file.endswith(".png")}
    page = paths(smoke)["report_page"].read_text()
    of_studies = list((smoke.path / "studies").glob("*/figures/*.png"))
    assert page.count("<img ") == len(figures) + len(of_studies)
    assert "Those of scale <b>smoke</b>" in page


def test_git_sees_settings_and_small_results_alone(smoke: Checkout) -> None:
    changed = succeed(smoke, "git", "status", "--porcelain", "--untracked-files=all").splitlines()
    names = [line[3:] for line in changed]
    assert [name for name in names if name not in ("dvc.lock", "params.yaml")] == [
        name for name in names if name.startswith("metrics/")
    ]


def test_a_second_repro_runs_nothing(smoke: Checkout) -> None:
    seconds = []
    for _ in range(2):
        before = os.times()
        printed = succeed(smoke, "dvc", "repro")
        after = os.times()
        # of this process' commands alone: other tests run beside it
        seconds.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        assert "Running stage" not in printed
        assert "up to date" in printed
    assert min(seconds) <= MOST_SECONDS_OF_NOTHING


def test_validation_training_and_evaluation_are_on_record(smoke: Checkout) -> None:
    with sqlite3.connect(smoke.path / "mlflow.db") as database:
        runs = dict(database.execute("SELECT name, status FROM runs"))
    database.close()
    stages = {"validate_microwave", "train_mresunet", "evaluate_mresunet", "evaluate_hydro"}
    stages |= {"validate_compton", "train_cnn", "evaluate_cnn", "infer_psz2"}
    assert {name.split()[0] for name in runs} >= stages
    assert set(runs.values()) == {"FINISHED"}


@pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
def test_every_metric_of_dvc_is_a_run_s_in_mlflow(smoke: Checkout) -> None:
    mlflow.set_tracking_uri(f"sqlite:///{smoke.path}/mlflow.db")
    client = mlflow.MlflowClient()
    lines = [experiment.experiment_id for experiment in client.search_experiments()]
    reported = [numbers_of(run) for run in client.search_runs(lines, max_results=5000)]
    metrics = {name: json.loads(paths(smoke)[f"{name}_metrics"].read_text()) for name in METRICS}
    # a run has the numbers of an estimator, or of a data set and bin, or of all of a file
    groups = [*metrics["microwave"].values(), dict(leaves(metrics["psz2"]))]
    groups += [of_bin for of_set in metrics["cnn"].values() for of_bin in of_set.values()]
    groups.append({f"hydro.{name}": value for name, value in leaves(metrics["hydro"])})
    for values in groups:
        assert values
        assert any(values.items() <= of_run.items() for of_run in reported), values


@pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
def test_two_queued_experiments_of_two_workers_agree_with_mlflow(smoke: Checkout) -> None:
    before = succeed(smoke, "git", "status", "--porcelain")
    queue = ("dvc", "exp", "run", "--queue", "evaluate_mresunet")
    succeed(smoke, *queue, "--name", "rate", "-S", "mresunet.learning_rate=1e-3")
    succeed(smoke, *queue, "--name", "draws", "-S", "evaluation.bootstrap_draws=10")
    names = ("rate", "draws")
    with queue_workers(smoke, 2):
        wait_for(lambda: set(names) <= finished_experiments(smoke), seconds=MOST_SECONDS_OF_A_QUEUE)
    assert succeed(smoke, "git", "status", "--porcelain") == before

    mlflow.set_tracking_uri(f"sqlite:///{smoke.path}/mlflow.db")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("mresunet")
    assert experiment is not None
    of_all = {
        name: client.search_runs([experiment.experiment_id], f"tags.`dvc.exp_name` = '{name}'")
        for name in names
    }
    for name, runs in of_all.items():
        assert {run.info.status for run in runs} == {"FINISHED"}
        reported = {run.data.tags.get("estimator", "training"): numbers_of(run) for run in runs}
        # a training that DVC takes from its cache makes no run
        training = reported.pop("training", None)
        assert (training is None) == (name != "rate")
        assert training is None or training.items() > reported["mresunet"].items()
        committed = succeed(smoke, "git", "show", f"refs/exps/{exp_ref(smoke, name)}:{MICROWAVE}")
        assert json.loads(committed) == reported
    ends = [max(run.info.end_time for run in runs) for runs in of_all.values()]
    begins = [min(run.info.start_time for run in runs) for runs in of_all.values()]
    assert sorted(begins)[1] < min(ends)  # side by side


@pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_network_of_the_registry_is_the_clone_s(
    smoke: Checkout, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(smoke.path)
    np.save("map.npy", np.random.default_rng(1).normal(0.0, 90.0, (40, 40)))
    clusters = []
    try:
        for models in ("mresunet", "mresunet/1"):  # the queue may have a better one
            main(["predict", "--models", models, "map.npy", "--redshift", "0.7",
                  "--pixel-arcmin", "0.25", "--json"])  # fmt: skip
            clusters.append(json.loads(capsys.readouterr().out)["clusters"])
        with pytest.raises(SystemExit, match="version of mresunet.*99"):
            main(["predict", "--models", "mresunet/99", "map.npy", "--redshift", "0.7"])
    finally:
        Path("map.npy").unlink()
    assert clusters[0] == clusters[1]


def test_the_summary_ends_it(smoke: Checkout) -> None:
    printed = succeed(smoke, "szmass", "summary", PYTHONPATH="src")
    for name in ("microwave_table", "psz2_table"):
        assert paths(smoke)[name].read_text().strip() in printed
    assert f"sqlite:///{smoke.path}/mlflow.db" in printed


def test_a_training_killed_after_an_epoch_ends_in_the_same_network(smoke: Checkout) -> None:
    model = paths(smoke)["mresunet_model"]
    state = model.with_name(f"{model.name}.training") / "state.json"
    before = {file.name: file.read_bytes() for file in model.iterdir()}
    training = smoke.start_stage("train_mresunet")
    try:
        while not state.exists():
            assert training.poll() is None, training.communicate()
            sleep(0.05)
    finally:
        training.kill()
        training.communicate()
    assert len(json.loads(state.read_text())["history"]) == 1
    # what the killed training would have replaced is whole
    assert {file.name: file.read_bytes() for file in model.iterdir()} == before
    resumed = smoke.run_stage("train_mresunet")
    assert resumed.returncode == 0, resumed.stderr
    assert {file.name: file.read_bytes() for file in model.iterdir()} == before
    assert not state.parent.exists()


def test_a_stage_replaces_what_the_cache_shares(smoke: Checkout) -> None:
    """The cache's files are read-only, and hard links to the workspace's."""
    succeed(smoke, "dvc", "repro", "--force", "--single-item", "simulate_microwave")
    # the same bytes came out, and the cache is whole
    assert "up to date" in succeed(smoke, "dvc", "status", PIPELINE)
    succeed(smoke, "dvc", "push", PIPELINE)
    assert (smoke.path.parent / "szmass-dvc-store").is_dir()


def test_what_was_pushed_comes_back(smoke: Checkout) -> None:
    succeed(smoke, "dvc", "push", PIPELINE)
    shutil.rmtree(smoke.path / ".dvc" / "cache")
    shutil.rmtree(smoke.path / "models")
    store = paths(smoke)["microwave_store"]
    shutil.rmtree(store)
    succeed(smoke, "dvc", "pull", PIPELINE)
    assert store.is_dir()
    assert "up to date" in succeed(smoke, "dvc", "status", PIPELINE)
