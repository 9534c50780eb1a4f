"""Pushing to a folder and pulling from it, against a plain copy of the same bytes.

    python benchmarks/local_remote.py

Takes what the pipeline has made (`dvc repro` or `dvc pull` first). DVC's cache is pushed to an
empty remote, and pulled from there into a fresh clone with an empty cache, every byte verified by
its hash and linked into the workspace. All that came is compared by content. In each round a plain
copy of the same bytes is one more way; first with the files on the disk alone, as those of a remote
are, then with all of them in the machine's memory.

All ways start from a machine at rest. A virtual machine with memory to spare hands it back to its
host within seconds, and pays for it when the next file is written; a copy made right after another
one was removed does not, and takes less than half of the time. That one is in the results too, as
`copy_at_once`.
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
from time import perf_counter, sleep
from typing import Any

from measured import keep, row

ROOT = Path(__file__).parents[1]
DVC = str(Path(sys.executable).with_name("dvc"))
WHAT = {
    "push": "`dvc push` to a local folder",
    "dvc_pull": "`dvc pull` from there, verified",
}
ROUNDS = 3
REST_S = 30.0


def seconds(work: Callable[[], object], rest_s: float) -> float:
    """The time that a call takes after a rest, to the last byte on the disk."""
    subprocess.run(["sync"], check=True)
    sleep(rest_s)
    started = perf_counter()
    work()
    subprocess.run(["sync"], check=True)
    return perf_counter() - started


def run(folder: Path, *command: str) -> None:
    """Runs a command in a repository; stops where it fails."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)


def clone(folder: Path, remote: Path) -> Path:
    """A clone with an empty cache, and a remote whose bytes are verified."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    run(folder, DVC, "remote", "add", "--local", "--default", "measured", str(remote))
    run(folder, DVC, "remote", "modify", "--local", "measured", "verify", "true")
    return folder


def files(folder: Path) -> dict[str, Path]:
    """Files below a folder, by what follows `files/md5`."""
    base = folder / "files" / "md5"
    return {str(path.relative_to(base)): path for path in base.rglob("*") if path.is_file()}


def md5(path: Path) -> str:
    """The hash that DVC knows a file by."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def one_round(folder: Path, *, in_memory: bool) -> tuple[dict[str, Path], dict[str, float]]:
    """What was pushed to a new remote, and the seconds of that, of plain copies and of a pull."""
    remote, cache = folder / "remote", ROOT / ".dvc" / "cache"
    source = clone(folder / "source", remote)
    run(source, DVC, "cache", "dir", "--local", str(cache))
    forget(cache, in_memory)
    taken = {"push": seconds(partial(run, source, DVC, "push", "dvc.yaml"), REST_S)}
    there = files(remote)
    taken["md5"] = seconds(lambda: [md5(path) for path in there.values()], 0.0)
    copy = partial(shutil.copytree, remote / "files", folder / "copy")
    for name, rest_s in {"copy": REST_S, "copy_at_once": 0.0}.items():
        forget(remote, in_memory)
        taken[name] = seconds(copy, rest_s)
        shutil.rmtree(folder / "copy")
    target = clone(folder / "target", remote)
    forget(remote, in_memory)
    taken["dvc_pull"] = seconds(partial(run, target, DVC, "pull", "dvc.yaml"), REST_S)
    back = files(target / ".dvc" / "cache")
    if there.keys() != back.keys() or not all(cmp(there[file], back[file], False) for file in back):
        raise SystemExit("what came back is not what was sent")
    shutil.rmtree(target)
    return there, taken


def forget(folder: Path, in_memory: bool) -> None:
    """Leaves a folder's objects to the disk alone, unless they shall stay in memory."""
    subprocess.run(["sync"], check=True)
    for path in () if in_memory else files(folder).values():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Measures some rounds, and keeps the medians, and the ratios of every round."""
    results: dict[str, Any] = {}
    for where in ("disk", "memory"):
        rounds = []
        for _ in range(ROUNDS):
            with TemporaryDirectory(dir=ROOT / "data") as name:
                there, taken = one_round(Path(name), in_memory=where == "memory")
                results["bytes"] = sum(path.stat().st_size for path in there.values())
                results["files"] = len(there)
            rounds.append(taken)
        results[where] = {
            "seconds": {name: median(one[name] for one in rounds) for name in rounds[0]},
            "ratios": {name: sorted(one["copy"] / one[name] for one in rounds) for name in WHAT},
        }
    keep("local_remote", results, rows(results))


def rows(results: dict[str, Any]) -> list[dict[str, str]]:
    """The lines of the table."""
    disk, memory = (results[where]["seconds"] for where in ("disk", "memory"))
    against = (
        f"plain copy {disk['copy']:.1f} s, from memory {memory['copy']:.1f} s (right after another "
        f"one {disk['copy_at_once']:.1f} and {memory['copy_at_once']:.1f} s); "
        f"md5 {memory['md5']:.1f} s"
    )
    return [
        row(
            f"{what}, {results['bytes'] / 1e9:.2f} GB",
            "; ".join(
                f"from {where} {speed(results[where], name)}" for where in ("disk", "memory")
            ),
            against,
            "0.5 times",
        )
        for name, what in WHAT.items()
    ]


def speed(result: dict[str, Any], name: str) -> str:
    """The speed of a way, in a plain copy's, with the lowest and highest of the rounds."""
    ratios = result["ratios"][name]
    return (
        f"{median(ratios):.2f} times the speed ({ratios[0]:.2f} to {ratios[-1]:.2f}): "
        f"{result['seconds'][name]:.1f} s"
    )


if __name__ == "__main__":
    main()
