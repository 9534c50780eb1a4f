"""A group's project in a repository of its own: this one's stages, with a small data set and model.

A colleague's clone of it has the code and dvc.lock; data and models come from a remote.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

from helpers import ROOT
from helpers.checkout import Checkout
from szmass.microwave.maps.samples import list_samples, store_spec, write_labels
from szmass.params import load
from szmass.sky.grid import PixelGrid
from szmass.storage.store import replacing, write_rows

SHARD_ROWS = 16
GRID = PixelGrid(40, 0.25)
DATA, MODEL = "data/microwave.zarr", "models/mresunet"
STAGES = ("tabulate_spectra", "simulate_microwave", "validate_microwave", "train_mresunet")
ARTIFACTS = ("microwave-maps", "mresunet")


class Project(Checkout):
    """A repository of git and DVC."""

    @classmethod
    def of_group(cls, folder: Path) -> Project:
        """The repository that the group works in, its data committed to DVC's cache."""
        project = cls.create(folder / "szmass")
        for name in (".gitignore", ".dvcignore"):
            shutil.copy(ROOT / name, project.path)
        (project.path / ".dvc").mkdir()
        shutil.copy(ROOT / ".dvc" / "config", project.path / ".dvc")
        shutil.copytree(ROOT / "digests", project.path / "digests")
        pipeline = YAML(typ="safe").load(ROOT / "dvc.yaml")
        for section, names in (("stages", STAGES), ("artifacts", ARTIFACTS)):
            pipeline[section] = {name: pipeline[section][name] for name in names}
        YAML().dump(pipeline, project.path / "dvc.yaml")
        project.start_git()
        project.write_data(seed=1)
        project.succeed("dvc", "commit", "--quiet", "--force")
        project.commit("Maps and a model")
        return project

    def write_data(self, seed: int) -> None:
        """A store by the real writer, with noise for maps, and files where a model would be."""
        rng = np.random.default_rng(seed)
        sets = load(self.path / "params.yaml").microwave_sets
        few = replace(
            sets, train_maps=8, validation_maps=8, test_maps=8, spare_maps=4, scatter_maps=100
        )
        samples = list_samples(seed, few, 0.2)
        spec = replace(store_spec(len(samples), GRID), shard_rows=SHARD_ROWS)
        with replacing(self.path / DATA, spec, {"seed": seed}) as store:
            write_labels(store, samples, GRID)
            for rows in spec.shards():
                shape = (rows.stop - rows.start, GRID.pixels, GRID.pixels)
                maps = rng.standard_normal((2, *shape)).astype("float32")
                write_rows(store, rows, {"temperature_uk": maps[0], "sz_uk": maps[1]})
        texts = {
            "data/spectra.csv": f"spectra {seed}",
            "data/microwave_verdict.json": "{}",
            "metrics/mresunet_history.csv": "epoch,loss\n",
            f"{MODEL}/network.json": "{}",
        }
        files = {name: text.encode() for name, text in texts.items()}
        files[f"{MODEL}/network.weights.h5"] = rng.bytes(1 << 20)
        for name, content in files.items():
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.unlink(missing_ok=True)  # it is a link to DVC's cache
            file.write_bytes(content)

    def change_data(self, seed: int) -> None:
        """Another data set and model in the old ones' place, committed."""
        self.write_data(seed)
        self.succeed("dvc", "commit", "--quiet", "--force")
        self.commit("Other maps")

    def clone(self, folder: Path) -> Project:
        """A colleague's fresh clone."""
        self.succeed("git", "clone", "--quiet", str(self.path), str(folder))
        clone = Project(folder)
        clone.succeed("git", "config", "user.name", "A Tester")
        clone.succeed("git", "config", "user.email", "tester@example.org")
        return clone

    def use(self, url: str, **settings: str) -> None:
        """Makes `team` the default remote of this clone alone."""
        lines = ["[core]", "remote = team", "['remote \"team\"']", f"url = {url}", "verify = true"]
        lines += [f"{key} = {value}" for key, value in settings.items()]
        (self.path / ".dvc" / "config.local").write_text("\n".join(lines) + "\n")

    def share_cache(self, other: Project) -> None:
        """Has this clone use another one's cache, where the data already is."""
        with (self.path / ".dvc" / "config.local").open("a") as local:
            local.write(f"[cache]\ndir = {other.path / '.dvc' / 'cache'}\n")

    def szmass(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a command of szmass here."""
        main = "from szmass.cli import main; main()"
        return self.run("python", "-c", main, *arguments, PYTHONPATH="src")

    def hashes(self, *paths: str) -> dict[str, str]:
        """SHA-256 of each file that lies at these paths."""
        found = {}
        for path in paths:
            top = self.path / path
            for file in [top] if top.is_file() else sorted(top.rglob("*")):
                if file.is_file():
                    digest = hashlib.sha256(file.read_bytes()).hexdigest()
                    found[file.relative_to(self.path).as_posix()] = digest
        return found


def stored(objects: Path) -> dict[str, Path]:
    """DVC's objects in a folder, by their MD5."""
    files = (objects / "files" / "md5").rglob("*")
    return {file.parent.name + file.name: file for file in files if file.is_file()}


def flip_a_bit(file: Path, place: float = 0.5) -> None:
    """Damages a file, at a part of its length, so that only its content tells."""
    before, content = file.stat(), bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 1
    file.chmod(0o644)
    with file.open("r+b") as opened:
        opened.write(content)
    file.chmod(before.st_mode)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
