"""The trained models that travel with szmass, checked before they are used.

The record of weighing lies within the package; the CNNs lie in the repository, as an archive with
what it was made with. `szmass.predict.release` writes both.
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
from szmass.provenance import sha256

RELEASED = Path("models/released")
ARCHIVE_FILE, FACTS_FILE = "cnn.zip", "release.json"
RELEASE_FORMAT = 1
RECORDS = Path(__file__).parents[1] / "records"
RECORD_FILE, RECORD_FACTS_FILE = "planck.npz", "planck.json"


class ReleaseError(SzmassError):
    """The models cannot be released, or what was released cannot be used."""


@dataclass(frozen=True)
class Release:
    """Released CNNs, unpacked."""

    ensembles: Path
    knowledge: Path
    scale: str
    """That they were trained at."""
    nside: int
    """Of the full-sky maps that their cutouts are like."""


@dataclass(frozen=True)
class ReleasedRecord:
    """A record of weighing that was released, and what is known of it."""

    path: Path
    szmass_version: str
    """Of the release."""
    scale: str
    """That it was trained at."""


def released_record(folder: Path = RECORDS) -> ReleasedRecord:
    """The record that szmass comes with.

    Raises:
        ReleaseError: a file is missing, damaged or of another version.
    """
    again = "install szmass again, or name a record: --models FILE.npz"
    path = folder / RECORD_FILE
    facts = _read_facts(folder / RECORD_FACTS_FILE, again)
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
    facts = _read_facts(folder / FACTS_FILE, again)
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


def _read_facts(path: Path, again: str) -> dict[str, Any]:
    """What a release says of itself."""
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        stated = facts["format"]
    except FileNotFoundError:
        raise ReleaseError(f"{path}: not there; {again}") from None
    except (OSError, KeyError, TypeError, UnicodeError, json.JSONDecodeError) as error:
        raise ReleaseError(f"{path}: cannot be read: {error!r}; {again}") from error
    if stated != RELEASE_FORMAT:
        raise ReleaseError(f"{path}: format = {stated}: expected {RELEASE_FORMAT}; {again}")
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
