"""What is committed, whatever scale or results the working tree has."""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from pathlib import Path

from helpers import ROOT
from szmass.params.scales import apply_scale

_FOLDER = tempfile.mkdtemp(prefix="szmass-tests-")
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

SETTINGS = Path(shutil.copy(ROOT / "params.yaml", _FOLDER))
"""params.yaml of the working tree, but for what `szmass scale` may have changed there."""
apply_scale(SETTINGS, ROOT / "scales" / "laptop.yaml")


def in_git(path: str) -> str:
    """A file as git holds it (committed, or staged to be)."""
    return subprocess.run(
        ["git", "show", f":{path}"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
