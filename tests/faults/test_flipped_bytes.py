"""One byte of a file is another: the next command says so, and one command mends it."""

from __future__ import annotations

import shutil
from hashlib import md5
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from helpers.fault_copies import MOST_SECONDS, FaultCopy
from helpers.fault_tally import Tally
from helpers.shared_project import flip_a_bit, stored

REMOTE = "szmass-dvc-store"
FEW = 3
LIST = "list of a folder"


def md5_of(file: Path) -> str:
    """As DVC has it."""
    return md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def kind_of(path: str) -> str:
    """What kind of file it is."""
    return "shard" if "/c/" in path else Path(path).suffix or Path(path).parts[0]


def one_of_each_kind(digests: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """A path of each kind of file; none in the folder whose list is chosen, which hides them."""
    paths = rng.permutation(sorted(digests)).tolist()
    files = [path for path in paths if not digests[path].endswith(".dir")]
    folders = [path for path in paths if digests[path].endswith(".dir")][:1]
    hidden = {path for path in files for top in folders if Path(path).is_relative_to(top)}
    chosen = {kind_of(path): path for path in files if path not in hidden}
    return chosen | dict(zip([LIST], folders, strict=False))


def lists(copy: FaultCopy) -> dict[str, str]:
    """The MD5 of every folder's list, by the folder."""
    stages = YAML(typ="safe").load(copy.path / "dvc.lock")["stages"].values()
    outs = [out for stage in stages for out in stage.get("outs", [])]
    return {out["path"]: out["md5"] for out in outs if out["md5"].endswith(".dir")}


def stored_files(copy: FaultCopy, objects: Path) -> dict[str, str]:
    """The MD5 of every output and list that is stored as an object."""
    digests = {path: md5_of(copy.path / path) for path in copy.outputs()}
    there = stored(objects)
    return {path: digest for path, digest in (digests | lists(copy)).items() if digest in there}


@pytest.mark.share(2)
def test_of_the_workspace(copy: FaultCopy, tally: Tally) -> None:
    makers = {name: stage for stage in copy.seconds if stage for name in copy.outputs_of(stage)}
    for rng in tally.draws():
        chosen = one_of_each_kind(copy.outputs(), rng)
        some = rng.choice(sorted(chosen), FEW, replace=False)
        with tally.tried() as kinds:
            kinds += [f"a byte of the workspace: {kind}" for kind in some]
            paths = [chosen[kind] for kind in some]
            for path in paths:
                file, flipped = copy.path / path, copy.place / "flipped"
                shutil.copy(file, flipped)  # the cache's file stays as it is
                flip_a_bit(flipped, rng.random())
                flipped.touch()
                flipped.replace(file)
            copy.repro()
            for path in paths:
                (stage,) = {makers[out] for out in makers if Path(path).is_relative_to(out)}
                assert f"tage '{stage}'" in copy.log_text(), f"{path}: {copy.log_text()}"


@pytest.mark.share(2)
@pytest.mark.parametrize("where", ["cache", "remote"])
def test_of_what_is_stored(copy: FaultCopy, tally: Tally, where: str) -> None:
    remote = copy.place / REMOTE
    objects, options, command = {
        "cache": (copy.path / ".dvc" / "cache", (), ("dvc", "pull", "dvc.yaml")),
        "remote": (remote, ("--remote", "store"), ("dvc", "push", "dvc.yaml")),
    }[where]
    for rng in tally.draws():
        digests = stored_files(copy, objects)
        chosen = one_of_each_kind(digests, rng)
        with tally.tried() as kinds:
            kinds += [f"a byte of the {where}: {kind}" for kind in chosen]
            damaged = {digests[path]: path for path in chosen.values()}
            for digest in damaged:
                flip_a_bit(stored(objects)[digest], rng.random())
            named = copy.szmass("verify", "--remove", *options)
            assert named.returncode == 1, named
            for path in damaged.values():
                assert f"{path}: damaged in " in named.stderr
            assert copy.start(*command).wait(MOST_SECONDS) == 0, copy.log_text()
            for digest, file in stored(objects).items():
                assert digest.startswith(md5_of(file)), digest
            copy.require_reference()
