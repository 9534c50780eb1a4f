"""The registered models behind `mlflow models serve`: what comes back over HTTP."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import psutil
import pytest

from helpers.checkout import Checkout
from helpers.committed import SETTINGS
from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import small_params, write_stores
from helpers.source_tree import imports, reached_from
from szmass.cli import main
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.predictor import make_record
from szmass.hashes import sha256
from szmass.microwave.network.arrays import Normalisation
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet
from szmass.params import Params

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

    from szmass.tracking import open_run
    from szmass.tracking.models import (
        RECORD_FILE,
        SERVED_COLUMNS,
        SERVING_REQUIREMENTS,
        WEIGHTS_FILE,
    )
    from szmass.tracking.runs import TRAINED

SERVER_START_S = 120.0
LOOPBACK = "127.0.0.1"
pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@dataclass(frozen=True)
class Server:
    """`mlflow models serve` of a registered model, in a process group of its own."""

    process: subprocess.Popen
    port: int

    @classmethod
    def start(cls, root: Path, model: str) -> Server:
        """Serves the newest version of a model of the database in `root`."""
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            port = free.getsockname()[1]
        command = ["serve", "--model-uri", f"models:/{model}/latest", "--env-manager", "local"]
        process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", *command, "--port", str(port)],
            cwd=root,
            env=Checkout(root).environment(
                MLFLOW_TRACKING_URI=f"sqlite:///{root}/mlflow.db", PYTHONPATH=str(root / "hidden")
            ),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        return cls(process, port)

    def ask(self, path: str, content: object = None) -> dict[str, Any]:
        """A GET, or a POST of something as JSON; strict about the answer's JSON."""
        body = None if content is None else json.dumps(content).encode()
        url, kind = f"http://{LOOPBACK}:{self.port}{path}", {"Content-Type": "application/json"}
        with urlopen(Request(url, body, kind), timeout=60.0) as answer:
            return json.loads(answer.read().strip() or "{}", parse_constant=pytest.fail)

    def predictions(self, inputs: object) -> Mapping[str, Any]:
        return self.ask("/invocations", {"inputs": inputs})["predictions"]

    def wait_until_up(self) -> None:
        end = monotonic() + SERVER_START_S
        while True:
            try:
                self.ask("/health")
            except OSError:
                assert self.process.poll() is None
                assert monotonic() < end
                sleep(0.1)
            else:
                return


@pytest.fixture(scope="module")
def root(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with both lines' models, registered; the current folder."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".dvc").mkdir()
    # whoever serves a model needs no szmass, and this one could not be used
    (root / "hidden").mkdir()
    (root / "hidden" / "szmass.py").write_text("raise ImportError('not the model\\'s own szmass')")
    shutil.copy(SETTINGS, root)
    small = small_params(params)
    models, record = (root / small.paths[key] for key in ("cnn_models", "cnn_posterior"))
    store = open_planck_store(write_stores(root, small)["planck_store"])
    write_ensembles(models, {"planck": store}, small)
    settings = {name: getattr(small, name) for name in ("compton", "cnn", "posterior")}
    make_record(models, small.bins, **settings).write(record)
    normalisation = Normalisation(300.0, 250.0, 4e14, "flat")
    estimator = MresunetEstimator(mresunet(pixels=16, width=1), normalisation)
    estimator.save(root / "models" / "mresunet")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING"))]:
            patch.delenv(name)
        patch.chdir(root)
        with open_run("infer_psz2", sections={}, paths={}) as run:
            run.model(record, "cnn-ensemble", models)
        with open_run("train_mresunet", sections={}, paths={}) as run:
            run.model(root / "models" / "mresunet", "mresunet")
        yield root


@pytest.fixture(scope="module")
def servers(root: Path) -> Iterator[dict[str, Server]]:
    """A server of each line's model; both start at once."""
    servers = {name: Server.start(root, name) for name in ("cnn-ensemble", "mresunet")}
    try:
        for server in servers.values():
            server.wait_until_up()
        yield servers
    finally:
        for server in servers.values():
            os.killpg(server.process.pid, signal.SIGKILL)
            server.process.wait()


@pytest.fixture
def rows(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Test maps and their redshifts, from both redshift bins."""
    store = open_planck_store(root / "planck.zarr")
    rows = partition_rows(store, "test")[::40]
    return store.read("compton_y", rows), store.read("redshift", rows)


def predicted(
    root: Path, maps: np.ndarray, redshift: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> dict[str, Any]:
    """What `szmass predict` says of these maps."""
    lines = ["file,redshift,name"]
    for number, (image, value) in enumerate(zip(maps, redshift, strict=True)):
        np.save(root / f"{number}.npy", image)
        lines.append(f"{number}.npy,{float(value)!r},{number}")
    (root / "cutouts.csv").write_text("\n".join(lines) + "\n")
    try:
        main(["predict", "--models", "cnn", "--table", "cutouts.csv", "--json"])
    except SystemExit as told:
        assert "some maps could not be used" in str(told)  # noqa: PT017  # the exit's own text
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("model", "identity"),
    [
        ("mresunet", f"mresunet/{WEIGHTS_FILE}"),
        ("cnn-ensemble", f"cnn_posterior/{RECORD_FILE}"),
    ],
)
def test_a_model_is_registered_with_the_run_that_made_it(
    root: Path, model: str, identity: str
) -> None:
    client = mlflow.MlflowClient()
    (version,) = client.search_model_versions(f"name = '{model}'")
    assert version.run_id
    assert version.source
    facts = client.get_run(version.run_id).data.tags
    assert facts[TRAINED] == sha256(root / "models" / identity)
    logged = version.source.removeprefix("models:/")
    (files,) = (root / "mlartifacts").glob(f"*/models/{logged}/artifacts")
    assert (files / "MLmodel").is_file()


def test_the_ensembles_serve_the_masses_that_predict_prints(
    root: Path,
    servers: dict[str, Server],
    rows: tuple[np.ndarray, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    maps, redshift = rows
    inputs = {"compton_y": maps.tolist(), "redshift": redshift.tolist()}
    served = servers["cnn-ensemble"].predictions(inputs)
    clusters = predicted(root, maps, redshift, capsys)["clusters"]
    assert {cluster["bin"] for cluster in clusters} == {"z1", "z2"}
    assert set(served) >= {"problem", *SERVED_COLUMNS}
    assert served["problem"] == [""] * len(maps)
    for name in SERVED_COLUMNS:
        wanted = [float(cluster[name]) for cluster in clusters]
        np.testing.assert_allclose(served[name], wanted, rtol=1e-5, err_msg=name)


def test_bad_rows_of_a_request_are_told_and_the_rest_is_done(
    root: Path,
    servers: dict[str, Server],
    rows: tuple[np.ndarray, np.ndarray],
    capsys: pytest.CaptureFixture[str],
) -> None:
    maps, redshift = (np.repeat(values[-1:], 5, axis=0) for values in rows)
    maps[0, 3, 5] = np.nan
    maps[1] *= 1e6
    redshift[2], redshift[4] = 1.4, 0.1  # no redshift for szmass, none of these networks
    inputs = {"compton_y": maps.tolist(), "redshift": redshift.tolist()}
    served = servers["cnn-ensemble"].predictions(inputs)
    told = predicted(root, maps, redshift, capsys)
    (cluster,) = told["clusters"]
    assert served["problem"][3] == ""
    assert served["m500_msun"][3] == pytest.approx(cluster["m500_msun"], rel=1e-5)
    bad = [problem for problem in served["problem"] if problem]
    for ours, theirs in zip(bad, told["problems"], strict=True):
        assert theirs.endswith(ours)
    for name in SERVED_COLUMNS:
        assert [value is None for value in served[name]] == [True, True, True, False, True]


def refused(server: Server, inputs: object) -> str:
    """The message of a request that the server refuses."""
    with pytest.raises(HTTPError) as caught:
        server.predictions(inputs)
    with caught.value as error:
        assert error.code == HTTPStatus.BAD_REQUEST
        return json.loads(error.read())["message"]


def test_a_request_without_any_usable_map_is_refused(
    servers: dict[str, Server], rows: tuple[np.ndarray, np.ndarray]
) -> None:
    server, maps = servers["cnn-ensemble"], rows[0][:2].tolist()
    message = refused(server, {"compton_y": maps, "redshift": [-0.3, 2.0]})
    assert "no map could be used:\nmap 0: redshift = -0.3: expected a number above 0" in message
    assert "map 1: redshift = 2:" in message
    message = refused(server, {"compton_y": np.zeros((1, 8, 8)).tolist(), "redshift": [0.3]})
    assert message.endswith("map 0: map of shape (8, 8): expected 32 x 32 pixels of 1.7'")
    assert "redshift = True is a bool" in refused(
        server, {"compton_y": maps[:1], "redshift": [True]}
    )
    message = refused(server, {"compton_y": maps, "redshift": [0.3]})
    assert "2 maps in compton_y, redshift of shape (1,): expected a list with one number" in message


def test_the_mresunet_serves_the_masses_and_profiles_of_its_estimator(
    root: Path, servers: dict[str, Server]
) -> None:
    maps_uk = np.random.default_rng(1).normal(0.0, 100.0, (3, 16, 16)).astype(np.float32)
    served = servers["mresunet"].predictions(maps_uk.tolist())
    m200c_msun, sz_uk = MresunetEstimator.load(root / "models" / "mresunet")(maps_uk)
    np.testing.assert_allclose(served["m200c_msun"], m200c_msun, rtol=1e-5)
    np.testing.assert_allclose(served["sz_uk"], sz_uk, rtol=1e-4, atol=1e-3)
    assert "(-1, 16, 16)" in refused(servers["mresunet"], np.zeros((1, 8, 8)).tolist())
    maps_uk[1, 3, 5] = np.nan
    assert "map 1: has pixels that are not finite" in refused(servers["mresunet"], maps_uk.tolist())


def test_a_mresunet_that_was_changed_on_disk_is_not_served(root: Path, tmp_path: Path) -> None:
    (logged,) = (root / "mlartifacts").glob("mresunet/models/*/artifacts")
    shutil.copytree(logged, tmp_path / "copy")
    (weights,) = (tmp_path / "copy").rglob(WEIGHTS_FILE)
    whole, kernel = weights.read_bytes(), MresunetEstimator.load(weights.parent).model.weights[0]
    at = whole.index(kernel.numpy().tobytes())
    weights.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(ValueError, match=f"{WEIGHTS_FILE}: changed since it was saved"):
        mlflow.pyfunc.load_model(str(tmp_path / "copy"))


def test_the_servers_listen_to_this_machine_alone(servers: dict[str, Server]) -> None:
    for server in servers.values():
        family = psutil.Process(server.process.pid)
        listening = {
            (address.laddr.ip, address.laddr.port)
            for process in (family, *family.children(recursive=True))
            for address in process.net_connections()
            if address.status == psutil.CONN_LISTEN
        }
        assert listening == {(LOOPBACK, server.port)}


def test_served_models_ask_for_the_packages_that_they_import_and_no_other() -> None:
    served = ("cnn", "mresunet", "weighing")
    modules = set().union(*(reached_from(f"szmass.predict.served.{name}") for name in served))
    packages = {name.split(".")[0] for module in modules for name in imports(module)}
    needed = {"ruamel.yaml" if name == "ruamel" else name for name in packages}
    needed -= sys.stdlib_module_names | {"szmass"}
    # a backend for keras; the spectra, and CAMB with them, are behind the trained network
    assert set(SERVING_REQUIREMENTS) == needed - {"camb"} | {"tensorflow"}
