"""The group's MLflow server: real PostgreSQL, real object store, real MLflow, stopped and gone."""

from __future__ import annotations

import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.checkout import Checkout
from helpers.mlflow_runs import free_port
from helpers.mlflow_servers import HOST, START_S, group_server, needs_postgres, open_folder
from szmass.mlflow_server import ServerError, _program, serve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as path:
        yield path


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
    with group_server(folder, port) as address:
        done = checkout.run_stage("train_toy", MLFLOW_TRACKING_URI=address)
        assert (done.returncode, done.stderr) == (0, "")
        assert not (checkout.path / "mlflow.db").exists()

    with group_server(folder, port) as address:
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
