"""A database that is set up by many at once, and a real server that gets lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic
from urllib.request import urlopen

import mlflow
import pytest

from helpers import ROOT
from helpers.checkout import Checkout
from helpers.full_disk import room_for
from helpers.mlflow_runs import free_port, runs_of, wait_for
from helpers.mlflow_servers import LIGHT
from szmass.tracking import TrackingError, open_run, service
from szmass.tracking.service import open_client

SERVER_START_S = 120.0
pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@dataclass(frozen=True)
class Server:
    """An MLflow server on the loopback interface."""

    process: subprocess.Popen
    uri: str

    def send(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def wait_until_up(self) -> None:
        def up() -> bool:
            try:
                with urlopen(f"{self.uri}/health", timeout=5.0) as answer:  # noqa: S310
                    return answer.status == HTTPStatus.OK
            except OSError:
                return False

        wait_for(up, seconds=SERVER_START_S)


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Starts while the tests that need none go ahead."""
    folder = tmp_path_factory.mktemp("server")
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{folder}/server.db",
            "--artifacts-destination",
            str(folder / "artifacts"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | LIGHT,
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    yield server
    if process.poll() is None:
        server.send(signal.SIGKILL)
    process.wait()


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path):
    checkout = Checkout.create(tmp_path)
    (tmp_path / ".dvc").mkdir()
    checkout.write_stage(
        "train_crowd",
        """
        def train_crowd(seed: int, *, run) -> None:
            for step in range(100):
                run.metric("loss", 1.0, step)
        """,
    )

    processes = [checkout.start_stage("train_crowd") for _ in range(3)]
    errors = [process.communicate()[1] for process in processes]

    assert errors == ["", "", ""]
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    runs = runs_of("crowd")
    client = mlflow.MlflowClient()
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert [len(client.get_metric_history(run.info.run_id, "loss")) for run in runs] == [100] * 3


def test_no_repository_and_no_server_are_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(TrackingError, match="no DVC repository here or above"):
            open_run("train_none", sections={}, paths={}).__enter__()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(TrackingError, match=r"http://127\.0\.0\.1:9 ") as caught:
        open_run("train_none", sections={}, paths={}).__enter__()
    assert "secret" not in str(caught.value)


def test_a_disk_that_is_full_in_the_midst_of_a_new_database_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/runs.db")
    message = rf"^MLflow at sqlite:///{tmp_path}/runs.db \(MLFLOW_TRACKING_URI\): .*$"
    with room_for(200_000), pytest.raises(TrackingError, match=message) as caught:
        open_run("train_none", sections={}, paths={}).__enter__()
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []


class OldVersion(BaseHTTPRequestHandler):
    """What a server of MLflow 2 answers to the first question, its version."""

    def do_GET(self) -> None:  # http.server's name
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(b"2.22.4")

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


def test_a_server_of_another_version_is_named(monkeypatch: pytest.MonkeyPatch):
    with HTTPServer(("127.0.0.1", 0), OldVersion) as old:
        address = f"127.0.0.1:{old.server_port}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@{address}/")
        Thread(target=old.handle_request, daemon=True).start()
        message = rf"MLflow at http://{address}/ .*: the server is of version 2.22.4; expected 3.x"
        with pytest.raises(TrackingError, match=message):
            open_run("train_none", sections={}, paths={}).__enter__()


def test_a_database_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    database = tmp_path / "runs.db"
    (tmp_path / "runs.db.unfinished").write_text("left by a kill")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    with open_run("train_none", sections={}, paths={}):
        pass
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("update alembic_version set version_num = '451aebb31d03'")
    script = (
        "from szmass.tracking import open_run\n"
        "open_run('train_none', sections={}, paths={}).__enter__()"
    )
    done = subprocess.run(  # MLflow looks at a database once a process
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    last = done.stderr.splitlines()[-1]
    assert f"TrackingError: MLflow at sqlite:///{database}" in last
    assert "out-of-date database schema" in last


def test_a_damaged_database_is_named_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    database = tmp_path / "runs #1.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("create table runs (name text)")
        connection.executemany("insert into runs values (?)", [("run" * 100,)] * 100)
    whole = database.read_bytes()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    for damaged in (whole[:-4096], whole[:8192] + bytes([255]) * 4096 + whole[12288:], b"x" * 9000):
        database.write_bytes(damaged)
        with pytest.raises(TrackingError) as caught:
            open_run("train_none", sections={}, paths={}).__enter__()
        message = str(caught.value)
        assert message.startswith(f"{database}: damaged (")
        assert "move it away" in message
        assert "\n" not in message


def test_a_lost_server_costs_the_training_nothing(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setattr(service, "AWAY_S", 0.5)
    server.wait_until_up()
    table = tmp_path / "table.md"
    table.write_text("numbers")
    client = mlflow.MlflowClient(server.uri)

    with open_run("train_remote", sections={"seed": 1}, paths={}) as run:
        run.metric("loss", 1.0, 1)
        run.artifact(table)
        (live,) = runs_of("remote")
        history = lambda: client.get_metric_history(live.info.run_id, "loss")  # noqa: E731
        wait_for(history, seconds=10.0)
        assert client.get_run(live.info.run_id).data.params == {"seed": "1"}
        assert live.info.artifact_uri.startswith("mlflow-artifacts:")

        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        server.send(signal.SIGSTOP)
        started = monotonic()
        run.metric("loss", 0.5, 2)
        run.metric("loss", 0.25, 3)
        assert monotonic() - started < 0.1
        wait_for(lambda: "does not answer" in caplog.text, seconds=60.0)
        server.send(signal.SIGCONT)
        monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
        wait_for(lambda: len(history()) == 3, seconds=60.0)
        assert [file.path for file in client.list_artifacts(live.info.run_id)] == ["table.md"]

        server.send(signal.SIGKILL)
        run.metric("loss", 0.125, 4)

    assert f"MLflow at {server.uri} has no record of: metrics, descriptions, its end" in caplog.text


def test_a_registry_is_read_in_a_folder_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    open_client()
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    tmp_path.chmod(0o555)
    # what root may do beyond others
    beyond = "-dac_override,-dac_read_search"
    without = ["setpriv", f"--bounding-set={beyond}", f"--inh-caps={beyond}"]
    code = "from szmass.tracking.service import open_client; print(open_client()[0])"
    done = subprocess.run(
        [*([] if os.geteuid() else without), sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    for path in [tmp_path, tmp_path / ".dvc", tmp_path / ".dvc" / "tmp"]:
        path.chmod(0o755)
    assert done.stdout == f"MLflow at sqlite:///{tmp_path}/mlflow.db\n", done.stderr
