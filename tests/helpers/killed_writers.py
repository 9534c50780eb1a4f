"""Processes that write outputs and are killed before one of their changes of files.

This file is also the script of a server. It imports szmass once and forks a process for each task,
a hundred times faster than starting a Python for each.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers import ROOT
from szmass.files import OUTPUT, replacing_file, replacing_folder, resumable_folder
from szmass.storage.store import StoreSpec, replacing, write_rows

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.truncate")
NEVER = 1000


def write_file(path: Path, text: str) -> None:
    """Replaces a file."""
    with replacing_file(path) as unfinished:
        unfinished.write_text(text)


def write_in_place(path: Path, text: str) -> None:
    """Writes a file as none should be: a kill in the middle leaves half of it."""
    path.write_text(text[:1])
    with path.open("a") as file:
        file.write(text[1:])


def write_folder(path: Path, text: str) -> None:
    """Replaces a folder of two files."""
    with replacing_folder(path) as unfinished:
        for name in ("a", "b"):
            (unfinished / name).write_text(text)


def write_resumed(path: Path, text: str) -> None:
    """Replaces a folder of two files by work that keeps what it has finished before a kill."""
    with resumable_folder(path, text) as unfinished:
        (unfinished / OUTPUT).mkdir(exist_ok=True)
        for name in ("a", "b"):
            (unfinished / OUTPUT / name).write_text(text)


def write_store(path: Path, spec: StoreSpec, y: np.ndarray, seed: int) -> None:
    """Replaces a store, shard by shard."""
    with replacing(path, spec, provenance={"seed": seed}) as unfinished:
        for rows in spec.shards():
            write_rows(unfinished, rows, {"y": y[rows]})


class KilledWriters:
    """A server of such processes."""

    def __init__(self) -> None:
        places = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
        self._server = subprocess.Popen(
            [sys.executable, "-m", "helpers.killed_writers"],
            env=os.environ | {"PYTHONPATH": places},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def killed(
        self, operation: int, write: Callable[..., None], path: Path, *arguments: object
    ) -> bool:
        """Writes an output, to be killed before a change of files; False if it ended before it."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        pickle.dump((operation, write, path, arguments), self._server.stdin)
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        assert status in (0, signal.SIGKILL)
        return status == signal.SIGKILL

    def close(self) -> None:
        """Ends the server."""
        self._server.communicate(timeout=20)


def die_before(operation: int, folder: Path) -> None:
    """Kills this process before a given one of its changes of files, counted from 0."""
    count = -1

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        written = event == "open" and str(arguments[0]).startswith(str(folder))
        if not (written or event in CHANGES):
            return
        count += 1
        if count == operation:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def main() -> None:
    """Answers each task on the standard input with the signal that ended it, or 0."""
    while True:
        try:
            operation, write, path, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301
        except EOFError:
            return
        process = os.fork()
        if process == 0:
            die_before(operation, path.parent)
            write(path, *arguments)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
