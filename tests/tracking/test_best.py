"""Which version of a model bears the alias `best`, in a real registry."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import pytest

from szmass.hashes import sha256
from szmass.tracking import open_run, runs
from szmass.tracking.best import ALIAS

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


@pytest.fixture
def registry(repository: Path, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
    """The registry of a database of the test's own."""
    database = repository / f"{id(monkeypatch)}.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{database}")
    mlflow.set_tracking_uri(f"sqlite:///{database}")
    return mlflow.MlflowClient()


def write_lock(repository: Path, store: str, maps: str, models: str = "") -> None:
    """A dvc.lock in which a store, and perhaps the ensembles of two bins, have these digests."""
    outs = [f"    - {{path: {store}, md5: {maps}.dir}}"]
    outs += [f"    - {{path: models/cnn/{name}, md5: {models}}}" for name in ("z1", "z2") if models]
    text = "\n".join(["stages:", "  simulate_x:", "    outs:", *outs])
    (repository / "dvc.lock").write_text(text + "\n")


def register(registry: mlflow.MlflowClient, name: str, run: mlflow.entities.Run) -> str:
    """A version of a model, without the files."""
    if not registry.search_registered_models(f"name = '{name}'"):
        registry.create_registered_model(name)
    source = f"{run.info.artifact_uri}/model"
    return registry.create_model_version(name, source, run_id=run.info.run_id).version


def newest(registry: mlflow.MlflowClient, experiment: str, stage: str) -> mlflow.entities.Run:
    """The last run of a stage."""
    found = registry.get_experiment_by_name(experiment)
    assert found is not None
    stages = f"tags.`dvc.stage` = '{stage}' and attributes.run_name like '{stage}%'"
    order = ["attributes.start_time DESC"]
    return registry.search_runs([found.experiment_id], stages, order_by=order)[0]


def best(registry: mlflow.MlflowClient, name: str) -> str:
    return registry.get_model_version_by_alias(name, ALIAS).version


def test_the_least_scatter_on_the_same_validation_maps_is_the_best_mresunet(
    registry: mlflow.MlflowClient, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    paths = {"microwave_store": Path("data/microwave.zarr")}

    def train_and_judge(weights: str, scatter: float, maps: str, experiment: str = "") -> str:
        if experiment:
            monkeypatch.setenv("DVC_EXP_NAME", experiment)
        else:
            monkeypatch.delenv("DVC_EXP_NAME", raising=False)
        write_lock(repository, "data/microwave.zarr", maps)
        file = repository / "model.weights.h5"
        file.write_text(weights)
        with open_run("train_mresunet", sections={}, paths=paths) as run:
            run.tags({"model.sha256": sha256(file)})
            run.metric("validation_scatter_ln_mass", scatter)
            version = register(registry, "mresunet", newest(registry, "mresunet", "train_mresunet"))
        with open_run("evaluate_mresunet", sections={}, paths=paths) as run:
            run.continue_training_run(file)
            run.metric("scatter_ln_mass", 1.0 - scatter)  # test maps would choose the other way
        return version

    first = train_and_judge("a", 0.18, maps="m1")
    assert best(registry, "mresunet") == first
    train_and_judge("b", 0.19, maps="m1")
    assert best(registry, "mresunet") == first
    better = train_and_judge("c", 0.17, maps="m1", experiment="tidy-cove")
    assert best(registry, "mresunet") == better
    train_and_judge("d", 0.05, maps="without noise", experiment="calm-sky")
    assert best(registry, "mresunet") == better
    on_new_maps = train_and_judge("e", 0.25, maps="m2")
    assert best(registry, "mresunet") == on_new_maps
    (repository / "dvc.lock").unlink()


def write_ensembles(models: Path, scatters: dict[str, float]) -> None:
    """What `train_cnn` writes of its members' masses of validation maps."""
    for place, scatter in scatters.items():
        (models / place).mkdir(parents=True)
        facts = {"validation_scatter_dex": scatter}
        (models / place / "ensemble.json").write_text(json.dumps(facts))


def test_the_best_ensemble_has_the_least_scatter_with_noise_over_all_redshifts(
    registry: mlflow.MlflowClient, repository: Path, monkeypatch: pytest.MonkeyPatch
):
    store = "data/compton/planck.zarr"
    paths = {"planck_store": Path(store), "cnn_models": Path("models/cnn")}

    def logged(run_id: str, _: object, name: str) -> None:
        """The version that MLflow makes when it logs a model, without the files."""
        versions.append(register(registry, name, registry.get_run(run_id)))

    monkeypatch.setattr(runs, "log_model", logged)
    record = repository / "record"
    record.mkdir(exist_ok=True)
    (record / "record.json").write_text('{"grid": {"pixels": 96, "pixel_arcmin": 1.7}}')
    versions: list[str] = []
    for models, scatter in (("0a", 0.08), ("0b", 0.07), ("0c", 0.09)):
        write_lock(repository, store, "maps", models)
        folder = repository / models
        near, far = (scatter * np.sqrt(share) for share in (1.5, 0.5))
        write_ensembles(
            folder,
            {
                "z1/planck/m500c": near, "z2/planck/m500c": far,
                "z1/clean/m500c": 0.1 - scatter, "z1/planck/m200c": 0.1 - scatter,
            },
        )  # fmt: skip
        with open_run("infer_psz2", sections={}, paths=paths) as run:
            run.model(record, "cnn-ensemble", folder)
        of_run = newest(registry, "cnn-ensemble", "infer_psz2").data.metrics
        assert of_run["validation_scatter_dex"] == pytest.approx(scatter)
    assert best(registry, "cnn-ensemble") == versions[1]
    (repository / "dvc.lock").unlink()
