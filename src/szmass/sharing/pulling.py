"""Fetches data from a remote, several files at a time, and reads each again on arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from szmass.sharing.stored import (
    AT_ONCE,
    SharingError,
    StoredFile,
    listed_files,
    repository,
    stored_outputs,
)


@dataclass(frozen=True)
class Pulled:
    """What a pull has brought."""

    outputs: int
    """In the workspace now."""
    files: int
    """That were not in the cache before."""
    bytes: int


def pull(targets: Sequence[str], remote: str | None) -> Pulled:
    """Brings outputs from a remote into the workspace, as `dvc pull` does with `verify true`.

    DVC copies one file after the other where the remote is a folder, and reads what arrived one
    file after the other whatever the remote. Here each file is copied and read by one of several
    threads. What is whole is kept whatever else fails, and does not come again.

    Args:
        targets: outputs, or folders with outputs; none: all.
        remote: a remote's name; None: the default one.

    Raises:
        SharingError: a target is no output, the remote is unknown or does not answer, files are
            missing there or came damaged, or the workspace has changes that would be lost.
    """
    from dvc.repo import lock_repo

    with repository(remote or "the default remote") as repo, lock_repo(repo):
        source, cache = repo.cloud.get_remote_odb(remote), repo.cache.local
        wanted = list(stored_outputs(repo, targets))
        source.fs.exists(source.path)  # raises where nobody answers or lets us in
        folders = [out for out in wanted if out.md5.endswith(".dir")]
        sizes = _fetch(source, cache, folders, "lists")
        files = [out for out in wanted if out not in folders]  # first, since one is the largest
        for folder in folders:
            if cache.exists(folder.md5):
                files += listed_files(cache, folder)
        sizes += _fetch(source, cache, files, "files")
        absent = [file for file in [*folders, *files] if not cache.exists(file.md5)]
        broken = {file.folder_md5 or file.md5 for file in absent}
        whole = {out.path for out in wanted if out.md5 not in broken}
        for out in repo.index.outs:  # repo.checkout would read dvc.lock anew for each
            if Path(out.fs_path).relative_to(repo.root_dir).as_posix() in whole:
                out.checkout()
        if absent:
            raise SharingError(_what_is_absent(source, absent))
    return Pulled(len(whole), len(sizes), sum(sizes))


def _fetch(source: Any, cache: Any, files: Sequence[StoredFile], label: str) -> list[int]:
    """Copies what the cache has not got; what does not arrive whole is not in the cache after.

    Returns:
        The size of each object that came.
    """
    from dvc_objects.executors import ThreadPoolExecutor
    from tqdm.auto import tqdm

    def size_of_new(md5: str) -> int | None:
        """The size of an object that has come; None where it did not, or was there."""
        try:
            came = cache.add(source.oid_to_path(md5), source.fs, md5, verify=True)
        except FileNotFoundError:
            return None
        return int(cache.fs.size(cache.oid_to_path(md5))) if came and cache.exists(md5) else None

    objects = list(dict.fromkeys(file.md5 for file in files))
    with (
        ThreadPoolExecutor(AT_ONCE, cancel_on_error=True) as workers,
        tqdm(total=len(objects), desc=f"pull: {label}", unit="file", disable=None) as bar,
    ):
        sizes = []
        for size in workers.imap_unordered(size_of_new, objects):
            bar.update()
            sizes.append(size)
    return [size for size in sizes if size is not None]


def _what_is_absent(source: Any, files: Sequence[StoredFile]) -> str:
    """One line a file that did not come, and what mends it."""
    lines = [
        f"{file.path}: {'came damaged' if source.exists(file.md5) else 'is not there'}"
        for file in files
    ]
    first = f"{len(files)} files did not come from {source.path}:"
    last = "to mend it, where the data is: szmass verify --remote NAME --remove, then dvc push"
    return "\n".join([first, *lines, last])
