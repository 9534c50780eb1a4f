"""What a stage tells of its progress, whoever listens."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol


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
