"""Data and models shared through DVC's remotes: are they whole, does a colleague get them?"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

READERS = 8
"""Objects read at a time; a remote answers late."""


class SharingError(ValueError):
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
    with _repository(remote or "the cache") as repo:
        objects = repo.cloud.get_remote_odb(remote) if remote else repo.cache.local
        outputs = list(_outputs(repo, targets))
        objects.fs.exists(objects.path)  # raises where nobody answers or lets us in
        check = _check(objects, outputs)
        if remove:
            _remove(objects, check, of_remote=remote is not None)
    return check


@contextmanager
def _repository(where: str) -> Iterator[Any]:
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


def _outputs(repo: Any, targets: Sequence[str]) -> Iterator[StoredFile]:
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


def _check(objects: Any, outputs: list[StoredFile]) -> Check:
    """Reads outputs, and what the folders among them list, from DVC's store of objects."""
    with ThreadPoolExecutor(READERS) as readers:
        digests = readers.map(lambda out: _digest(objects, out), outputs)
        found = dict(zip(outputs, digests, strict=True))
        files = [
            file
            for out, digest in found.items()
            if out.md5 == f"{digest}.dir"
            for file in _listed(objects, out)
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


def _listed(objects: Any, folder: StoredFile) -> Iterator[StoredFile]:
    """The files of a folder, from its list."""
    with objects.fs.open(objects.oid_to_path(folder.md5), "rb") as stored:
        entries = json.load(stored)
    for entry in entries:
        yield StoredFile(f"{folder.path}/{entry['relpath']}", entry["md5"], folder.md5)


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


@dataclass(frozen=True)
class Shared:
    """What came back into a fresh clone."""

    remote: str
    files: int
    bytes: int
    seconds: float
    absent: int
    """Outputs of dvc.lock that the remote has not got, since they are not here either."""


def share(target: str, remote: str | None) -> Shared:
    """Pushes all data to a remote, and pulls one output back as a colleague would.

    The colleague's clone lies beside the repository while this runs, since a remote's relative URL
    counts from there, and uses the same `.dvc/config.local`.

    Args:
        target: an output, or a folder with outputs.
        remote: a remote's name; None: the default one.

    Raises:
        SharingError: the target is no output, DVC or git failed, nothing came back, or what came
            back is not what is here.
    """
    with _repository("DVC") as repo:
        outputs = [Path(output.path) for output in _outputs(repo, [target])]
    if _run("git", "status", "--porcelain", "--", "dvc.lock", "dvc.yaml", ".dvc/config"):
        raise SharingError(
            "dvc.lock, dvc.yaml or .dvc/config has changes that a clone would not see; "
            "git commit them first"
        )
    options = ["--remote", remote] if remote else []
    _run(sys.executable, "-m", "dvc", "push", *options)
    absent = _absent(remote)
    with tempfile.TemporaryDirectory(prefix="szmass-clone-", dir=Path.cwd().parent) as folder:
        clone = Path(folder)
        _run("git", "clone", "--quiet", str(Path.cwd()), str(clone))
        local = Path(".dvc/config.local")
        if local.exists():
            (clone / local).write_bytes(local.read_bytes())
        started = perf_counter()
        _run(sys.executable, "-m", "dvc", "pull", *options, *map(str, outputs), folder=clone)
        seconds = perf_counter() - started
        files = [file for out in outputs for file in _files(clone / out) if file.is_file()]
        if not files:
            raise SharingError(f"{target}: nothing came back: expected at least one file")
        for file in files:
            ours = file.relative_to(clone)
            if not ours.is_file():
                raise SharingError(
                    f"{ours}: came back, but is not in this workspace; `dvc checkout` puts it there"
                )
            if ours.read_bytes() != file.read_bytes():
                raise SharingError(f"{ours}: differs from what came back")
        total = sum(file.stat().st_size for file in files)
    name = remote or _run(sys.executable, "-m", "dvc", "config", "core.remote").strip()
    return Shared(name, len(files), total, seconds, absent)


def _absent(remote: str | None) -> int:
    """How many outputs a remote lacks; the list of a folder goes there after its files."""
    with _repository(remote or "the default remote") as repo:
        objects = repo.cloud.get_remote_odb(remote)
        wanted = [output.md5 for output in _outputs(repo, [])]
        there = set(objects.list_oids_exists(wanted))
    return sum(md5 not in there for md5 in wanted)


def _files(path: Path) -> list[Path]:
    """A file, or all that lies in a folder."""
    return [path] if path.is_file() else sorted(path.rglob("*"))


def _run(*command: str, folder: Path | None = None) -> str:
    """Runs a program, whose messages a person sees, and returns what it printed."""
    done = subprocess.run(  # noqa: S603  # fixed programs
        command, cwd=folder, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        what = " ".join(command).replace(f"{sys.executable} -m ", "")
        raise SharingError(f"`{what}` failed, see above; docs/sharing.md says what to do")
    return done.stdout
