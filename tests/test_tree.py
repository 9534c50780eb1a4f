"""The tests do not depend on the scale that the working tree is at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from helpers import ROOT
from szmass.params.scales import apply_scale, scale_in_force


def test_settings_of_tests_are_those_of_the_committed_scale(tmp_path: Path) -> None:
    scales, settings = tmp_path / "scales", tmp_path / "params.yaml"
    shutil.copytree(ROOT / "tests" / "helpers", tmp_path / "tests" / "helpers")
    shutil.copytree(ROOT / "scales", scales)
    shutil.copy(ROOT / "params.yaml", settings)
    apply_scale(settings, scales / "smoke.yaml")
    code = "from helpers.committed import SETTINGS; print(SETTINGS.read_text())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}/tests:{ROOT}/src"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert scale_in_force(settings, scales) == "smoke"
    settings.write_text(done.stdout)
    assert scale_in_force(settings, scales) == "laptop"
