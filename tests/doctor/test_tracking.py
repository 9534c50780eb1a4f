"""MLflow's server or database: absent, damaged, away, or as it should be."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import pytest

from helpers.told_servers import answering
from szmass.doctor.finding import State
from szmass.doctor.tracking import tracking

NOBODY = "http://me:secret@127.0.0.1:9"


def test_a_database_is_whole_or_not_there_yet(root: Path) -> None:
    assert tracking(root).state is State.OK
    assert not (root / "mlflow.db").exists()
    with closing(sqlite3.connect(root / "mlflow.db")) as connection, connection:
        connection.execute("create table runs (name text)")
    assert tracking(root).text == f"{root}/mlflow.db, whole"
    (root / "mlflow.db").write_bytes(b"x" * 9000)
    found = tracking(root)
    assert found.state is State.WRONG
    assert "recover it" in found.text


@pytest.mark.parametrize(("version", "state"), [("3.99", State.OK), ("2.22.4", State.WRONG)])
def test_a_server_says_its_version(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    version: str,
    state: State,
) -> None:
    with answering(HTTPStatus.OK, version) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        found = tracking(root)
    assert found.state is state
    assert version in found.text


def test_a_server_that_is_away_is_wrong(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOBODY)
    found = tracking(root)
    assert found.state is State.WRONG
    assert "refused" in found.text
    assert "secret" not in found.text
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:secret@host/runs")
    found = tracking(root)
    assert (found.state, found.text) == (State.NOTE, "postgresql://host/runs, not asked")
