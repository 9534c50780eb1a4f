"""SHA-256 of files, and the sums by which a folder knows its files again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from szmass.errors import SzmassError

SUMS_FILE = "SHA256SUMS"
"""In the form of `sha256sum`, which checks it with its option `-c`."""


class HashError(SzmassError):
    """A folder does not hold the files that were saved in it."""


def sha256(path: Path) -> str:
    """Digest of a file, by which its content is known again."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """Writes the SHA-256 of every file of a folder into its `SHA256SUMS`."""
    lines = [f"{digest}  {name}\n" for name, digest in _sums(folder).items()]
    (folder / SUMS_FILE).write_text("".join(lines))


def require_sums(folder: Path, again: str) -> None:
    """Requires that a folder holds exactly the files that its `SHA256SUMS` names, unchanged.

    Args:
        folder: of a model.
        again: what to do where it does not, for the message.

    Raises:
        HashError: a file is changed, missing or added, or there are no sums; the message names it.
    """
    file = folder / SUMS_FILE
    try:
        lines = file.read_text().splitlines()
        expected = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except FileNotFoundError:
        raise HashError(
            f"{file}: not there: the model is missing, or was saved by an earlier version; {again}"
        ) from None
    except ValueError:
        raise HashError(
            f"{file}: damaged: expected lines of a SHA-256 and a name; {again}"
        ) from None
    found = _sums(folder)
    for name in sorted({*expected, *found}):
        if found.get(name) != expected.get(name):
            raise HashError(
                f"{folder / name}: changed since it was saved: its sha256 is "
                f"{found.get(name, 'none, for it is missing')}, expected "
                f"{expected.get(name, 'no such file')} as in {SUMS_FILE}; {again}"
            )


def _sums(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file by its name, but of the sums."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != SUMS_FILE)
    return {path.name: sha256(path) for path in files}
