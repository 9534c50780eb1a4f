"""A model in MLflow: registered, and of use without szmass."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from checkout import Checkout
from mlflow_runs import runs_of
from source_tree import imports, reached_from

from szmass.provenance import sha256
from szmass.tracking import open_run
from szmass.tracking.models import SERVING_REQUIREMENTS, WEIGHTS_FILE
from szmass.tracking.runs import TRAINED

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


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

    with open_run("train_served", sections={"seed": 1}, paths={}) as run:
        run.model(tmp_path / "model", "served")

    assert list((repository / "mlartifacts" / "served" / "models").glob("*/artifacts/MLmodel"))
    (training,) = runs_of("served")
    weights = tmp_path / "model" / WEIGHTS_FILE
    assert training.data.tags[TRAINED] == sha256(weights)
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
    assert set(SERVING_REQUIREMENTS) == needed - {"camb"} | {"tensorflow"}
