"""Outputs whose writer is killed before each of its changes of files, and killed again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from helpers.killed_writers import (
    NEVER,
    KilledWriters,
    write_file,
    write_folder,
    write_resumed,
    write_store,
)  # fmt: skip
from szmass.files import REPLACED
from szmass.storage.mass_tables import write_mass_tables
from szmass.storage.store import ArraySpec, StoreSpec

Content = dict[str, bytes]
SPEC = StoreSpec(
    title="maps of a test",
    arrays={"y": ArraySpec(("sample", "row", "column"), "float32", "1", "Compton y")},
    sizes={"sample": 3, "row": 2, "column": 2},
    shard_rows=2,
)


def write_tables(path: Path, factor: float) -> None:
    """Replaces a catalogue of masses, two files."""
    columns = {"redshift": np.array([0.1, 0.2]), "m500_msun_p50": factor * np.array([3e14, 4e14])}
    write_mass_tables(path, path.with_suffix(".csv"), columns, {})


@dataclass(frozen=True)
class Writer:
    """A way to write an output."""

    write: Callable[..., None]
    old: tuple[Any, ...]
    new: tuple[Any, ...]
    names: tuple[str, ...] = ("output",)
    """Of what it writes; each is there whole."""


def _store(seed: int) -> tuple[Any, ...]:
    return SPEC, np.random.default_rng(seed).standard_normal((3, 2, 2)).astype("f4"), seed


WRITERS = {
    "a file": Writer(write_file, ("old",), ("new",)),
    "a folder": Writer(write_folder, ("old",), ("new",)),
    "a resumed folder": Writer(write_resumed, ("old",), ("new",)),
    "a store": Writer(write_store, _store(1), _store(2)),
    "mass tables": Writer(write_tables, (1.0,), (2.0,), ("output", "output.csv")),
}


def content(path: Path) -> Content:
    """The bytes of a file, or of each file of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return {str(file.relative_to(path)): file.read_bytes() for file in files}


def survives(
    writers: KilledWriters, writer: Writer, folder: Path, crashes: tuple[int, ...], *, anew: bool
) -> bool:
    """Requires that an output is whole after each of some kills, and new after a whole write.

    Args:
        writers: the processes that are killed.
        writer: how it is written.
        folder: where; what is there is removed.
        crashes: before which change of files each is killed.
        anew: whether there was no output before.

    Returns:
        Whether the first kill came before the end.
    """

    def contents() -> list[Content]:
        return [content(folder / name) for name in writer.names]

    def write(arguments: tuple[Any, ...], change: int = NEVER) -> bool:
        return writers.killed(change, writer.write, folder / writer.names[0], *arguments)

    def emptied() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()

    emptied()
    assert not write(writer.new)
    whole_new = contents()
    emptied()
    if not anew:
        assert not write(writer.old)
    whole_old = contents()
    killed = []
    for change in crashes:
        killed.append(write(writer.new, change))
        for name, found, *whole in zip(writer.names, contents(), whole_old, whole_new, strict=True):
            aside = content(folder / f"{name}{REPLACED}")
            # between the two renames of an exchange the next writer puts the old one back
            assert found in whole or (not found and aside in whole), f"{name}: {found}"
    assert not write(writer.new)
    assert contents() == whole_new
    assert {path.name for path in folder.iterdir()} == set(writer.names)
    return killed[0]
