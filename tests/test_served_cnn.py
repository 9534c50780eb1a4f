"""The ensembles in MLflow: logged, registered, and of use without szmass."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from checkout import Checkout
from small_ensembles import small_params, write_ensembles, write_store
from source_tree import imports, reached_from

from szmass.inference.measured_knowledge import measure_knowledge
from szmass.inference.predictor import Predictor
from szmass.params import Params
from szmass.simulation.compton_samples import partition_rows

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from szmass.tracking import open_run
    from szmass.tracking.models import SERVED_COLUMNS, SERVING_REQUIREMENTS

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
SCRIPT = """
import mlflow, numpy as np
mlflow.set_tracking_uri('sqlite:///{root}/mlflow.db')
model = mlflow.pyfunc.load_model('models:/cnn-ensemble/latest')
with np.load('{root}/maps.npz') as maps:
    given = dict(maps)
np.savez('{root}/out.npz', **model.predict(given))
for change in ({{'redshift': given['redshift'] + 1.0}}, {{'compton_y': given['compton_y'] * 1e6}}):
    try:
        model.predict(given | change)
    except Exception as error:
        print(error)
"""


def test_the_logged_ensembles_predict_without_szmass(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, models = small_params(params), tmp_path / "cnn"
    (tmp_path / ".dvc").mkdir()
    store = write_store(tmp_path / "planck.zarr", small)
    write_ensembles(models, store, small)
    settings = {name: getattr(small, name) for name in ("compton", "cnn", "posterior")}
    measure_knowledge(store, models, small.bins, **settings).write(tmp_path / "cnn_posterior")
    rows = partition_rows(store, "test")[::20]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    np.savez(tmp_path / "maps.npz", compton_y=maps, redshift=redshift)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)

    with open_run("infer_psz2", sections={"seed": 1}, paths={}) as run:
        run.model(tmp_path / "cnn_posterior", "cnn-ensemble", models)

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(root=tmp_path)],
        cwd=tmp_path,
        env=Checkout(tmp_path).environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = Predictor.load(models)(maps, redshift)
    with np.load(tmp_path / "out.npz") as out:
        assert set(SERVED_COLUMNS) <= set(out)
        np.testing.assert_allclose(out["m500_msun_p16"], wanted["m500_msun_p16"], rtol=1e-4)
    assert "map 0: redshift = 1.3: expected" in done.stdout
    assert "map 0: |y| up to" in done.stdout


def test_the_served_ensembles_ask_for_every_package_that_they_import() -> None:
    modules = reached_from("szmass.served_cnn")
    packages = {name.split(".")[0] for module in modules for name in imports(module)}
    needed = {"ruamel.yaml" if name == "ruamel" else name for name in packages}
    assert needed - sys.stdlib_module_names - {"szmass"} <= set(SERVING_REQUIREMENTS)
