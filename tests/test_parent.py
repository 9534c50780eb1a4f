"""A stage whose DVC has gone ends by itself, or is killed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

STAGE = """
import os, signal, sys
from pathlib import Path
from time import sleep
from szmass import parent
parent.GRACE_S, parent.INTERVAL_S = 0.3, 0.05
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
starter = os.getppid()
Path(sys.argv[1]).write_text("begun")
if sys.argv[2] == "late":
    while os.getppid() == starter:
        sleep(0.02)
parent.end_with_dvc()
sleep(60.0)
"""
DVC = """
import subprocess, sys
from pathlib import Path
from time import sleep
stage = subprocess.Popen([sys.executable, "-c", sys.argv[1], *sys.argv[2:]])
while not Path(sys.argv[2]).exists():
    sleep(0.02)
sleep(0.5)
print(stage.pid)
"""


@pytest.mark.parametrize("kind", ["listens", "deaf", "late"])
def test_a_stage_ends_after_its_dvc(tmp_path: Path, kind: str) -> None:
    """Also one that does not listen to a signal, or that was too late to see its DVC."""
    command = [sys.executable, "-c", DVC, STAGE, str(tmp_path / "begun"), kind]
    environment = os.environ | {"DVC_STAGE": "some"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as dvc:
        stage = int(dvc.stdout.readline()) if dvc.stdout else 0
    end = monotonic() + 20.0
    while psutil.pid_exists(stage) and monotonic() < end:
        sleep(0.05)
    assert not psutil.pid_exists(stage)
