"""Pushing to a folder and pulling from it, against a plain copy of the same bytes.

    python benchmarks/local_remote.py

Takes what the pipeline has made (`dvc repro` or `dvc pull` first). DVC's cache is pushed to an
empty remote, and brought from there into the empty caches of fresh clones: by `szmass pull`, which
verifies every byte by its hash and links the files into the workspace; by `dvc fetch`, which does
the first in one thread and leaves out the second; and by `dvc fetch` without `verify`. All of it is
compared by content. Beside each a plain copy of the same bytes is timed, first with the files on
the disk alone, as those of a remote are, then with all of them in the machine's memory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from filecmp import cmp
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from measured import keep, row

ROOT = Path(__file__).parents[1]
DVC, SZMASS = (str(Path(sys.executable).with_name(name)) for name in ("dvc", "szmass"))
FETCH = (DVC, "fetch", "dvc.yaml")
WAYS = {
    "pull": ((SZMASS, "pull", "data", "metrics", "models", "report.html"), False),
    "fetch": (FETCH, True),
    "fetch_unverified": (FETCH, False),
}
WHAT = {
    "push": "`dvc push` to a local folder",
    "pull": "`szmass pull` from there, verified",
    "fetch": "`dvc fetch`, verified",
    "fetch_unverified": "`dvc fetch` without `verify`",
}
ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """The time that a call takes, to the last byte on the disk."""
    subprocess.run(["sync"], check=True)
    started = perf_counter()
    work()
    subprocess.run(["sync"], check=True)
    return perf_counter() - started


def run(folder: Path, *command: str) -> None:
    """Runs a command in a repository; stops where it fails."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def clone(folder: Path, remote: Path, *, verify: bool = True) -> Path:
    """A clone with an empty cache, and a remote whose bytes are verified or not."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    run(folder, DVC, "remote", "add", "--local", "--default", "measured", str(remote))
    run(folder, DVC, "remote", "modify", "--local", "measured", "verify", str(verify).lower())
    return folder


def files(folder: Path) -> dict[str, Path]:
    """Files below a folder, by what follows `files/md5`."""
    base = folder / "files" / "md5"
    return {str(path.relative_to(base)): path for path in base.rglob("*") if path.is_file()}


def md5(path: Path) -> str:
    """The hash that DVC knows a file by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def one_round(folder: Path, *, in_memory: bool) -> dict[str, tuple[float, float]]:
    """Seconds of a push and of each way to pull, in an empty folder, and of a copy beside each."""
    source, remote, cache = folder / "source", folder / "remote", ROOT / ".dvc" / "cache"
    run(clone(source, remote), DVC, "cache", "dir", "--local", str(cache))
    taken = {"push": beside_copy(cache, partial(run, source, DVC, "push", "dvc.yaml"), in_memory)}
    there = files(remote)
    for name, (command, verify) in WAYS.items():
        target = clone(folder / name, remote, verify=verify)
        taken[name] = beside_copy(remote, partial(run, target, *command), in_memory)
        back = files(target / ".dvc" / "cache")
        if there.keys() != back.keys() or not all(
            cmp(there[file], back[file], False) for file in back
        ):
            raise SystemExit("what came back is not what was sent")
        shutil.rmtree(target)
    return taken


def beside_copy(source: Path, work: Callable[[], object], in_memory: bool) -> tuple[float, float]:
    """Seconds of a call that copies a folder's objects, and of a plain copy of them before it.

    Writing is faster where memory has just been freed: a copy that is not timed comes first.
    """
    with TemporaryDirectory(dir=ROOT / "data") as name:
        copy = partial(shutil.copytree, source / "files", Path(name) / "copy")
        remove = partial(shutil.rmtree, Path(name) / "copy")
        copy()
        remove()
        forget(source, in_memory)
        copied = seconds(copy)
        remove()
    forget(source, in_memory)
    return seconds(work), copied


def forget(folder: Path, in_memory: bool) -> None:
    """Leaves a folder's objects to the disk alone, unless they shall stay in memory."""
    subprocess.run(["sync"], check=True)
    for path in () if in_memory else files(folder).values():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Measures some rounds, and keeps the medians."""
    objects = files(ROOT / ".dvc" / "cache").values()
    size = sum(path.stat().st_size for path in objects)
    results: dict[str, Any] = {"bytes": size, "files": len(objects)}
    results["md5"] = seconds(lambda: [md5(path) for path in objects])
    for where in ("disk", "memory"):
        rounds = []
        for _ in range(ROUNDS):
            with TemporaryDirectory(dir=ROOT / "data") as name:
                rounds.append(one_round(Path(name), in_memory=where == "memory"))
        for name in WHAT:
            taken, copied = (median(one[name][which] for one in rounds) for which in (0, 1))
            ratio = median(one[name][1] / one[name][0] for one in rounds)
            results[f"{name}_{where}"] = {"seconds": taken, "copy": copied, "ratio": ratio}
    lines = []
    for name, what in WHAT.items():
        disk, memory = results[f"{name}_disk"], results[f"{name}_memory"]
        lines.append(
            row(
                f"{what}, {size / 1e9:.2f} GB",
                f"{disk['ratio']:.2f} times the speed: {disk['seconds']:.1f} s; from memory "
                f"{memory['ratio']:.2f}: {memory['seconds']:.1f} s",
                f"plain copy {disk['copy']:.1f} s, from memory {memory['copy']:.1f} s; "
                f"md5 {results['md5']:.1f} s",
                "0.5 times",
            )
        )
    keep("local_remote", results, lines)


if __name__ == "__main__":
    main()
