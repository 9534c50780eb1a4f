"""Descriptions of experiments, runs and models, as they lie in a real MLflow."""

from __future__ import annotations

from pathlib import Path

import mlflow
import pytest
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE as NOTE

from helpers.mlflow_runs import runs_of
from szmass.hashes import sha256
from szmass.tracking import open_run, runs
from szmass.tracking.pages.notes import Section, with_section
from szmass.tracking.pages.words import LINES_OF_WORK, MODELS
from szmass.tracking.runs import TRAINED

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
MD5 = "3747c3b1a5cf2a3d8f4b1c2d3e4f5061.dir"


def test_a_newer_section_takes_the_place_of_its_stages():
    note = with_section("In words.", Section("train_a monday", "one"))
    note = with_section(note, Section("evaluate_a tuesday", "two"))
    note = with_section(note, Section("train_a friday", "three"))
    assert note == (
        "In words.\n\n### evaluate_a tuesday\n\ntwo\n\n### train_a friday\n\nthree"
    )  # fmt: skip


def logged_without_files(run_id: str, _: object, name: str) -> str:
    """A logged model with a version, as MLflow makes them, without the files."""
    client = mlflow.MlflowClient()
    experiment = client.get_run(run_id).info.experiment_id
    model = client.create_logged_model(experiment, name=name, source_run_id=run_id)
    client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(model.model_id, step=0)])
    client.create_registered_model(name)
    client.create_model_version(
        name, f"models:/{model.model_id}", run_id=run_id, model_id=model.model_id
    )
    return str(model.model_id)


def test_the_numbers_of_a_judgement_are_the_models_too_and_in_every_description(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/own.db")
    monkeypatch.setattr(runs, "log_model", logged_without_files)
    (repository / "dvc.yaml").write_text(
        "stages: {train_mresunet: {desc: It learns}, evaluate_mresunet: {desc: It is judged}}"
    )
    (repository / "dvc.lock").write_text(
        f"stages: {{simulate_x: {{outs: [{{path: data/microwave.zarr, md5: {MD5}}}]}}}}"
    )
    paths = {"microwave_store": Path("data/microwave.zarr")}
    model = tmp_path / "model"
    model.mkdir()
    weights = model / "model.weights.h5"
    weights.write_text("weights")
    monkeypatch.setattr(runs, "served_mresunet", lambda *_: _Identity(weights))
    with open_run("train_mresunet", sections={}, paths=paths) as run:
        run.metric("validation_scatter_ln_mass", 0.19)
        run.model(model, "mresunet")
    with open_run("evaluate_mresunet", sections={}, paths=paths) as run:
        run.continue_training_run(weights)
        run.metric("scatter_ln_mass_gauss", 0.161)
        run.metric("paper_scatter_ln_mass_gauss", 0.18)
    (repository / "dvc.yaml").unlink()
    (repository / "dvc.lock").unlink()

    client = mlflow.MlflowClient()
    judgement, training = runs_of("mresunet")
    assert training.data.tags[TRAINED] == sha256(weights)
    note = training.data.tags[NOTE]
    assert note.startswith(f"It learns\n\nData: 150 GHz maps (`{MD5[:8]}`).")
    line = "(M / M_true) | `scatter_ln_mass_gauss` | 0.161 | 0.18 |"
    assert line in note
    assert line in judgement.data.tags[NOTE]
    experiment = client.get_experiment(training.info.experiment_id)
    assert experiment.tags[NOTE].startswith(LINES_OF_WORK["mresunet"])
    assert line in experiment.tags[NOTE]
    registered = client.get_registered_model("mresunet")
    assert str(registered.description).startswith(MODELS["mresunet"])
    assert line in str(registered.description)
    version = client.get_model_version("mresunet", "1")
    assert "### train_mresunet" in str(version.description)
    assert line in str(version.description)

    judgement = client.get_run(judgement.info.run_id)  # a search leaves models out
    assert judgement.inputs is not None
    (found,) = judgement.inputs.model_inputs
    logged = client.get_logged_model(found.model_id)
    of_model = {metric.key: metric for metric in logged.metrics or ()}
    assert of_model["scatter_ln_mass_gauss"].value == 0.161
    assert of_model["scatter_ln_mass_gauss"].dataset_name == "150 GHz maps"
    assert of_model["scatter_ln_mass_gauss"].dataset_digest == MD5
    assert logged.tags[NOTE] == version.description


class _Identity:
    """Stands for a model, of which only the file that identifies it is read."""

    def __init__(self, identity: Path) -> None:
        self.identity = identity
