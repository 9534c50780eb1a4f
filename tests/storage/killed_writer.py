"""Writes stores in processes that are killed before one of their file operations.

`test_store_states.py` runs this script and hands it one task after the other. It imports szmass
once and forks a process for each task, a hundred times faster than starting a Python for each.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

from szmass.storage.store import StoreSpec, replacing, write_rows

CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


def write(path: Path, spec: StoreSpec, y: np.ndarray, seed: int) -> None:
    """Replaces a store, shard by shard."""
    with replacing(path, spec, provenance={"seed": seed}) as unfinished:
        for rows in spec.shards():
            write_rows(unfinished, rows, {"y": y[rows]})


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
            operation, *task = pickle.load(sys.stdin.buffer)  # noqa: S301
        except EOFError:
            return
        process = os.fork()
        if process == 0:
            die_before(operation, task[0].parent)
            write(*task)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        print(status, flush=True)


if __name__ == "__main__":
    main()
