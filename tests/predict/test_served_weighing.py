"""A registered record of weighing, as MLflow loads it."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from helpers.toy_weighing import GRID, linear_network, toy_ensemble, toy_record
from szmass.weighing.record import Record
from szmass.weighing.weigher import Weigher

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    from mlflow.exceptions import MlflowException

    from szmass.provenance import sha256
    from szmass.tracking import open_run
    from szmass.tracking.best import ALIAS
    from szmass.tracking.models import WEIGHING_COLUMNS

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
REDSHIFT = np.array([0.1, 0.3])


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """An empty repository, where the database of its runs will be; the current folder."""
    (tmp_path / ".dvc").mkdir()
    for name in [name for name in os.environ if name.startswith(("DVC_", "MLFLOW_TRACKING"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


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
    record = write_record(repository / "models" / "toy.npz", offset=-3.0)
    train(record, -1.0)
    model = mlflow.pyfunc.load_model("models:/weighing/1")
    found = model.predict({"compton_y": maps(), "redshift": REDSHIFT})
    weigher = Weigher(Record.read(record))
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


def test_the_record_with_the_least_validation_loss_is_the_best(repository):
    for number, (loss, best) in enumerate([(-1.0, 1), (-0.9, 1), (-1.2, 3)], start=1):
        record = write_record(repository / "models" / f"{number}.npz", offset=-float(number))
        train(record, loss)
        client = mlflow.MlflowClient()
        assert int(client.get_model_version_by_alias("weighing", ALIAS).version) == best
    client = mlflow.MlflowClient()
    run = client.get_run(str(client.get_model_version("weighing", "3").run_id))
    assert run.data.tags["model.sha256"] == sha256(record)
