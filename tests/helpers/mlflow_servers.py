"""MLflow's server as a person starts it: alone, or `szmass mlflow-server` for a group."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest

from helpers import ROOT
from helpers.checkout import Checkout
from helpers.mlflow_runs import wait_for
from szmass.mlflow_server import POSTGRES_FOLDERS

HOST = "127.0.0.1"
START_S = 150
LIGHT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
INITDB = shutil.which("initdb") or next(Path("/").glob(f"{POSTGRES_FOLDERS}/initdb"), None)
needs_postgres = pytest.mark.skipif(
    INITDB is None and not os.environ.get("CI"), reason="needs PostgreSQL: apt install postgresql"
)


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that other users can reach, as PostgreSQL's must where root runs the test."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def group_server(folder: Path, port: int) -> Iterator[str]:
    """The command of the README, until it ends itself or the block does; its address."""
    checkout = Checkout(ROOT)
    words = ["mlflow-server", "--folder", str(folder / "server"), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", "from szmass.cli import main; main()", *words],
        cwd=checkout.path,
        env=checkout.environment(PYTHONPATH="src"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://{HOST}:{port}"
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert address in first, process.communicate()
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=60)
        assert stderr == ""
        assert process.returncode == 0


@contextmanager
def local_server(command: list[str], root: Path, port: int) -> Iterator[str]:
    """`mlflow ui` in a folder, until the block ends; its address."""
    with (root / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1", "--port", str(port)],
            cwd=root,
            env=Checkout(root).environment(**LIGHT),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    address = f"http://{HOST}:{port}"

    def healthy() -> bool:
        assert process.poll() is None, (root / "mlflow.log").read_text()
        try:
            with urlopen(f"{address}/health", timeout=5.0):  # noqa: S310
                return True
        except OSError:
            return False

    try:
        wait_for(healthy, seconds=START_S)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
