"""DVC's cache and remotes.

DVC takes most of a second to import, so the few settings that are needed are read from its files.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from configparser import ConfigParser, Error
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from szmass.doctor.finding import Finding, State
from szmass.tracking_place import without_password
from szmass.verify import VerifyError

REMOTE_S = 15.0
"""Time that a remote has to answer, two seconds of which DVC takes to start."""
LISTENER_S = 1.0
PORTS = {"http": 80, "https": 443, "webdav": 80, "webdavs": 443}
ASK_REMOTE = "import sys; from szmass.verify import remote_is_there as ask; print(ask(sys.argv[1]))"


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
    try:
        is_there = _answer(root, name) if "://" in address else Path(address).is_dir()
        if not is_there:
            _require_listener(address)
    except (VerifyError, OSError, ValueError) as error:
        return Finding(what, State.WRONG, f"{shown}: {error}", "see docs/sharing.md")
    if is_there:
        return Finding(what, State.OK, shown)
    return Finding(what, State.NOTE, f"{shown} is not there", f"dvc push -r {name} makes it")


def _answer(root: Path, name: str) -> bool:
    """Whether a remote says that its folder is there; DVC has a process of its own for it.

    Raises:
        VerifyError: it is unknown, refuses, or does not answer in time.
    """
    try:
        done = subprocess.run(  # noqa: S603  # this Python
            [sys.executable, "-c", ASK_REMOTE, name],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=REMOTE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise VerifyError(f"does not answer in {REMOTE_S:g} s") from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise VerifyError(without_password(last.rpartition("VerifyError: ")[2]))
    return done.stdout.strip() == "True"


def _require_listener(address: str) -> None:
    """Requires that somebody listens at an address of HTTP or WebDAV.

    To DVC a folder of such a server that is down is not there.

    Raises:
        OSError, ValueError: nobody does, or the address has no port that can be.
    """
    parts = urlsplit(address)
    if parts.scheme in PORTS:
        place = (parts.hostname or "", parts.port or PORTS[parts.scheme])
        socket.create_connection(place, timeout=LISTENER_S).close()
