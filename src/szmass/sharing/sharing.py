"""Pushes all data, and sees that a colleague gets it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from szmass.sharing.stored import SharingError, repository, stored_outputs


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
    with repository("DVC") as repo:
        outputs = [Path(output.path) for output in stored_outputs(repo, [target])]
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
    with repository(remote or "the default remote") as repo:
        objects = repo.cloud.get_remote_odb(remote)
        wanted = [output.md5 for output in stored_outputs(repo, [])]
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
