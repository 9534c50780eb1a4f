"""A training's identity follows from what it is made of, and from nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import szmass
from helpers.source_tree import PACKAGE
from szmass.networks.identity import training_identity

CODE = "szmass.stages.compton.train_cnn"


def test_settings_and_inputs_count(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("a")
    first = training_identity(CODE, [1, "z1"], [tmp_path])
    assert training_identity(CODE, [1, "z1"], [tmp_path]) == first
    assert training_identity(CODE, [2, "z1"], [tmp_path]) != first
    (tmp_path / "zarr.json").write_text("b")
    assert training_identity(CODE, [1, "z1"], [tmp_path]) != first


def test_only_code_that_is_used_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint outlives an edit of a validation or a comment, not one of its network."""
    source = tmp_path / "szmass"
    shutil.copytree(PACKAGE, source)
    monkeypatch.setattr(szmass, "__file__", str(source / "__init__.py"))

    def identity() -> str:
        return training_identity(CODE, [1], [])

    def edit(name: str, text: str) -> None:
        with (source / name).open("a") as file:
            file.write(text)

    before = identity()
    edit("compton/checks/noise.py", "EDITED = 1\n")
    edit("sky/clusters/haloes.py", "EDITED = 1\n")
    edit("compton/network/members.py", "# edited\n")
    assert identity() == before
    edit("compton/network/members.py", "EDITED = 1\n")
    assert identity() != before
