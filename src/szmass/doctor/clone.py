"""What a clone of the repository works with: DVC's cache and remotes, MLflow, the digests.

DVC takes most of a second to import, so the few settings that are needed are read from its files.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser, Error
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import szmass
from szmass.doctor.finding import Finding, State
from szmass.stages.digests import digest_lines
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

REMOTE_S = 15.0
"""Time that a remote has to answer, two seconds of which DVC takes to start."""
SERVER_S = 1.0
ASK_REMOTE = "import sys; from szmass.verify import remote_is_there as ask; print(ask(sys.argv[1]))"


def clone_root() -> Path | None:
    """The clone that the current folder belongs to; None outside of one."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".dvc").is_dir() and (folder / "params.yaml").is_file():
            return folder
    return None


@dataclass(frozen=True)
class DvcSettings:
    """Where DVC keeps data."""

    cache: Path
    remotes: dict[str, str]
    """Addresses by name; of a folder its path."""

    @classmethod
    def read(cls, root: Path) -> DvcSettings:
        """Reads DVC's files in their order: the system's, the user's, the clone's, its own.

        Raises:
            configparser.Error, UnicodeDecodeError: one of them cannot be read.
        """
        cache, remotes = root / ".dvc" / "cache", {}
        for path in _config_files(root):
            parser = ConfigParser(interpolation=None, strict=False)
            parser.read(path, encoding="utf-8")
            for section in parser.sections():
                kind, _, name = section.strip("'").partition(" ")
                if kind == "remote" and "url" in parser[section]:
                    remotes[name.strip('"')] = _place(parser[section]["url"], path.parent)
                if kind == "cache" and "dir" in parser[section]:
                    cache = Path(_place(parser[section]["dir"], path.parent))
        return cls(cache, remotes)


def _config_files(root: Path) -> Iterator[Path]:
    configs = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    yield Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR", "/etc/xdg/dvc"), "config")
    yield Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or Path(configs, "dvc"), "config")
    yield root / ".dvc" / "config"
    yield root / ".dvc" / "config.local"


def _place(value: str, beside: Path) -> str:
    """An address as it is, or the absolute path of a folder that may be relative to `beside`."""
    value = value.strip("\"'")
    return value if "://" in value else os.path.normpath(beside / Path(value).expanduser())


def dvc_settings(root: Path) -> DvcSettings | Finding:
    """Where DVC keeps data, or what is wrong with its settings."""
    try:
        return DvcSettings.read(root)
    except (Error, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split())
        return Finding("DVC", State.WRONG, reason, "git checkout .dvc/config")


def remote(root: Path, name: str, address: str) -> Finding:
    """Whether a remote can be reached; takes `REMOTE_S` at most."""
    what, shown = f"remote {name}", without_password(address)
    absent = Finding(what, State.NOTE, f"{shown} is not there", f"dvc push -r {name} makes it")
    if "://" not in address:
        folder = Path(address)
        if not folder.is_dir():
            return absent
        if not os.access(folder, os.R_OK | os.X_OK):
            return Finding(what, State.WRONG, f"{shown} cannot be read", f"ls {shown}")
        return Finding(what, State.OK, shown)
    remedy = "see docs/sharing.md"
    try:
        done = subprocess.run(  # noqa: S603  # this Python
            [sys.executable, "-c", ASK_REMOTE, name],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=REMOTE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        text = f"{shown} does not answer in {REMOTE_S:.0f} s"
        return Finding(what, State.WRONG, text, remedy)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        reason = without_password(last.rpartition("VerifyError: ")[2])
        return Finding(what, State.WRONG, f"{shown}: {reason}", remedy)
    return Finding(what, State.OK, shown) if done.stdout.strip() == "True" else absent


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


def digests(root: Path) -> Finding:
    """Whether the clone's digests are those of the code that runs."""
    package, own = Path(szmass.__file__).parent, root / "src" / "szmass"
    if package.resolve() != own.resolve():
        text = f"szmass runs from {package}, not from this clone"
        return Finding("code", State.WRONG, text, f"source {root / '.venv/bin/activate'}")
    lines = digest_lines(package)
    stale = sorted(name for name in lines if _stored(root / "digests" / name) != lines[name])
    if stale:
        some = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
        text = f"digests of {some} are not those of the code"
        return Finding("code", State.NOTE, text, "dvc repro digests")
    return Finding("code", State.OK, f"digests of {len(lines)} stages are up to date")


def _stored(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""
