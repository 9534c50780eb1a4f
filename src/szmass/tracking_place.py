"""Where MLflow's runs go: which server or database, and its state, without importing MLflow."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.request import urlopen

from szmass.errors import SzmassError

SQLITE = "sqlite:///"
HTTP = ("http://", "https://")


class TrackingError(SzmassError):
    """The tracking server or database is not to be had."""


def repository_root() -> Path:
    """The DVC repository's own folder, also where an experiment runs in a copy of it.

    Raises:
        TrackingError: there is none.
    """
    if root := os.environ.get("DVC_ROOT"):
        return Path(root)
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise TrackingError(f"{Path.cwd()}: no DVC repository here or above: run `dvc init`")


def tracking_uri(root: Path) -> str:
    """MLFLOW_TRACKING_URI, or the database at the root; a relative SQLite file lies there too."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    return re.sub(rf"^{SQLITE}(?!/)", f"{SQLITE}{root.as_posix()}/", uri)


def sqlite_file(uri: str) -> Path:
    """The file of a database whose address begins with `SQLITE`."""
    return Path(uri.removeprefix(SQLITE).partition("?")[0])


def sqlite_damage(path: Path, *, mode: str) -> str:
    """What SQLite finds wrong with a database; "" if it is whole.

    Args:
        path: of a file that is there.
        mode: `rw` also undoes what a killed process left in a journal; `ro` changes nothing.

    Raises:
        sqlite3.OperationalError: it is in use, or cannot be opened.
    """
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode={mode}", uri=True)) as database:
            found = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        found = str(error)
    return "" if found == "ok" else found.splitlines()[-1]


def damaged(path: Path, damage: str) -> str:
    """A damaged database and what to do with it, in a line."""
    return (
        f"{path}: damaged ({damage}): recover it (`sqlite3 {path} .recover | sqlite3 new.db`) or "
        "move it away, then a new one is made"
    )


def server_version(address: str, *, timeout_s: float) -> str:
    """The version that a server says it is of.

    Raises:
        OSError: it does not answer in time, or refuses.
    """
    url = f"{without_password(address).rstrip('/')}/version"
    with urlopen(url, timeout=timeout_s) as answer:  # noqa: S310  # http or https, by the caller
        return str(answer.read(100).decode(errors="replace").strip())


def without_password(text: str) -> str:
    """A text whose addresses have no user and no password."""
    return re.sub(r"//[^/@\s]*@", "//", text)
