"""A training's identity follows from what it is made of, and from nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from source_tree import PACKAGE

from szmass.learning.identity import training_identity

COMMAND = """
import szmass.learning.ensemble_files
from szmass.learning.identity import training_identity
print(training_identity([1], []))
"""


def test_settings_and_inputs_count(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").write_text("a")
    first = training_identity([1, "z1"], [tmp_path])
    assert training_identity([1, "z1"], [tmp_path]) == first
    assert training_identity([2, "z1"], [tmp_path]) != first
    (tmp_path / "zarr.json").write_text("b")
    assert training_identity([1, "z1"], [tmp_path]) != first


def test_only_code_that_is_used_counts(tmp_path: Path) -> None:
    """An edit of a validation keeps the members of a training; one of its network does not."""
    source = tmp_path / "szmass"
    shutil.copytree(PACKAGE, source)

    def identity() -> str:
        environment = {"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", COMMAND]
        ran = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return ran.stdout.strip()

    def edit(name: str) -> None:
        with (source / name).open("a") as file:
            file.write("# edited\n")

    before = identity()
    edit("simulation/noise_checks.py")
    edit("sky/haloes.py")
    assert identity() == before
    edit("learning/members.py")
    assert identity() != before
