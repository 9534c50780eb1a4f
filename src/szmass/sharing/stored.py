"""What DVC stores of the data: in its cache, and at each remote."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from szmass.errors import SzmassError

AT_ONCE = 8
"""Objects read at a time; a remote answers late."""


class SharingError(SzmassError):
    """Data cannot be shared, or is not what dvc.lock says."""


@dataclass(frozen=True)
class StoredFile:
    """A file of the data, as DVC stores it: under its MD5, in the cache and in each remote."""

    path: str
    """In the repository; a folder stands for its list of files."""
    md5: str
    """Of the content; `.dir` at the end marks a folder's list."""
    folder_md5: str = ""
    """Of the list that names the file."""


@contextmanager
def repository(where: str) -> Iterator[Any]:
    """DVC's repository; what it or the store `where` refuses becomes a SharingError."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise SharingError(str(error)) from error
    except SharingError:
        raise
    except Exception as error:  # each kind of server has exceptions of its own
        raise SharingError(f"{where}: {type(error).__name__}: {error}") from error


def stored_outputs(repo: Any, targets: Sequence[str]) -> Iterator[StoredFile]:
    """The outputs that DVC keeps, each as one stored file."""
    kept = {
        Path(out.fs_path).relative_to(repo.root_dir): out.hash_info.value
        for out in repo.index.outs
        if out.use_cache and out.hash_info
    }
    for target in targets:
        if not any(path.is_relative_to(target) for path in kept):
            raise SharingError(
                f"{target}: no output of this version's dvc.lock; there are "
                + ", ".join(sorted(map(str, kept)))
            )
    for path, md5 in sorted(kept.items()):
        if not targets or any(path.is_relative_to(target) for target in targets):
            yield StoredFile(path.as_posix(), md5)


def listed_files(objects: Any, folder: StoredFile) -> Iterator[StoredFile]:
    """The files of a folder, from its list."""
    with objects.fs.open(objects.oid_to_path(folder.md5), "rb") as stored:
        entries = json.load(stored)
    for entry in entries:
        yield StoredFile(f"{folder.path}/{entry['relpath']}", entry["md5"], folder.md5)
