"""Does the data that DVC stores, or that a stage reads, still have the hashes of dvc.lock?

DVC takes a write-protected file of its cache for good without reading it, and a push never reads
back what it sent. A stage that is run by `dvc repro --single-item` it gives whatever is there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from szmass.errors import SzmassError
from szmass.provenance import locked_outputs

AT_ONCE = 8
"""Objects read at a time; a remote answers late."""


class VerifyError(SzmassError):
    """The stored data cannot be read."""


@dataclass(frozen=True)
class StoredFile:
    """A file of the data as DVC stores it: under its MD5, in the cache and in each remote."""

    path: str
    """In the repository; a folder stands for its list of files."""
    md5: str
    """Of the content; `.dir` at the end marks a folder's list."""
    folder_md5: str = ""
    """Of the list that names the file."""


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

    Args:
        targets: outputs, or folders with outputs; none: all.
        remote: a remote's name; None: the cache.
        remove: removes what is damaged, so that DVC fetches, sends or makes it anew.

    Raises:
        VerifyError: a target is no output, or the remote is unknown or does not answer.
    """
    with _repository(remote or "the cache") as repo:
        objects = repo.cloud.get_remote_odb(remote) if remote else repo.cache.local
        outputs = _outputs(repo, targets)
        _is_there(objects)
        digests = _digests(objects, outputs)
        folders = [out for out in outputs if out.md5 == f"{digests[out]}.dir"]
        digests |= _digests(objects, [f for out in folders for f in _listed(objects, out)])
        check = _check(digests)
        if remove:
            _remove(objects, check, of_remote=remote is not None)
    return check


def remote_is_there(remote: str) -> bool:
    """Whether a remote has its folder; a push makes it.

    Raises:
        VerifyError: the remote is unknown, does not answer, or refuses.
    """
    with _repository(remote) as repo:
        return _is_there(repo.cloud.get_remote_odb(remote))


def require_as_made(stage: str, paths: Iterable[Path]) -> None:
    """Requires that what a stage reads is what the stages before it wrote, by dvc.lock.

    It takes a third of a second: DVC knows the digest of a file whose time and size are the same.

    Args:
        stage: its name.
        paths: of its inputs and outputs.

    Raises:
        VerifyError: an input was changed since; the message names it.
    """
    own = list(paths)
    try:
        outputs = {Path(name): md5 for name, md5 in locked_outputs(stage).items()}
    except KeyError as error:
        raise VerifyError(
            f"dvc.lock: an output without {error}: expected a whole file, which a kill of DVC may "
            "have cut; git restore dvc.lock, then dvc repro"
        ) from error
    inputs = [
        path
        for path in outputs
        if path.exists() and any(path.is_relative_to(p) or p.is_relative_to(path) for p in own)
    ]
    if not inputs:
        return
    with _repository("dvc.lock") as repo:
        from dvc_data.hashfile.build import build

        for path in inputs:
            place = str(Path(repo.root_dir) / path)
            _, _, found = build(
                repo.cache.local, place, repo.fs, "md5", ignore=repo.dvcignore, dry_run=True
            )
            if found.hash_info.value != outputs[path]:
                raise VerifyError(
                    f"{path}: changed since it was made: its md5 is {found.hash_info.value}, "
                    f"expected {outputs[path]} as in dvc.lock; restore it (dvc checkout {path}) or "
                    f"make it anew (dvc repro {path})"
                )


@contextmanager
def _repository(where: str) -> Iterator[Any]:
    """DVC's repository; what it or the store `where` refuses becomes a VerifyError."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            yield repo
    except DvcException as error:
        raise VerifyError(str(error)) from error
    except VerifyError:
        raise
    except Exception as error:  # each kind of server has exceptions of its own
        raise VerifyError(f"{where}: {type(error).__name__}: {error}") from error


def _is_there(objects: Any) -> bool:
    """Whether a store has its folder; raises where nobody answers or lets us in."""
    return bool(objects.fs.exists(objects.path))


def _outputs(repo: Any, targets: Sequence[str]) -> list[StoredFile]:
    """The outputs that DVC keeps, each as one stored file."""
    kept = {
        Path(out.fs_path).relative_to(repo.root_dir): out.hash_info.value
        for out in repo.index.outs
        if out.use_cache and out.hash_info
    }
    for target in targets:
        if not any(path.is_relative_to(target) for path in kept):
            raise VerifyError(
                f"{target}: no output of this version's dvc.lock; there are "
                + ", ".join(sorted(map(str, kept)))
            )
    return [
        StoredFile(path.as_posix(), md5)
        for path, md5 in sorted(kept.items())
        if not targets or any(path.is_relative_to(target) for target in targets)
    ]


def _listed(objects: Any, folder: StoredFile) -> Iterator[StoredFile]:
    """The files of a folder, from its list."""
    with objects.fs.open(objects.oid_to_path(folder.md5), "rb") as stored:
        entries = json.load(stored)
    for entry in entries:
        yield StoredFile(f"{folder.path}/{entry['relpath']}", entry["md5"], folder.md5)


def _digests(objects: Any, files: Sequence[StoredFile]) -> dict[StoredFile, str | None]:
    """The MD5 of what is stored of each file; None where nothing is."""
    from dvc_data.hashfile.hash import file_md5

    def digest(file: StoredFile) -> str | None:
        try:
            return str(file_md5(objects.oid_to_path(file.md5), objects.fs))
        except FileNotFoundError:
            return None

    with ThreadPoolExecutor(AT_ONCE) as readers:
        return dict(zip(files, readers.map(digest, files), strict=True))


def _check(digests: dict[StoredFile, str | None]) -> Check:
    """Compares what is stored with what was expected."""
    good = {file for file, digest in digests.items() if file.md5.removesuffix(".dir") == digest}
    return Check(
        good=len(good),
        damaged={f: digest for f, digest in digests.items() if digest and f not in good},
        missing=[file for file, digest in digests.items() if digest is None],
    )


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
