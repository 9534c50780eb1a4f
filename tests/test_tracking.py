"""Runs in a real MLflow: a database of the repository's own, and a server that gets lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep
from urllib.request import urlopen

import numpy as np
import pytest
from checkout import Checkout
from source_tree import imports, reached_from

from szmass.params import Params

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

    from szmass import tracking

SERVER_START_S = 120.0
pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@dataclass(frozen=True)
class Server:
    """An MLflow server on the loopback interface."""

    process: subprocess.Popen
    uri: str

    def send(self, number: signal.Signals) -> None:
        os.killpg(self.process.pid, number)

    def wait_until_up(self) -> None:
        def up() -> bool:
            try:
                with urlopen(f"{self.uri}/health", timeout=5.0) as answer:  # noqa: S310
                    return answer.status == HTTPStatus.OK
            except OSError:
                return False

        wait_for(up, seconds=SERVER_START_S)


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Starts while the tests that need none go ahead."""
    folder = tmp_path_factory.mktemp("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--backend-store-uri",
            f"sqlite:///{folder}/server.db",
            "--artifacts-destination",
            str(folder / "artifacts"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    )
    server = Server(process, f"http://127.0.0.1:{port}")
    yield server
    if process.poll() is None:
        server.send(signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a DVC repository, whose database the tests share."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".dvc").mkdir()
    return root


@pytest.fixture(autouse=True)
def in_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(repository)


def wait_for(condition: Callable[[], object], *, seconds: float) -> None:
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, f"still not so after {seconds} s"
        sleep(0.1)


def runs_of(line_of_work: str) -> list[mlflow.entities.Run]:
    """The runs of an experiment, the newest first."""
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name(line_of_work)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id]))


def write_weights(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / tracking.WEIGHTS_FILE
    weights.write_text(content)
    return weights


def test_a_run_records_settings_facts_and_data(
    repository: Path, params: Params, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DVC_EXP_NAME", "wormy-dusk")
    md5 = "3747c3b1a5cf2a3d8f4b1c2d3e4f5061.dir"
    (repository / "dvc.lock").write_text(
        "schema: '2.0'\nstages:\n"
        "  simulate_microwave:\n    cmd: x\n    outs:\n"
        f"    - {{path: data/microwave.zarr, hash: md5, md5: {md5}, size: 1, nfiles: 1}}\n"
        "  train_facts:\n    cmd: x\n    outs:\n"
        "    - {path: models/facts, hash: md5, md5: 0123, size: 1}\n"
    )
    paths = {"microwave_store": Path("data/microwave.zarr"), "model": Path("models/facts")}
    sections = {"seed": params.seed, "microwave": params.microwave}

    with tracking.open_run("train_facts", sections=sections, paths=paths):
        pass

    (run,) = runs_of("facts")
    assert run.info.status == "FINISHED"
    assert run.info.run_name == "train_facts wormy-dusk"
    assert run.data.params["microwave.components.cmb"] == "True"
    assert run.data.params["microwave.redshift"] == "0.7"
    assert run.data.params["seed"] == str(params.seed)
    tags = run.data.tags
    assert tags["dvc.stage"] == "train_facts"
    assert tags["dvc.exp_name"] == "wormy-dusk"
    assert tags["data.microwave_store.md5"] == md5
    assert "data.model.md5" not in tags
    assert tags["hardware.cpu"]
    assert int(tags["hardware.cores"]) >= 1
    assert run.inputs is not None
    (dataset,) = run.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("microwave.zarr", md5)
    source = mlflow.data.get_source(dataset)
    assert source == tracking.DvcSource("data/microwave.zarr", md5, "wormy-dusk")
    (repository / "dvc.lock").unlink()


def test_files_lie_at_the_root_of_the_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DVC_ROOT", str(repository))
    monkeypatch.chdir(tmp_path)  # as an experiment runs in a temporary copy
    (tmp_path / "table.md").write_text("one")
    (tmp_path / "fig4.png").write_text("two")

    with tracking.open_run("evaluate_files", sections={}, paths={}) as run:
        run.artifact(Path("table.md"), "tables")
        run.figure(Path("fig4.png"))

    (recorded,) = runs_of("files")
    files = repository / "mlartifacts" / "files" / recorded.info.run_id / "artifacts"
    assert (files / "tables" / "table.md").read_text() == "one"
    assert (files / "figures" / "fig4.png").read_text() == "two"
    assert not list(tmp_path.glob("ml*"))


def test_metrics_are_seen_within_seconds_and_none_is_lost():
    client = mlflow.MlflowClient()
    with tracking.open_run("train_live", sections={}, paths={}) as run:
        run.metric("loss", 1.0, 1)
        (live,) = runs_of("live")
        wait_for(lambda: client.get_run(live.info.run_id).data.metrics, seconds=5.0)
        assert client.get_run(live.info.run_id).info.status == "RUNNING"
        started = monotonic()
        for step in range(2, 2501):
            run.metric("loss", 1.0 / step, step)
        assert monotonic() - started < 1.0

    history = client.get_metric_history(live.info.run_id, "loss")
    assert {metric.step: metric.value for metric in history} == {
        step: 1.0 / step for step in range(1, 2501)
    }


def test_a_child_is_a_run_within_the_run():
    with tracking.open_run("train_nest", sections={}, paths={}) as run:
        for name in ("member_000", "member_001"):
            with run.child(name) as child:
                child.metric("loss", 0.5, 1)
                child.tags({"number": name[-3:]})

    runs = {run.info.run_name: run for run in runs_of("nest")}
    (parent,) = [run for run in runs.values() if tracking.PARENT not in run.data.tags]
    for name in ("member_000", "member_001"):
        assert runs[name].data.tags[tracking.PARENT] == parent.info.run_id
        assert runs[name].data.metrics == {"loss": 0.5}
        assert runs[name].data.tags["number"] == name[-3:]
        assert runs[name].info.status == "FINISHED"


def test_members_of_an_ensemble_are_runs_within_the_ensemble_within_the_bin():
    with tracking.open_run("train_cnn", sections={}, paths={}, items=["z1"]) as run:
        started = monotonic()
        with run.child("planck_m500c") as ensemble:
            for number in range(5):
                with ensemble.child(f"member_{number:03d}") as member:
                    for epoch in range(1, 201):
                        member.metric("loss", 1.0 / epoch, epoch)
        assert monotonic() - started < 1.0

    runs = {run.info.run_name: run for run in runs_of("cnn-ensemble")}
    (bin_name,) = [name for name in runs if name.startswith("train_cnn z1")]
    ensemble_run, member_run = runs["planck_m500c"], runs["member_004"]
    assert ensemble_run.data.tags[tracking.PARENT] == runs[bin_name].info.run_id
    assert member_run.data.tags[tracking.PARENT] == ensemble_run.info.run_id
    history = mlflow.MlflowClient().get_metric_history(member_run.info.run_id, "loss")
    assert len(history) == 200


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_an_error_ends_run_and_child(error: type[BaseException], status: str):
    def train() -> None:
        with tracking.open_run(f"train_{status}", sections={}, paths={}) as run:
            run.metric("loss", 1.0, 1)
            with run.child("member_000"):
                raise error

    with pytest.raises(error):
        train()

    runs = runs_of(status)
    assert [run.info.status for run in runs] == [status, status]
    assert sum(run.data.metrics == {"loss": 1.0} for run in runs) == 1


def test_an_evaluation_reports_to_the_run_that_trained_the_weights(tmp_path: Path):
    figure = tmp_path / "fig4.png"
    figure.write_text("picture")
    trained = write_weights(tmp_path / "a", "weights")
    with tracking.open_run("train_pair", sections={"seed": 1}, paths={}) as run:
        run.tags({tracking.TRAINED: tracking._sha256(trained)})
    with tracking.open_run("train_pair", sections={"seed": 2}, paths={}) as run:
        run.tags({tracking.TRAINED: tracking._sha256(write_weights(tmp_path / "b", "others"))})

    with tracking.open_run("evaluate_pair", sections={"draws": 500}, paths={}) as run:
        run.continue_training_run(trained)
        run.metric("scatter_ln_mass", 0.18)
        run.figure(figure)

    evaluation, other, training = runs_of("pair")
    assert training.data.params == {"seed": "1"}
    assert training.data.metrics == {"scatter_ln_mass": 0.18}
    assert training.info.status == "FINISHED"
    files = mlflow.MlflowClient().list_artifacts(training.info.run_id, "figures")
    assert [file.path for file in files] == ["figures/fig4.png"]
    assert other.data.metrics == {}
    assert evaluation.data.tags[tracking.PARENT] == training.info.run_id
    assert evaluation.data.params == {"draws": "500"}
    assert evaluation.data.metrics == {}


def test_an_evaluation_prefers_the_training_of_its_own_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    weights = write_weights(tmp_path, "the same from both")
    for name in ("first", "second"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        with tracking.open_run("train_twice", sections={}, paths={}) as run:
            run.tags({tracking.TRAINED: tracking._sha256(weights)})

    monkeypatch.setenv("DVC_EXP_NAME", "first")
    with tracking.open_run("evaluate_twice", sections={}, paths={}) as run:
        run.continue_training_run(weights)

    evaluation, _, first = runs_of("twice")
    assert evaluation.data.tags[tracking.PARENT] == first.info.run_id


def test_an_evaluation_of_unknown_weights_has_a_run_of_its_own(tmp_path: Path):
    weights = write_weights(tmp_path, "from elsewhere")
    with tracking.open_run("evaluate_alone", sections={}, paths={}) as run:
        run.continue_training_run(weights)
        run.metric("scatter_ln_mass", 0.2)

    (evaluation,) = runs_of("alone")
    assert evaluation.data.metrics == {"scatter_ln_mass": 0.2}
    assert evaluation.data.tags[tracking.JUDGED] == tracking._sha256(weights)
    assert tracking.PARENT not in evaluation.data.tags


def test_a_logged_model_is_registered_and_predicts_without_szmass(repository: Path, tmp_path: Path):
    from szmass.learning.arrays import Normalisation
    from szmass.learning.estimator import MresunetEstimator
    from szmass.learning.mresunet import mresunet

    normalisation = Normalisation(
        temperature_uk=300.0, sz_uk=250.0, mass_msun=4e14, mass_image="flat"
    )
    estimator = MresunetEstimator(mresunet(pixels=16, width=1, dropout=0.0), normalisation)
    estimator.save(tmp_path / "model")
    maps_uk = np.random.default_rng(1).normal(0.0, 100.0, (3, 16, 16)).astype(np.float32)
    np.save(tmp_path / "maps_uk.npy", maps_uk)

    with tracking.open_run("train_served", sections={"seed": 1}, paths={}) as run:
        run.model(tmp_path / "model", "served")

    assert list((repository / "mlartifacts" / "served" / "models").glob("*/artifacts/MLmodel"))
    (training,) = runs_of("served")
    weights = tmp_path / "model" / tracking.WEIGHTS_FILE
    assert training.data.tags[tracking.TRAINED] == tracking._sha256(weights)
    script = (
        "import mlflow, numpy as np, sys\n"
        f"mlflow.set_tracking_uri('sqlite:///{repository}/mlflow.db')\n"
        "model = mlflow.pyfunc.load_model('models:/served/latest')\n"
        f"out = model.predict(np.load('{tmp_path}/maps_uk.npy'))\n"
        f"np.savez('{tmp_path}/out.npz', **out)\n"
        "try: model.predict(np.zeros((1, 8, 8), 'f4'))\n"
        "except Exception as error: print(type(error).__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=Checkout(tmp_path).environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["MlflowException"]
    m200c_msun, sz_uk = estimator(maps_uk)
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_allclose(out["m200c_msun"], m200c_msun, rtol=1e-5)
        np.testing.assert_allclose(out["sz_uk"], sz_uk, rtol=1e-4, atol=1e-3)


def test_a_served_model_asks_for_every_package_that_it_imports():
    modules = reached_from("szmass.served_mresunet")
    packages = {name.split(".")[0] for module in modules for name in imports(module)}
    needed = {"ruamel.yaml" if name == "ruamel" else name for name in packages}
    needed -= sys.stdlib_module_names | {"szmass"}
    # a backend for keras; the spectra, and CAMB with them, are behind the trained network
    assert set(tracking.SERVING_REQUIREMENTS) == needed - {"camb"} | {"tensorflow"}


def test_processes_that_open_a_new_database_at_once_all_succeed(tmp_path: Path):
    checkout = Checkout.create(tmp_path)
    (tmp_path / ".dvc").mkdir()
    checkout.write_stage(
        "train_crowd",
        """
        def train_crowd(seed: int, *, run) -> None:
            for step in range(100):
                run.metric("loss", 1.0, step)
        """,
    )

    processes = [checkout.start_stage("train_crowd") for _ in range(3)]
    errors = [process.communicate()[1] for process in processes]

    assert errors == ["", "", ""]
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    runs = runs_of("crowd")
    client = mlflow.MlflowClient()
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    assert [len(client.get_metric_history(run.info.run_id, "loss")) for run in runs] == [100] * 3


def test_no_repository_and_no_server_are_told_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(tracking.TrackingError, match="no DVC repository here or above"):
            tracking.open_run("train_none", sections={}, paths={}).__enter__()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(tracking.TrackingError, match=r"http://127\.0\.0\.1:9 ") as caught:
        tracking.open_run("train_none", sections={}, paths={}).__enter__()
    assert "secret" not in str(caught.value)


def test_a_relative_database_lies_at_the_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///tracks/runs.db")
    assert tracking.tracking_uri(Path("/repo")) == "sqlite:////repo/tracks/runs.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:////elsewhere/runs.db")
    assert tracking.tracking_uri(Path("/root")) == "sqlite:////elsewhere/runs.db"


def test_a_lost_server_costs_the_training_nothing(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    monkeypatch.setattr(tracking, "AWAY_S", 0.5)
    server.wait_until_up()
    table = tmp_path / "table.md"
    table.write_text("numbers")
    client = mlflow.MlflowClient(server.uri)

    with tracking.open_run("train_remote", sections={"seed": 1}, paths={}) as run:
        run.metric("loss", 1.0, 1)
        run.artifact(table)
        (live,) = runs_of("remote")
        history = lambda: client.get_metric_history(live.info.run_id, "loss")  # noqa: E731
        wait_for(history, seconds=10.0)
        assert client.get_run(live.info.run_id).data.params == {"seed": "1"}
        assert live.info.artifact_uri.startswith("mlflow-artifacts:")

        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
        server.send(signal.SIGSTOP)
        started = monotonic()
        run.metric("loss", 0.5, 2)
        run.metric("loss", 0.25, 3)
        assert monotonic() - started < 0.1
        wait_for(lambda: "does not answer" in caplog.text, seconds=60.0)
        server.send(signal.SIGCONT)
        monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
        wait_for(lambda: len(history()) == 3, seconds=60.0)
        assert [file.path for file in client.list_artifacts(live.info.run_id)] == ["table.md"]

        server.send(signal.SIGKILL)
        run.metric("loss", 0.125, 4)

    assert f"MLflow at {server.uri} has no record of: metrics, its end" in caplog.text
