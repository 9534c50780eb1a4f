"""The group's MLflow server: real PostgreSQL, real object store, real MLflow, stopped and gone."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from checkout import Checkout
from mlflow_runs import free_port

from szmass.server import POSTGRES_FOLDERS, ServerError, _program, serve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

HOST = "127.0.0.1"
START_S = 150
INITDB = shutil.which("initdb") or next(Path("/").glob(f"{POSTGRES_FOLDERS[1:]}/initdb"), None)
needs_postgres = pytest.mark.skipif(
    INITDB is None and not os.environ.get("CI"), reason="needs PostgreSQL: apt install postgresql"
)
pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users can reach, as PostgreSQL's must where root runs the test."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def started(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """The command of the README, until it ends itself or the block does."""
    checkout = Checkout(Path(__file__).parents[1])
    words = ["mlflow-server", "--folder", str(folder / "server"), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from szmass.cli import main; main()", *words],
        cwd=checkout.path,
        env=checkout.environment(PYTHONPATH="src"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert f"http://{HOST}:{port}" in first, process.communicate()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
        assert stderr == ""
        assert process.returncode == 0


@needs_postgres
@pytest.mark.slow
@pytest.mark.timeout(2 * START_S)
def test_runs_and_files_are_there_after_a_restart(folder: Path):
    checkout = Checkout.create(folder / "checkout")
    (checkout.path / ".dvc").mkdir()
    checkout.write_stage(
        "train_toy",
        """
        def train_toy(seed: int, *, mresunet_history: Path, run) -> None:
            mresunet_history.parent.mkdir()
            mresunet_history.write_text("a curve")
            for step in range(1500):
                run.metric("loss", 1 / (1 + step), step)
            with run.child("member_000") as member:
                member.metric("loss", 0.5)
            run.figure(mresunet_history)
        """,
    )
    port = free_port()
    address = f"http://{HOST}:{port}"
    with started(folder, port):
        done = checkout.run_stage("train_toy", MLFLOW_TRACKING_URI=address)
        assert (done.returncode, done.stderr) == (0, "")
        assert not (checkout.path / "mlflow.db").exists()

    with started(folder, port):
        client = mlflow.MlflowClient(address)
        found = client.get_experiment_by_name("toy")
        assert found is not None
        runs = {
            run.info.run_name.split()[0]: run for run in client.search_runs([found.experiment_id])
        }
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
        run_id = runs["train_toy"].info.run_id
        assert runs["member_000"].data.tags["mlflow.parentRunId"] == run_id
        history = client.get_metric_history(run_id, "loss")
        assert [metric.value for metric in history] == [1 / (1 + step) for step in range(1500)]
        copy = client.download_artifacts(run_id, "figures/mresunet_history.csv", str(folder))
        assert Path(copy).read_text() == "a curve"
    assert not list((folder / "server" / "postgres").glob("postmaster.pid"))


def test_a_port_in_use_is_named(tmp_path: Path):
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            ServerError, match=rf"port {port} is in use: name another one by --port"
        ):
            serve(tmp_path / "server", host=HOST, port=port, started=print)
    assert not (tmp_path / "server").exists()


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ServerError, match="initdb: no such program; install PostgreSQL"):
        _program("initdb")


@needs_postgres
def test_a_program_that_ends_is_named_with_the_end_of_its_log(folder: Path):
    (folder / "server" / "postgres").mkdir(parents=True)
    (folder / "server" / "postgres" / "PG_VERSION").write_text("8.4\n")
    port = free_port()
    with pytest.raises(
        ServerError, match="PostgreSQL ended with status .*postgres.log ends:\n"
    ) as e:
        serve(folder / "server", host=HOST, port=port, started=print)
    assert "postgresql.conf" in str(e.value)
