"""Outputs whose writer is killed before each of its changes of files, and killed again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.io.fits  # noqa: F401  # once for all that are forked
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


class CrashPoints:
    """Kills of one writer; they are tried in a folder of their own."""

    def __init__(self, writers: KilledWriters, writer: Writer, folder: Path) -> None:
        self._writers, self._writer = writers, writer
        self._folder, self._old = folder / "in", folder / "old"
        self._old.mkdir(parents=True)
        assert not self._write(self._old, writer.old)
        self._empty()
        assert not self._write(self._folder, writer.new)
        self._whole_old, self._whole_new = self._contents(self._old), self._contents(self._folder)
        assert self._whole_old != self._whole_new

    def survived(self, changes: tuple[int, ...], *, anew: bool) -> bool:
        """Requires that an output is whole after each of some kills, and new after a whole write.

        Args:
            changes: before which change of files each kill is.
            anew: whether there is no output before.

        Returns:
            Whether the first kill came before the end.
        """
        self._empty()
        if not anew:
            shutil.copytree(self._old, self._folder, dirs_exist_ok=True)
        before = [{} for _ in self._whole_old] if anew else self._whole_old
        killed = []
        for change in changes:
            killed.append(self._write(self._folder, self._writer.new, change))
            now = self._contents(self._folder)
            for name, found, *whole in zip(
                self._writer.names, now, before, self._whole_new, strict=True
            ):
                aside = content(self._folder / f"{name}{REPLACED}")
                # between the two renames of an exchange the next writer puts the old one back
                assert found in whole or (not found and aside in whole), f"{name}: {found}"
        assert not self._write(self._folder, self._writer.new)
        assert self._contents(self._folder) == self._whole_new
        assert {path.name for path in self._folder.iterdir()} == set(self._writer.names)
        return killed[0]

    def _empty(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()

    def _contents(self, folder: Path) -> list[Content]:
        return [content(folder / name) for name in self._writer.names]

    def _write(self, folder: Path, arguments: tuple[Any, ...], change: int = NEVER) -> bool:
        path = folder / self._writer.names[0]
        return self._writers.killed(change, self._writer.write, path, *arguments)
