"""A `szmass.reporting.Run` that keeps what a stage tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ListRun:
    """Lists of everything reported, in its order."""

    metrics: list[tuple[str, float, int | None]] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    artifacts: list[tuple[Path, str]] = field(default_factory=list)
    figures: list[Path] = field(default_factory=list)
    models: list[tuple[Path, str]] = field(default_factory=list)
    judged: list[Path] = field(default_factory=list)
    children: dict[str, ListRun] = field(default_factory=dict)

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        self.metrics.append((name, value, step))

    def tags(self, tags: Mapping[str, str]) -> None:
        self.facts.update(tags)

    def artifact(self, path: Path, folder: str = "") -> None:
        self.artifacts.append((path, folder))

    def figure(self, path: Path) -> None:
        self.figures.append(path)

    @contextmanager
    def child(self, name: str) -> Iterator[ListRun]:
        yield self.children.setdefault(name, ListRun())

    def model(self, folder: Path, name: str, *beside: Path) -> None:
        self.models += [(path, name) for path in (folder, *beside)]

    def continue_training_run(self, weights: Path) -> None:
        self.judged.append(weights)
