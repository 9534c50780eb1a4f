"""Files and folders that are there whole or not at all, each with one writer at a time."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from szmass.errors import SzmassError

UNFINISHED, REPLACED, TRAINING, WRITER = ".unfinished", ".replaced", ".training", ".writer"
"""End the names of what may lie beside an output."""
IDENTITY_FILE, OUTPUT = "identity", "output"
"""In the folder of work that goes on after a kill: see `resumable_folder`."""


class OutputError(SzmassError):
    """An output cannot be written, or another process is writing it."""


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to, and puts that file in its place after the block.

    Whatever happens in the block, a file that was at `path` stays as it was; so does one that it
    shares its content with by a link.

    Args:
        path: where the file shall be; its folder is made.

    Yields:
        The path to write to.

    Raises:
        OutputError: the disk is full, or something else kept the file from being written.
    """
    unfinished = _beside(path, UNFINISHED)
    with naming_output(path), sole_writer(path):
        try:
            yield unfinished
            sync(unfinished)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Gives an empty folder beside `path` to fill, and puts it in its place after the block.

    Whatever ends the block early (an error, a full disk, Ctrl-C, a kill), a folder that was at
    `path` stays whole: see `writing_folder`.

    Args:
        path: where the folder shall be.

    Yields:
        The folder to write to.
    """
    with writing_folder(path):
        unfinished = _beside(path, UNFINISHED)
        unfinished.mkdir()
        yield unfinished
        exchange(unfinished, path)


@contextmanager
def resumable_folder(path: Path, identity: str) -> Iterator[Path]:
    """Gives a folder beside `path` that is kept over a kill, for work that goes on after it.

    After the block what lies in its folder `output` is put in the place of `path`, and the rest
    removed.

    Args:
        path: where the folder shall be.
        identity: of the work; what other work has left is removed.

    Yields:
        The folder to work in.
    """
    beside = _beside(path, TRAINING)
    file = beside / IDENTITY_FILE
    with writing_folder(path):
        if not file.is_file() or file.read_text(errors="replace") != identity:
            shutil.rmtree(beside, ignore_errors=True)
            write_text(file, identity)
        yield beside
        exchange(beside / OUTPUT, path)
        shutil.rmtree(beside)


@contextmanager
def writing_folder(path: Path) -> Iterator[None]:
    """Keeps other processes from a folder that the block replaces by `exchange`.

    After a kill between the two renames of the exchange the old folder lies at `<path>.replaced`,
    from where the next call puts it back.
    """
    with sole_writer(path):
        _tidy(path)
        try:
            yield
        finally:
            _tidy(path)


def exchange(finished: Path, path: Path) -> None:
    """Puts a finished folder in the place of another, within `writing_folder`."""
    if path.exists():
        path.rename(_beside(path, REPLACED))
    finished.rename(path)


@contextmanager
def sole_writer(path: Path) -> Iterator[None]:
    """Keeps other processes from writing an output during the block.

    A file beside it says who writes, and is locked; the system frees the lock of a process that
    dies.

    Raises:
        OutputError: another process is writing it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = _beside(path, WRITER)
    lock = _locked(file, path)
    try:
        os.truncate(lock, 0)
        os.write(lock, f"process {os.getpid()} on {socket.gethostname()}".encode())
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(lock)


@contextmanager
def naming_output(path: Path) -> Iterator[None]:
    """Makes an error of the system within the block one that names the output.

    Raises:
        OutputError: in the place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"{path}: could not be written ({error.strerror or error}); what was there is "
            f"unchanged: see that {path.parent} has room and may be written to"
        ) from error


def sync(path: Path) -> None:
    """Has the content of a file on the disk before anything that is written after it."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with replacing_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Writes metrics, a tree of numbers, as JSON: one a line, in their order."""
    write_text(path, json.dumps(metrics, indent=1) + "\n")


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _tidy(path: Path) -> None:
    """Removes what is unfinished beside a folder, and one that was replaced, or puts it back."""
    unfinished, replaced = _beside(path, UNFINISHED), _beside(path, REPLACED)
    shutil.rmtree(unfinished, ignore_errors=True)
    if replaced.exists():
        # half removed, it must not be put back
        replaced.rename(unfinished if path.exists() else path)
        shutil.rmtree(unfinished, ignore_errors=True)


def _locked(file: Path, path: Path) -> int:
    """The descriptor of the file beside an output, locked."""
    while True:
        lock = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            writer = os.read(lock, 300).decode() or "another process"
            os.close(lock)
            raise OutputError(
                f"{path}: {writer} is writing it: expected one writer; wait until that has ended, "
                "or end it"
            ) from None
        except BaseException:
            os.close(lock)
            raise
        if os.fstat(lock).st_nlink:
            return lock
        os.close(lock)  # the writer before has just removed the file
