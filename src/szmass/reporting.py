"""What a stage tells of its progress and of its end, whoever listens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from time import time
from typing import Protocol

MB = 1e6


class Run(Protocol):
    """A run of a stage, as a tracking service sees it.

    Nothing that a stage reports may change or end it: an implementation that cannot deliver
    warns, and goes on. A file that is handed over stays in place until the stage ends, since it
    may be sent later.
    """

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Reports a number, at a step of a curve or once."""

    def tags(self, tags: Mapping[str, str]) -> None:
        """Reports facts about the run, such as the hardware."""

    def artifact(self, path: Path, folder: str = "") -> None:
        """Keeps a copy of a file or a folder with the run."""

    def figure(self, path: Path) -> None:
        """Keeps a picture with the run."""

    def child(self, name: str) -> AbstractContextManager[Run]:
        """Opens a run within this one, such as a member of an ensemble."""

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        """Logs and registers a trained model: what its stage wrote, and what it needs beside."""

    def continue_training_run(self, weights: Path) -> None:
        """Sends what follows to the run that trained these weights, since it judges them."""


def report_figures(run: Run, folder: Path) -> None:
    """Keeps all pictures of a folder with the run, in the order of their names."""
    for path in sorted(folder.glob("*.png")):
        run.figure(path)


def what_was_made(label: str, began: float, paths: Iterable[Path]) -> str:
    """A line on a stage that has ended: how long it took, and the outputs with their sizes.

    Args:
        label: of the stage.
        began: when it did, in seconds as `time.time` gives them.
        paths: its inputs and outputs; those that were written since count.
    """
    made = [path for path in paths if path.exists() and path.stat().st_mtime >= began]
    written = ", ".join(f"{path} ({_bytes(path) / MB:,.1f} MB)" for path in made)
    took = timedelta(seconds=round(time() - began))
    return f"{label}: done in {took}" + (f", wrote {written}" if written else "")


def _bytes(path: Path) -> int:
    """The size of a file, or of all files of a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
