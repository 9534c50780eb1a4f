"""Another writer of the same output; a tracking server and a dask scheduler that vanish."""

from __future__ import annotations

from functools import partial
from time import sleep

import pytest

from helpers.dask_clusters import started_cluster
from helpers.fault_copies import MOST_SECONDS, FaultCopy, stages
from helpers.fault_tally import Tally
from helpers.mlflow_runs import free_port
from helpers.mlflow_servers import local_server

SHORT_S = 15.0
ONE_WRITER = "is writing it: expected one writer"
MOST_SECONDS_AWAY = 10.0


@pytest.mark.share(1)
def test_two_writers_of_one_output(copy: FaultCopy, tally: Tally) -> None:
    short = [name for name in stages() if copy.seconds[name] < SHORT_S and "@" not in name]
    for rng in tally.draws():
        stage = str(rng.choice(short))
        with tally.tried() as kinds:
            repro = copy.start("dvc", "repro", "--force", "--single-item", stage)
            sleep(rng.uniform(0.0, copy.seconds[stage]))
            other = copy.start_stage(stage)
            _, errors = other.communicate(timeout=MOST_SECONDS)
            refused = repro.wait(MOST_SECONDS) or other.returncode
            kinds.append("two writers, " + ("one refused" if refused else "one after the other"))
            assert other.returncode == 0 or ONE_WRITER in errors, errors
            assert repro.returncode == 0 or ONE_WRITER in copy.log_text(), copy.log_text()
            assert "Traceback" not in errors + copy.log_text()
            copy.repro()


@pytest.mark.share(1)
@pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
def test_a_tracking_server_that_vanishes_and_comes_back(copy: FaultCopy, tally: Tally) -> None:
    stage, port = "train_mresunet", free_port()
    database = f"sqlite:///{copy.place}/server.db"
    server = partial(
        local_server, ["mlflow", "ui", "--backend-store-uri", database], copy.place, port
    )
    start = partial(copy.start, "python", "-m", "szmass", stage, PYTHONPATH="src")
    for rng in tally.draws():
        with tally.tried() as kinds:
            with server() as address:
                training = start(MLFLOW_TRACKING_URI=address)
                sleep(rng.uniform(0.0, copy.seconds[stage]))
                kinds.extend(["a tracking server that vanishes"] * (training.poll() is None))
            sleep(rng.uniform(0.0, MOST_SECONDS_AWAY))
            with server():
                if training.wait(MOST_SECONDS):
                    assert f"szmass {stage}: error: MLflow at {address}" in copy.log_text()
                    assert "Traceback" not in copy.log_text()
                    assert start(MLFLOW_TRACKING_URI=address).wait(MOST_SECONDS) == 0
            copy.require_reference()


@pytest.mark.share(1)
def test_a_scheduler_that_vanishes_and_comes_back(copy: FaultCopy, tally: Tally) -> None:
    source = str(copy.path / "src")
    cluster = partial(
        started_cluster, copy.place / "tmp", scheduler_path=source, worker_path=source
    )
    for rng in tally.draws():
        stage = str(rng.choice(["simulate_microwave", "simulate_hydro", "simulate_clusters"]))
        start = partial(copy.start, "python", "-m", "szmass", stage, PYTHONPATH="src")
        with tally.tried() as kinds:
            with cluster() as (address, processes):
                simulation = start(DASK_SCHEDULER_ADDRESS=address)
                sleep(rng.uniform(0.0, copy.seconds[stage]))
                kinds.extend(["a dask scheduler that vanishes"] * (simulation.poll() is None))
                processes[0].kill()
                status = simulation.wait(MOST_SECONDS)
            if status:
                assert f"szmass {stage}: error: " in copy.log_text()
                assert f"scheduler at {address}" in copy.log_text(), copy.log_text()
                assert "Traceback" not in copy.log_text()
                with cluster() as (address, _):
                    assert start(DASK_SCHEDULER_ADDRESS=address).wait(MOST_SECONDS) == 0
            copy.require_reference()
