"""A registered record of weighing, as MLflow loads it."""

from __future__ import annotations

import json
import os
import warnings
from base64 import b64encode
from http import HTTPStatus
from io import BytesIO
from pathlib import Path
from threading import Thread
from time import sleep
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import uvicorn

from helpers import ROOT
from helpers.mlflow_runs import free_port
from helpers.pages import FENCED
from helpers.toy_weighing import GRID, linear_network, toy_ensemble, toy_record
from szmass.weighing.record import Record
from szmass.weighing.weigher import Weigher

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    from mlflow.exceptions import MlflowException
    from mlflow.pyfunc import scoring_server

    from szmass.hashes import sha256
    from szmass.predict.served.request import MOST_MAPS, RequestError
    from szmass.tracking import open_run
    from szmass.tracking.best import ALIAS
    from szmass.tracking.models import WEIGHING_COLUMNS

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
REDSHIFT = np.array([0.1, 0.3])


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with one record, registered; the current folder."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".dvc").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING"))]:
            patch.delenv(name)
        patch.chdir(root)
        train(write_record(root / "models" / "1.npz", offset=-3.0), -1.0)
        yield root


def write_record(path: Path, offset: float) -> Path:
    path.parent.mkdir(exist_ok=True)
    network = toy_ensemble(linear_network(slope=1.0, offset=offset, sigma=0.2))
    toy_record(network, least_level=2e-8, largest_level=4e-6).write(path)
    return path


def train(path: Path, loss: float) -> None:
    """Reports as `train_weighing` does."""
    with open_run("train_weighing", sections={}, paths={}) as run:
        run.metric("validation_loss", loss)
        run.model(path, "weighing")


def maps() -> np.ndarray:
    image = np.exp(-0.5 * (GRID.radius_arcmin / 5.0) ** 2)
    noise = np.random.default_rng(1).standard_normal((2, *image.shape))
    return (1e-6 * (20.0 * image + noise)).astype(np.float32)


def test_a_loaded_record_weighs_as_the_record_does(repository):
    model = mlflow.pyfunc.load_model("models:/weighing/1")
    found = model.predict({"compton_y": maps(), "redshift": REDSHIFT})
    weigher = Weigher(Record.read(repository / "models" / "1.npz"))
    inputs = weigher.inputs(maps(), REDSHIFT)
    expected = weigher(inputs, prior="psz2", gas="gadget_x")
    assert (
        set(found)
        == {*WEIGHING_COLUMNS, "flags"}
        == {*expected, "signal_to_noise", "chi2", "flags"}
    )
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
    assert {one.name for one in model.metadata.signature.outputs.inputs} == set(found)
    with pytest.raises(MlflowException, match=r"^map 1: .*redshift"):
        model.predict({"compton_y": maps(), "redshift": np.array([0.1, -1.0])})


@pytest.fixture
def address(repository):
    """Of MLflow's server with the record."""
    app = scoring_server.init(mlflow.pyfunc.load_model("models:/weighing/1"))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="critical"))
    thread = Thread(target=server.run)
    thread.start()
    while not server.started:
        sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


def refusal(address: str, **inputs: object) -> str:
    """Why a request is refused."""
    body = json.dumps({"inputs": inputs}).encode()
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{address}/invocations", body, {"Content-Type": "application/json"}))  # noqa: S310
    with caught.value as error:
        assert error.code == HTTPStatus.BAD_REQUEST
        return json.loads(error.read())["message"]


def npy(image: np.ndarray) -> bytes:
    """A map as numpy.save writes it."""
    with BytesIO() as file:
        np.save(file, image)
        return file.getvalue()


def as_text(file: bytes) -> str:
    return b64encode(file).decode()


def test_the_documented_client_gets_the_masses_of_maps_in_any_form(
    address, repository, monkeypatch
):
    folder = repository / "client"
    folder.mkdir()
    for name, image in zip(("first", "second"), maps(), strict=True):
        np.save(folder / f"{name}.npy", image)
    (client,) = (
        block
        for language, block in FENCED.findall((ROOT / "docs" / "cluster.md").read_text())
        if language == "python"
    )
    model = mlflow.pyfunc.load_model("models:/weighing/1")
    expected = model.predict({"compton_y": maps(), "redshift": np.array([0.31, 0.12])})
    names: dict[str, dict] = {}
    monkeypatch.chdir(folder)
    exec(client.replace("http://127.0.0.1:5001", address), names)  # noqa: S102  # our own page
    assert set(names["masses"]) == set(expected)
    np.testing.assert_array_equal(names["masses"]["m500_msun"], expected["m500_msun"])

    one, two = maps()
    forms = {
        "lists": [one.tolist(), two.tolist()],
        "files": [as_text(npy(one)), as_text(npy(two))],
        "float64": [as_text(npy(one.astype(float))), as_text(npy(two.astype(float)))],
        "big-endian": [as_text(npy(one.astype(">f4"))), as_text(npy(two.astype(">f4")))],
        "by columns": [as_text(npy(np.asfortranarray(one))), as_text(npy(np.asfortranarray(two)))],
        "both": [one.tolist(), as_text(npy(two))],
    }
    for form, (first, second) in forms.items():
        records = [
            {"compton_y": first, "redshift": 0.31},
            {"compton_y": second, "redshift": 0.12},
        ]
        inputs = {"compton_y": [first, second], "redshift": [0.31, 0.12]}
        for content in ({"inputs": inputs}, {"instances": records}):
            if form == "both" and "instances" in content:
                continue  # MLflow makes one array of a record's column
            body = json.dumps(content).encode()
            with urlopen(Request(f"{address}/invocations", body, names["kind"])) as answer:  # noqa: S310
                assert json.load(answer)["predictions"] == names["masses"], (form, list(content))


def test_requests_that_cannot_be_used_are_refused_with_the_reason_alone(address):
    one, two = maps().tolist()
    unequal = (
        "2 maps in compton_y, redshift of shape (1,): expected a list with one number for each"
    )
    assert refusal(address, compton_y=[one, two], redshift=[0.3]) == f"{unequal} map"
    assert "redshift of shape (1, 1)" in refusal(address, compton_y=[one], redshift=[[0.3]])
    assert "redshift of shape ()" in refusal(address, compton_y=[one], redshift=0.3)
    assert refusal(address, compton_y="map", redshift=[0.3]).startswith(
        "no list of maps in compton"
    )
    message = refusal(address, compton_y=[one, two], redshift=[True, None])
    assert message == (
        "map 0: redshift = True is a bool: expected a number above 0 and at most 1\n"
        "map 1: redshift missing: expected a number above 0 and at most 1"
    )
    many = refusal(address, compton_y=[one] * (MOST_MAPS + 1), redshift=[0.3] * (MOST_MAPS + 1))
    assert f"{MOST_MAPS + 1} maps: expected 1 to {MOST_MAPS} in a request" in many
    deep = json.loads("[" * 100 + "]" * 100)
    assert "dimension" in refusal(address, compton_y=deep, redshift=[0.3])
    assert "redshift of shape (1, 1, " in refusal(address, compton_y=[one], redshift=deep)


WITH_HEADER = npy(np.zeros((2, 2)))
IMAGE = maps()[0]
SIZE = f"{GRID.pixels} x {GRID.pixels} pixels of {GRID.pixel_arcmin:g}'"


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (IMAGE[1:].tolist(), f"map of shape ({GRID.pixels - 1}, {GRID.pixels}): expected {SIZE}"),
        ([*IMAGE[1:].tolist(), [0.0]], "map is no square of numbers: setting an array element"),
        ([[True] * GRID.pixels] * GRID.pixels, "map of type bool: expected numbers"),
        ([["y"] * GRID.pixels] * GRID.pixels, "map of type <U1: expected numbers"),
        ([[None] * GRID.pixels] * GRID.pixels, "map of type object: expected numbers"),
        (0.5, f"map of shape (): expected {SIZE}"),
        (None, f"map of shape (): expected {SIZE}"),
        ("", "map is text: expected a .npy file as base64: EOF: reading magic string"),
        ("first.npy", "map is text: expected a .npy file as base64: "),
        ("é", "map is text: expected a .npy file as base64: string argument should contain only"),
        (as_text(IMAGE.tobytes()), "expected a .npy file as base64: the magic string is not corr"),
        (as_text(npy(IMAGE)[:-4]), "expected a .npy file as base64: EOF: reading array data"),
        (as_text(npy(IMAGE) + b"more"), "map is text: 4 bytes behind the array of its .npy file"),
        (as_text(npy(IMAGE[:8, :8])), f"map of shape (8, 8): expected {SIZE}"),
        (as_text(npy(maps())), f"map of shape (2, {GRID.pixels}, {GRID.pixels}): expected {SIZE}"),
        (as_text(npy(IMAGE.astype(complex))), "map of type complex128: expected numbers"),
        (as_text(npy(IMAGE > 0.0)), "map of type bool: expected numbers"),
        (as_text(npy(IMAGE * np.nan)), "pixels are masked or not finite"),
        (as_text(npy(IMAGE * 1e6)), "expected a dimensionless Compton y"),
        (as_text(WITH_HEADER.replace(b"(2, 2)", b"(9 9) ")), "expected a .npy file as base64: "),
        (as_text(WITH_HEADER.replace(b"(2, 2)", b"(9**9)")), "expected a .npy file as base64: "),
        (as_text(WITH_HEADER.replace(b"(2, 2), ", b"(9999999,9999),")), "expected a .npy file as"),
        (as_text(WITH_HEADER.replace(b"<f8", b"|O")), "expected a .npy file as base64: "),
    ],
)  # fmt: skip
def test_a_map_that_cannot_be_used_is_named_with_what_was_expected(sent, message):
    model = mlflow.pyfunc.load_model("models:/weighing/1")
    refused = np.empty(2, object)
    refused[:] = [IMAGE.tolist(), sent]
    with pytest.raises(RequestError) as caught:
        model.predict({"compton_y": refused, "redshift": REDSHIFT})
    assert caught.value.message.startswith("map 1: ")
    assert message in caught.value.message
    assert len(caught.value.message) < 300


def test_the_record_with_the_least_validation_loss_is_the_best(repository):
    for number, loss, best in ((2, -0.9, 1), (3, -1.2, 3)):
        record = write_record(repository / "models" / f"{number}.npz", offset=-float(number))
        train(record, loss)
        client = mlflow.MlflowClient()
        assert int(client.get_model_version_by_alias("weighing", ALIAS).version) == best
    client = mlflow.MlflowClient()
    run = client.get_run(str(client.get_model_version("weighing", "3").run_id))
    assert run.data.tags["model.sha256"] == sha256(record)
