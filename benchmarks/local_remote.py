"""Pushing to a folder and pulling from it, against a plain copy of the same bytes.

    python benchmarks/local_remote.py

Takes what the pipeline has made (`dvc repro` or `dvc pull` first). In turns: DVC's cache is copied
with `cp -r` to an empty folder, pushed to an empty remote beside it, and pulled from there into the
empty caches of two fresh clones: one verifies every byte by its hash, as the project's remote does,
one does not. All of it is then compared by content. The floor of the first is copy and hash.
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
DVC = str(Path(sys.executable).with_name("dvc"))
ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """The time that a call takes, to the last byte on the disk."""
    subprocess.run(["sync"], check=True)
    started = perf_counter()
    work()
    subprocess.run(["sync"], check=True)
    return perf_counter() - started


def dvc(folder: Path, *words: str) -> None:
    """Runs a command of DVC in a repository; stops where it fails."""
    subprocess.run([DVC, *words], cwd=folder, check=True, stdout=subprocess.DEVNULL)


def clone(folder: Path, remote: Path, *, verify: bool = True) -> Path:
    """A clone with an empty cache, and a remote whose bytes are verified or not."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    dvc(folder, "remote", "add", "--local", "--default", "measured", str(remote))
    dvc(folder, "remote", "modify", "--local", "measured", "verify", str(verify).lower())
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
    dvc(source, "cache", "dir", "--local", str(ROOT / ".dvc" / "cache"))
    pushed = seconds(lambda: dvc(source, "push", "dvc.yaml"))
    copied = seconds(lambda: shutil.copytree(folder / "remote", folder / "copy"))
    hashed = seconds(lambda: [md5(path) for path in files(folder / "copy").values()])
    taken = {"push": pushed, "copy": copied, "md5": hashed}
    there = files(folder / "remote")
    for name, verify in {"fetch": True, "fetch_unverified": False}.items():
        target = clone(folder / name, folder / "remote", verify=verify)
        taken[name] = seconds(partial(dvc, target, "fetch", "dvc.yaml"))
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
        "fetch": ("`dvc fetch` from there, verified", f"{copy}, md5 {middle['md5']:.1f} s"),
        "fetch_unverified": ("the same without `verify`", copy),
    }
    lines = [
        row(name, f"{middle['copy'] / middle[verb]:.2f} times the speed: {middle[verb]:.1f} s",
            against, "0.5 times")
        for verb, (name, against) in peers.items()
    ]  # fmt: skip
    keep("local_remote", {**middle, "rounds": rounds}, lines)


if __name__ == "__main__":
    main()
