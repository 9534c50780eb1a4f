"""Where runs go, and what is wrong with a database, without MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from szmass.tracking_place import sqlite_damage, sqlite_file, tracking_uri, without_password


def test_a_relative_database_lies_at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///tracks/runs.db")
    assert tracking_uri(Path("/repo")) == "sqlite:////repo/tracks/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/runs.db")
    assert tracking_uri(Path("/root")) == "sqlite:////elsewhere/runs.db"


def test_the_file_of_an_address() -> None:
    assert sqlite_file("sqlite:////repo/runs.db?timeout=20") == Path("/repo/runs.db")


@pytest.mark.parametrize("mode", ["ro", "rw"])
def test_a_database_is_whole_or_not(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "runs #1.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("create table runs (name text)")
    assert sqlite_damage(path, mode=mode) == ""
    path.write_bytes(b"x" * 9000)
    assert "not a database" in sqlite_damage(path, mode=mode)
    with pytest.raises(sqlite3.OperationalError):
        sqlite_damage(tmp_path / "none.db", mode=mode)


def test_passwords_are_not_shown() -> None:
    assert without_password("at http://me:secret@host/x") == "at http://host/x"
