"""The notebooks of docs/ run from a folder of their own, and show what they are stored with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
NUMBER = re.compile(r"\d[\d.]*(e[-+]?\d+)?")


def shown(path: Path) -> list[tuple[str, list[str]]]:
    """Of each cell of code what is printed, numbers left out, and the kinds of its other outputs.

    Numbers of a training differ in their last digits from processor to processor.
    """
    return [
        (
            "".join(
                NUMBER.sub("#", output.text)
                for stream in ("stdout", "stderr")
                for output in cell.outputs
                if output.get("name") == stream
            ),
            [
                " ".join(sorted(output.get("data", {"error": ""})))
                for output in cell.outputs
                if output.output_type != "stream"
            ],
        )
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "code"
    ]


def test_there_are_three() -> None:
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["first_mass", "rebuild_a_figure", "train_for_a_change"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_shows_what_it_is_stored_with(notebook: Path, tmp_path: Path) -> None:
    stored = shown(notebook)
    assert any("image/png" in kind for _, kinds in stored for kind in kinds)
    copied = Path(shutil.copy(notebook, tmp_path))
    jupyter = [str(Path(sys.executable).with_name("jupyter-execute")), "--inplace", str(copied)]
    finished = subprocess.run(jupyter, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert shown(copied) == stored
