"""Runs of killed processes end at the next start; those of living ones go on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import mlflow
import pytest

from helpers.mlflow_runs import runs_of
from szmass.tracking import open_run
from szmass.tracking.processes import HOST, STARTED, process_facts

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@pytest.fixture
def process() -> Iterator[subprocess.Popen]:
    """A process that a run could be of."""
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def start() -> None:
    with open_run("train_ended", sections={}, paths={}):
        pass


def test_the_next_start_ends_the_runs_of_killed_processes_of_this_machine(
    process: subprocess.Popen,
):
    start()
    (own,) = runs_of("ended")
    ours = process_facts(os.getpid())
    assert ours.items() <= own.data.tags.items()
    tags = {
        "alive": process_facts(process.pid),
        "number taken by another process": ours | {STARTED: "1"},
        "of another machine": process_facts(process.pid) | {HOST: "elsewhere", STARTED: "1"},
        "without a process": {},
    }
    client = mlflow.MlflowClient()
    started = {
        name: client.create_run(own.info.experiment_id, tags=facts).info.run_id
        for name, facts in tags.items()
    }

    def statuses() -> dict[str, str]:
        return {name: client.get_run(run).info.status for name, run in started.items()}

    expected = dict.fromkeys(tags, "RUNNING") | {"number taken by another process": "KILLED"}
    start()
    assert statuses() == expected
    process.kill()  # and nobody has asked how it ended
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    start()
    assert statuses() == expected | {"alive": "KILLED"}
