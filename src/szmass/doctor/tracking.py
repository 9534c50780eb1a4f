"""The server or database that MLflow's runs go to."""

from __future__ import annotations

import sqlite3
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from szmass.doctor.finding import Finding, State
from szmass.tracking_place import (
    HTTP,
    SQLITE,
    damaged,
    server_version,
    sqlite_damage,
    sqlite_file,
    tracking_uri,
    without_password,
)

SERVER_S = 1.0
"""Time that a server has to answer."""


def tracking(root: Path) -> Finding:
    """Whether the server or database that runs go to can be reached, and is whole."""
    uri = tracking_uri(root)
    shown = without_password(uri)
    if uri.startswith(HTTP):
        return _server(uri, shown)
    if not uri.startswith(SQLITE):
        return Finding("MLflow", State.NOTE, f"{shown}, not asked", "szmass compare asks it")
    path = sqlite_file(uri)
    if not path.exists():
        return Finding("MLflow", State.OK, f"{path}, made by the first run")
    try:
        damage = sqlite_damage(path, mode="ro")
    except sqlite3.OperationalError as error:
        return Finding("MLflow", State.NOTE, f"{path}: {error}", "end what uses it, try again")
    if damage:
        return Finding("MLflow", State.WRONG, damaged(path, damage))
    return Finding("MLflow", State.OK, f"{path}, whole")


def _server(uri: str, shown: str) -> Finding:
    try:
        of_server = server_version(uri, timeout_s=SERVER_S)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        remedy = "start it, or unset MLFLOW_TRACKING_URI, then runs go to mlflow.db"
        return Finding("MLflow", State.WRONG, f"{shown} (MLFLOW_TRACKING_URI): {reason}", remedy)
    try:
        expected = version("mlflow").partition(".")[0]
    except PackageNotFoundError:
        expected = ""  # the line of the extras says so
    if expected and of_server.partition(".")[0] != expected:
        text = f"{shown} is of version {of_server}, expected {expected}.x"
        return Finding("MLflow", State.WRONG, text, "upgrade the server, or name another one")
    return Finding("MLflow", State.OK, f"{shown}, version {of_server}")
