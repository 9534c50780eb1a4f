"""The trained models that szmass brings, checked before they are used.

The record of weighing is part of the package. The CNNs are an archive in the repository, with its
provenance beside it. `szmass.predict.release` writes both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

from szmass.errors import SzmassError
from szmass.hashes import sha256

RELEASED = Path("models/released")
ARCHIVE_FILE, FACTS_FILE = "cnn.zip", "release.json"
CNN_RELEASE_FORMAT, RELEASE_FORMAT = 2, 1
"""Formats of `FACTS_FILE` (CNNs) and `RECORD_FACTS_FILE` (record of weighing)."""
RECORDS = Path(__file__).parents[1] / "records"
RECORD_FILE, RECORD_FACTS_FILE = "planck.npz", "planck.json"
EXAMPLE_FILE, TRUE_MASS_KEY = "example.fits", "M500TRUE"
"""A simulated map with Planck's noise of a test cluster, and its true M500c in 1e14 Msun."""


class ReleaseError(SzmassError):
    """The models cannot be released, or what was released cannot be used."""


@dataclass(frozen=True)
class Release:
    """Released CNNs, unpacked."""

    ensembles: Path
    record: Path
    scale: str
    """That they were trained at."""
    nside: int
    """Nside of the full-sky maps that they were trained for."""


@dataclass(frozen=True)
class ReleasedRecord:
    """A released record of weighing, with its version and scale."""

    path: Path
    szmass_version: str
    """Version of szmass that released the record."""
    scale: str
    """That it was trained at."""


def released_record(folder: Path = RECORDS) -> ReleasedRecord:
    """The record that szmass brings.

    Raises:
        ReleaseError: a file is missing, damaged or of another version.
    """
    again = "install szmass again, or name a record: --models FILE.npz"
    path = folder / RECORD_FILE
    facts = _read_facts(folder / RECORD_FACTS_FILE, RELEASE_FORMAT, again)
    try:
        expected = facts["record_sha256"]
        record = ReleasedRecord(path, facts["szmass_version"], facts["scale"])
    except KeyError as error:
        raise ReleaseError(
            f"{folder / RECORD_FACTS_FILE}: cannot be read: {error!r}; {again}"
        ) from error
    _require_whole(path, expected, folder / RECORD_FACTS_FILE, again)
    return record


@contextmanager
def unpacked(folder: Path) -> Iterator[Release]:
    """The released CNNs as a `Predictor` loads them, in a temporary folder.

    Raises:
        ReleaseError: a file is missing, damaged or of another version.
    """
    again = f"restore it (git checkout {folder}), or train (dvc repro infer_psz2)"
    archive = folder / ARCHIVE_FILE
    facts = _read_facts(folder / FACTS_FILE, CNN_RELEASE_FORMAT, again)
    try:
        expected, scale = facts["archive_sha256"], facts["scale"]
        nside = facts["settings"]["planck_sky"]["nside"]
    except (KeyError, TypeError) as error:
        raise ReleaseError(f"{folder / FACTS_FILE}: cannot be read: {error!r}; {again}") from error
    _require_whole(archive, expected, folder / FACTS_FILE, again)
    with TemporaryDirectory(prefix="szmass-") as here:
        with ZipFile(archive) as content:
            content.extractall(here)
        yield Release(Path(here, "cnn"), Path(here, "cnn_posterior"), scale, nside)


def _read_facts(path: Path, expected: int, again: str) -> dict[str, Any]:
    """The provenance of a release, if its format is the expected one."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stated = facts["format"]
    except FileNotFoundError:
        raise ReleaseError(f"{path}: not there; {again}") from None
    except (OSError, KeyError, TypeError, UnicodeError, json.JSONDecodeError) as error:
        raise ReleaseError(f"{path}: cannot be read: {error!r}; {again}") from error
    if stated != expected:
        raise ReleaseError(
            f"{path}: format = {stated}: expected {expected}, for it was released by another "
            f"version of szmass: release it anew (szmass release); or {again}"
        )
    return facts


def _require_whole(path: Path, expected: str, facts: Path, again: str) -> None:
    """Requires a file with the digest that its release states."""
    if not path.is_file():
        raise ReleaseError(f"{path}: not there; {again}")
    if (digest := sha256(path)) != expected:
        raise ReleaseError(
            f"{path}: damaged: its sha256 is {digest[:12]}..., expected {expected[:12]}... as "
            f"{facts} says; {again}"
        )
