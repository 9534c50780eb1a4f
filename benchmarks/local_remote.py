"""Pushing to a folder and pulling from it, against a plain copy of the same bytes.

    python benchmarks/local_remote.py

Takes what the pipeline has made (`dvc repro` or `dvc pull` first). In turns: DVC's cache is pushed
to an empty remote, this is copied to a folder beside it, and brought into the empty caches of three
fresh clones: by `szmass pull`, which verifies every byte by its hash and links the files into the
workspace; by `dvc fetch`, which does the first in one thread and leaves out the second; and by `dvc
fetch` from a remote without `verify`. All of it is then compared by content.
"""

from __future__ import annotations

import hashlib
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

from measured import keep, row

ROOT = Path(__file__).parents[1]
DVC, SZMASS = (str(Path(sys.executable).with_name(name)) for name in ("dvc", "szmass"))
FETCH = (DVC, "fetch", "dvc.yaml")
PULL = (SZMASS, "pull", "data", "models", "report.html")
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


def one_round(folder: Path) -> dict[str, float]:
    """Copies, pushes and pulls once, in an empty folder."""
    source = clone(folder / "source", folder / "remote")
    run(source, DVC, "cache", "dir", "--local", str(ROOT / ".dvc" / "cache"))
    pushed = seconds(lambda: run(source, DVC, "push", "dvc.yaml"))
    copied = seconds(lambda: shutil.copytree(folder / "remote", folder / "copy"))
    hashed = seconds(lambda: [md5(path) for path in files(folder / "copy").values()])
    taken = {"push": pushed, "copy": copied, "md5": hashed}
    there = files(folder / "remote")
    ways = {"pull": (PULL, False), "fetch": (FETCH, True), "fetch_unverified": (FETCH, False)}
    for name, (command, verify) in ways.items():
        target = clone(folder / name, folder / "remote", verify=verify)
        taken[name] = seconds(partial(run, target, *command))
        back = files(target / ".dvc" / "cache")
        if there.keys() != back.keys() or not all(
            cmp(there[file], back[file], False) for file in back
        ):
            raise SystemExit("what came back is not what was sent")
        shutil.rmtree(target)
    size = sum(path.stat().st_size for path in there.values())
    return {**taken, "bytes": size, "files": len(there)}


def main() -> None:
    """Measures some rounds, and keeps the medians."""
    rounds = []
    for _ in range(ROUNDS):
        with TemporaryDirectory(dir=ROOT / "data") as name:
            rounds.append(one_round(Path(name)))
    middle = {key: median(one[key] for one in rounds) for key in rounds[0]}
    what = f"{middle['bytes'] / 1e9:.2f} GB in {middle['files']:.0f} files"
    copy = f"plain copy {middle['copy']:.1f} s"
    peers = {
        "push": (f"`dvc push`, a local folder, {what}", copy),
        "pull": ("`szmass pull` from there, verified", f"{copy}, md5 {middle['md5']:.1f} s"),
        "fetch": ("`dvc fetch`, verified", copy),
        "fetch_unverified": ("`dvc fetch` without `verify`", copy),
    }
    lines = [
        row(name, f"{middle['copy'] / middle[verb]:.2f} times the speed: {middle[verb]:.1f} s",
            against, "0.5 times")
        for verb, (name, against) in peers.items()
    ]  # fmt: skip
    keep("local_remote", {**middle, "rounds": rounds}, lines)


if __name__ == "__main__":
    main()
