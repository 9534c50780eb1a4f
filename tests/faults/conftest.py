"""Options, the reference, and the table of what was tried; `make faults` runs what is here."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import cast

import pytest
from filelock import FileLock

from helpers.fault_copies import FaultCopy
from helpers.fault_tally import Counts, Tally, add, table

FOLDER = "SZMASS_FAULTS"
"""Variable with the folder that all of it lies in, for the processes of pytest-xdist."""
FAULTS = "faults"
TRIED: Counts = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=25.0, help="how long it tries")
    parser.addoption("--seed", type=int, help="of all that is drawn; else by the clock")


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        return
    if config.option.seed is None:
        config.option.seed = int(time())
    folder = tempfile.TemporaryDirectory(prefix="szmass-faults-", ignore_cleanup_errors=True)
    os.environ[FOLDER] = folder.name
    config.add_cleanup(folder.cleanup)
    (Path(folder.name) / "begun").write_text(str(time()))
    (Path(folder.name) / "seed").write_text(str(config.option.seed))


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: seed {config.option.seed}, {config.option.minutes:g} minutes"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for name, counts in report.user_properties if report.when == "teardown" else ():
        if name == FAULTS:
            add(TRIED, cast("Counts", counts))


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.section(f"faults of seed {config.option.seed}")
    terminalreporter.write_line(table(TRIED))


@pytest.fixture(scope="session")
def base() -> Path:
    """The folder that is removed at the end."""
    return Path(os.environ[FOLDER])


@pytest.fixture(scope="session")
def reference(base: Path) -> FaultCopy:
    """The pipeline's outputs as they should be; one process makes them for all."""
    place = base / "reference"
    with FileLock(base / "reference.lock"):
        if not (base / "made").exists():
            place.mkdir()
            FaultCopy.reference(place)
            (base / "made").write_text(str(time()))
    return FaultCopy(place / "szmass")


@pytest.fixture
def folder(base: Path) -> Path:
    """An empty folder."""
    return Path(tempfile.mkdtemp(dir=base))


@pytest.fixture
def copy(reference: FaultCopy, folder: Path) -> Iterator[FaultCopy]:
    """A copy of the reference; what still runs in it afterwards is ended."""
    copied = reference.copy(folder / "of")
    yield copied
    for process in copied.running():
        process.kill()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


@pytest.fixture
def tally(request: pytest.FixtureRequest, base: Path) -> Tally:
    """What the test tries, in its share of the time that is left; `share` marks it."""
    option, made = request.config.option, base / "made"
    lanes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    begun = float((base / "begun").read_text())
    end = begun + option.minutes * 60.0
    available = end - (float(made.read_text()) if made.exists() else begun)
    shares = sum(_share(item) for item in request.session.items)
    seconds = _share(request.node) / shares * lanes * available
    if time() > end:
        pytest.skip("no time is left")
    seed = int((base / "seed").read_text())
    tally = Tally(request.node.name, seed, min(seconds, end - time()))
    request.node.user_properties.append((FAULTS, tally.counts))
    return tally


def _share(item: pytest.Item) -> float:
    return sum(marker.args[0] for marker in item.iter_markers("share"))
