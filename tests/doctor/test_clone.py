"""A clone's data and runs: absent, damaged, away, or as they should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from szmass.doctor import clone
from szmass.doctor.finding import State

NOBODY = "http://me:secret@127.0.0.1:9"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a clone, the current one; no settings but its own."""
    (tmp_path / ".dvc" / "tmp").mkdir(parents=True)
    (tmp_path / "params.yaml").touch()
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("DVC_SYSTEM_CONFIG_DIR", str(tmp_path / "none"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_clone_is_found_from_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "src").mkdir()
    monkeypatch.chdir(root / "src")
    assert clone.clone_root() == root
    (root / "params.yaml").unlink()
    assert clone.clone_root() is None


def test_settings_are_those_of_dvc(root: Path) -> None:
    """As DVC itself reads them: relative to their file, the clone's own last."""
    from dvc.config import Config

    (root / ".dvc" / "config").write_text(
        "[core]\n    remote = a\n['remote \"a\"']\n    url = ../../store\n    verify = true\n"
        "['remote \"b\"']\n    url = s3://bucket/x\n"
    )
    (root / ".dvc" / "config.local").write_text(
        "[cache]\n    dir = ../cached\n['remote \"b\"']\n    url = ssh://host/x\n"
    )
    found = clone.dvc_settings(root)
    assert isinstance(found, clone.DvcSettings)
    expected = Config(str(root / ".dvc"))
    assert found.cache == Path(expected["cache"]["dir"]).resolve() == root / "cached"
    assert set(found.remotes) == set(expected["remote"]) == {"a", "b"}
    for name, place in found.remotes.items():
        url = expected["remote"][name]["url"]
        assert place == (url if "://" in url else str(Path(url).resolve()))


def test_settings_that_cannot_be_read_are_wrong(root: Path) -> None:
    (root / ".dvc" / "config").write_text("no section\n")
    found = clone.dvc_settings(root)
    assert not isinstance(found, clone.DvcSettings)
    assert found.state is State.WRONG
    assert "config" in found.text
    assert "\n" not in found.text


def test_a_folder_is_a_remote_once_it_is_there(root: Path) -> None:
    assert clone.remote(root, "store", str(root / "store")).state is State.NOTE
    (root / "store").mkdir()
    assert clone.remote(root, "store", str(root / "store")).state is State.OK


def test_a_remote_that_is_away_is_wrong(root: Path) -> None:
    (root / ".dvc" / "config").write_text(
        "[core]\n    no_scm = true\n['remote \"dav\"']\n    url = webdav://me:secret@127.0.0.1:9/x\n"
    )
    found = clone.remote(root, "dav", "webdav://me:secret@127.0.0.1:9/x")
    assert found.state is not State.OK
    assert "secret" not in found.text
    missing = clone.remote(root, "none", "s3://bucket/none")
    assert missing.state is State.WRONG
    assert "none" in missing.text


def test_a_remote_that_never_answers_has_its_time(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clone, "REMOTE_S", 0.5)
    monkeypatch.setattr(clone, "ASK_REMOTE", "import time; time.sleep(60)")
    started = monotonic()
    found = clone.remote(root, "slow", "ssh://host/x")
    assert monotonic() - started < 10.0
    assert (found.state, found.text) == (State.WRONG, "ssh://host/x does not answer in 0 s")


def test_a_database_is_whole_or_not_there_yet(root: Path) -> None:
    assert clone.tracking(root).state is State.OK
    assert not (root / "mlflow.db").exists()
    with closing(sqlite3.connect(root / "mlflow.db")) as connection, connection:
        connection.execute("create table runs (name text)")
    assert clone.tracking(root).text == f"{root}/mlflow.db, whole"
    (root / "mlflow.db").write_bytes(b"x" * 9000)
    found = clone.tracking(root)
    assert found.state is State.WRONG
    assert "recover it" in found.text


class Server(BaseHTTPRequestHandler):
    """What a server of MLflow answers when asked for its version."""

    version = b""

    def do_GET(self) -> None:  # http.server's name
        self.send_response(HTTPStatus.OK)
        self.end_headers()
        self.wfile.write(self.version)

    def log_message(self, *_: object) -> None:
        """Prints nothing."""


@pytest.mark.parametrize(("version", "state"), [("3.99", State.OK), ("2.22.4", State.WRONG)])
def test_a_server_says_its_version(
    root: Path, monkeypatch: pytest.MonkeyPatch, version: str, state: State
) -> None:
    handler = type("Answering", (Server,), {"version": version.encode()})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.handle_request, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        found = clone.tracking(root)
    assert found.state is state
    assert version in found.text


def test_a_server_that_is_away_is_wrong(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)
    found = clone.tracking(root)
    assert found.state is State.WRONG
    assert "refused" in found.text
    assert "secret" not in found.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/runs")
    found = clone.tracking(root)
    assert (found.state, found.text) == (State.NOTE, "postgresql://host/runs, not asked")


def test_digests_are_those_of_the_code(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clone.digests(root).state is State.WRONG  # the szmass that runs is another clone's
    package = root / "src" / "szmass"
    package.mkdir(parents=True)
    monkeypatch.setattr("szmass.__file__", str(package / "__init__.py"))
    lines = {"train_cnn": "1", "report": "2"}
    monkeypatch.setattr(clone, "digest_lines", lambda _: lines)
    (root / "digests").mkdir()
    for name, digest in lines.items():
        (root / "digests" / name).write_text(f"{digest}\n")
    assert clone.digests(root).state is State.OK
    (root / "digests" / "report").write_text("3\n")
    found = clone.digests(root)
    assert (found.state, found.remedy) == (State.NOTE, "dvc repro digests")
    assert "digests of report are" in found.text
