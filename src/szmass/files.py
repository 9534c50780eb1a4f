"""Files that are there whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def replacing_file(path: Path) -> Iterator[Path]:
    """Gives a path beside `path` to write to, and puts that file in its place after the block.

    Whatever happens in the block, a file that was at `path` stays as it was; so does one that it
    shares its content with by a link.

    Args:
        path: where the file shall be; its folder is made.

    Yields:
        The path to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Writes a text file."""
    with replacing_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_metrics(path: Path, metrics: Mapping[str, Any]) -> None:
    """Writes metrics, a tree of numbers, as JSON: one a line, in their order."""
    write_text(path, json.dumps(metrics, indent=1) + "\n")
