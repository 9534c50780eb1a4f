"""Is what DVC stores still what dvc.lock says?"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from szmass.sharing.stored import AT_ONCE, StoredFile, listed_files, repository, stored_outputs


@dataclass(frozen=True)
class Check:
    """What reading stored files again has shown."""

    good: int
    damaged: dict[StoredFile, str]
    """With the MD5 of what is there instead."""
    missing: list[StoredFile]

    @property
    def to_remove(self) -> bool:
        """Whether there is what would stay: damaged objects, or a list without its files."""
        return bool(self.damaged) or any(file.folder_md5 for file in self.missing)


def verify(targets: Sequence[str], remote: str | None, *, remove: bool = False) -> Check:
    """Reads data again, in the cache or at a remote, and compares it with dvc.lock.

    DVC takes a write-protected file of the cache for good without reading it, and a push never
    reads back what it sent.

    Args:
        targets: outputs, or folders with outputs; none: all.
        remote: a remote's name; None: the cache.
        remove: removes what is damaged, so that DVC fetches, sends or makes it anew.

    Raises:
        SharingError: a target is no output, or the remote is unknown or does not answer.
    """
    with repository(remote or "the cache") as repo:
        objects = repo.cloud.get_remote_odb(remote) if remote else repo.cache.local
        outputs = list(stored_outputs(repo, targets))
        objects.fs.exists(objects.path)  # raises where nobody answers or lets us in
        check = _check(objects, outputs)
        if remove:
            _remove(objects, check, of_remote=remote is not None)
    return check


def _check(objects: Any, outputs: list[StoredFile]) -> Check:
    """Reads outputs, and what the folders among them list, from DVC's store of objects."""
    with ThreadPoolExecutor(AT_ONCE) as readers:
        digests = readers.map(lambda out: _digest(objects, out), outputs)
        found = dict(zip(outputs, digests, strict=True))
        files = [
            file
            for out, digest in found.items()
            if out.md5 == f"{digest}.dir"
            for file in listed_files(objects, out)
        ]
        digests = readers.map(lambda file: _digest(objects, file), files)
        found |= dict(zip(files, digests, strict=True))
    return Check(
        good=sum(file.md5.removesuffix(".dir") == digest for file, digest in found.items()),
        damaged={
            file: digest
            for file, digest in found.items()
            if digest and file.md5.removesuffix(".dir") != digest
        },
        missing=[file for file, digest in found.items() if digest is None],
    )


def _digest(objects: Any, file: StoredFile) -> str | None:
    """The MD5 of what is stored; None where nothing is."""
    from dvc_data.hashfile.hash import file_md5

    try:
        return str(file_md5(objects.oid_to_path(file.md5), objects.fs))
    except FileNotFoundError:
        return None


def _remove(objects: Any, check: Check, *, of_remote: bool) -> None:
    """Removes damaged objects.

    At a remote also the lists of folders that are not whole: a push that finds a list looks no
    further. Of the cache also the workspace's link to the damaged bytes, which DVC believes.
    """
    from dvc_data.hashfile.hash import file_md5

    unwanted = {file.md5 for file in check.damaged}
    if of_remote:
        unwanted |= {file.folder_md5 for file in [*check.damaged, *check.missing]} - {""}
    for md5 in unwanted:
        if objects.exists(md5):
            objects.delete(md5)
    for file, digest in check.damaged.items():
        ours = Path(file.path)
        if not of_remote and ours.is_file() and file_md5(str(ours), objects.fs) == digest:
            ours.unlink()
