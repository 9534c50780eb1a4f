"""`make setup` where Python is incomplete, with a Python that a test makes up."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from helpers import ROOT

PYTHON = """#!/bin/sh
mkdir -p .venv/bin
printf '#!/bin/sh\\ntest -e complete && ln -sf /bin/true .venv/bin/uv' > .venv/bin/python
chmod +x .venv/bin/python
test -e complete
"""
"""Without the file `complete` it leaves an environment without pip, as Debian's does."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with nothing to install."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "requirements.lock"):
        (tmp_path / name).touch()
    (tmp_path / "python").write_text(PYTHON)
    (tmp_path / "python").chmod(0o755)
    return tmp_path


def make_setup(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ("make", "setup", f"PYTHON={folder / 'python'}", "LOCK=requirements.lock")
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_setup_goes_on_when_python_is_complete(folder: Path) -> None:
    for _ in range(2):
        failed = make_setup(folder)
        assert failed.returncode
        assert "on Debian install python3.11-venv" in failed.stderr
    (folder / "complete").touch()
    done = make_setup(folder)
    assert done.returncode == 0, done.stderr
    assert (folder / ".venv" / "installed-requirements.lock").exists()
