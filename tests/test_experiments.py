"""DVC experiments run the code they were queued with, and report to the repository's MLflow."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from helpers.checkout import Checkout
from szmass.params import load, params_of

PIPELINE = """
stages:
  simulate_mark:
    cmd: PYTHONPATH=src python -m szmass simulate_mark
    params: [seed]
    deps: [src/szmass/stages/simulate_mark.py]
    outs: ["${paths.microwave_store}"]
  train_mark:
    cmd: PYTHONPATH=src python -m szmass train_mark
    params: [seed]
    deps: ["${paths.microwave_store}", src/szmass/stages/train_mark.py]
    outs: [{"${paths.mresunet_history}": {cache: false}}]
"""
SIMULATE = """
def simulate_mark(seed: int, *, microwave_store: Path) -> None:
    microwave_store.mkdir(parents=True)
    (microwave_store / "seed").write_text(str(seed))
"""
TRAIN = """
MARK = "as queued"

def train_mark(seed: int, *, microwave_store: Path, mresunet_history: Path, run) -> None:
    data = (microwave_store / "seed").read_text()
    mresunet_history.parent.mkdir(parents=True, exist_ok=True)
    mresunet_history.write_text(f"{MARK}, seed {data}")
    run.metric("seed", seed)
    run.artifact(mresunet_history)
"""
RUNS = """
select name.value, metrics.value, runs.status, runs.artifact_uri, digest.value
from runs
join metrics on metrics.run_uuid = runs.run_uuid and metrics.key = 'seed'
join tags digest on digest.run_uuid = runs.run_uuid and digest.key = 'data.microwave_store.md5'
left join tags name on name.run_uuid = runs.run_uuid and name.key = 'dvc.exp_name'
order by runs.start_time
"""
HISTORY = "metrics/mresunet_history.csv"


def file_of(repository: Checkout, experiment: str, path: str) -> str:
    """What a file holds in an experiment."""
    references = repository.succeed("git", "for-each-ref", "--format=%(refname)", "refs/exps")
    (found,) = [name for name in references.split() if name.endswith(f"/{experiment}")]
    return repository.succeed("git", "show", f"{found}:{path}")


@pytest.fixture
def repository(tmp_path: Path) -> Checkout:
    repository = Checkout.create(tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / ".gitignore").write_text("__pycache__/\n/data/\n/mlflow.db\n/mlartifacts/\n")
    repository.write_stage("simulate_mark", SIMULATE)
    repository.write_stage("train_mark", TRAIN)
    repository.start_git()
    repository.succeed("dvc", "init", "--quiet")
    repository.succeed("dvc", "config", "core.analytics", "false")
    repository.commit("A pipeline")
    return repository


@pytest.fixture
def by_hand(repository: Checkout) -> str:
    """What params.yaml holds with a value and a comment that are not committed."""
    file = repository.path / "params.yaml"
    text = re.sub(
        "  width: .*", "  # wider, to see what it costs\n  width: 9", file.read_text(), count=1
    )
    file.write_text(text)
    assert load(file).mresunet.width == 9
    return text


def test_an_experiment_in_the_workspace_keeps_comments_and_edits(
    repository: Checkout, by_hand: str
):
    file = repository.path / "params.yaml"
    before = load(file)

    repository.succeed("dvc", "exp", "run", "-S", "seed=5", "simulate_mark")

    assert load(file) == replace(before, seed=5)
    assert re.findall("#.*", file.read_text()) == re.findall("#.*", by_hand)


def test_an_experiment_in_a_copy_leaves_the_settings_as_they_are(
    repository: Checkout, by_hand: str
):
    command = ["dvc", "exp", "run", "--temp", "--name", "copied", "-S", "seed=5", "simulate_mark"]
    repository.succeed(*command)

    assert (repository.path / "params.yaml").read_text() == by_hand
    copied = params_of(YAML(typ="safe").load(file_of(repository, "copied", "params.yaml")))
    assert (copied.seed, copied.mresunet.width) == (5, 9)


def test_an_unknown_setting_is_refused(repository: Checkout):
    file = repository.path / "params.yaml"
    before = file.read_text()
    changed = repository.run("dvc", "exp", "run", "-S", "mresunet.widht=3")
    assert changed.returncode != 0
    assert "mresunet.widht" in changed.stderr
    assert file.read_text() == before

    added = repository.run("dvc", "exp", "run", "-S", "+mresunet.widht=3", "simulate_mark")
    assert added.returncode != 0
    expected = "params.yaml: mresunet.widht: unknown key; did you mean mresunet.width?"
    assert expected in added.stderr


def test_a_queued_experiment_runs_the_code_it_was_queued_with(repository: Checkout):
    settings = (repository.path / "params.yaml").read_text()
    seed = load(repository.path / "params.yaml").seed
    repository.succeed("dvc", "exp", "run", "--queue", "--name", "queued", "-S", f"seed={seed + 1}")
    repository.write_stage("train_mark", TRAIN.replace("as queued", "as edited"))

    repository.succeed("dvc", "exp", "run", "--run-all")
    repository.succeed("dvc", "repro", "--quiet")

    assert (repository.path / "params.yaml").read_text() == settings
    assert (repository.path / HISTORY).read_text() == f"as edited, seed {seed}"
    assert file_of(repository, "queued", HISTORY) == f"as queued, seed {seed + 1}"

    with closing(sqlite3.connect(repository.path / "mlflow.db")) as database:
        of_queue, of_workspace = database.execute(RUNS).fetchall()
    assert of_queue[:3] == ("queued", seed + 1, "FINISHED")
    assert of_workspace[:3] == (None, seed, "FINISHED")
    for run in (of_queue, of_workspace):
        files = Path(run[3].removeprefix("file://"))
        assert files.is_relative_to(repository.path / "mlartifacts" / "mark")
        assert (files / Path(HISTORY).name).exists()

    digest = of_queue[4]
    loaded = repository.succeed(
        "python",
        "-W",
        "ignore",
        "-c",
        "import sys; sys.path.insert(0, 'src')\n"
        "from szmass.tracking import DvcSource\n"
        f"source = DvcSource('data/microwave.zarr', '{digest}', 'queued')\n"
        "print((source.load(__import__('pathlib').Path('data/docs')) / 'seed').read_text())\n"
        f"source = DvcSource('data/microwave.zarr', '{digest}', 'HEAD')\n"
        "try: source.load()\n"
        "except ValueError as error: print(error)",
    )
    assert loaded.splitlines() == [
        str(seed + 1),
        f"data/microwave.zarr: md5 = {digest} is neither at 'HEAD' nor in the workspace",
    ]
