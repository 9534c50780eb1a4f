"""DVC experiments run the code they were queued with, and report to the repository's MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from checkout import Checkout

from szmass.params import load

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


def test_a_queued_experiment_runs_the_code_it_was_queued_with(repository: Checkout):
    seed = load(repository.path / "params.yaml").seed
    repository.succeed("dvc", "exp", "run", "--queue", "--name", "queued", "-S", f"seed={seed + 1}")
    repository.write_stage("train_mark", TRAIN.replace("as queued", "as edited"))

    repository.succeed("dvc", "exp", "run", "--run-all")
    repository.succeed("dvc", "repro", "--quiet")

    assert (repository.path / HISTORY).read_text() == f"as edited, seed {seed}"
    references = repository.succeed("git", "for-each-ref", "--format=%(refname)", "refs/exps")
    (queued,) = [name for name in references.split() if name.endswith("/queued")]
    shown = repository.succeed("git", "show", f"{queued}:{HISTORY}")
    assert shown == f"as queued, seed {seed + 1}"

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
