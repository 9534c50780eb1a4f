"""What stages report, as it lies in a real MLflow afterwards."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import mlflow
import pytest

from helpers.mlflow_runs import numbers_of, runs_of, wait_for
from szmass.hashes import sha256
from szmass.params import Params
from szmass.tracking import DvcSource, open_run
from szmass.tracking.models import WEIGHTS_FILE
from szmass.tracking.pages.words import MOST
from szmass.tracking.runs import JUDGED, PARENT, TRAINED

pytestmark = pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")


def write_weights(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / WEIGHTS_FILE
    weights.write_text(content)
    return weights


def by_label(line_of_work: str) -> dict[str, mlflow.entities.Run]:
    """The runs of an experiment by the first word of their names."""
    return {run.info.run_name.split()[0]: run for run in runs_of(line_of_work)}


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

    with open_run("train_facts", sections=sections, paths=paths):
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
    assert (dataset.dataset.name, dataset.dataset.digest) == ("150 GHz maps", md5)
    source = mlflow.data.get_source(dataset)
    assert source == DvcSource("data/microwave.zarr", md5, "wormy-dusk")
    (repository / "dvc.lock").unlink()


def test_files_lie_at_the_root_of_the_repository(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DVC_ROOT", str(repository))
    monkeypatch.chdir(tmp_path)  # as an experiment runs in a temporary copy
    (tmp_path / "table.md").write_text("one")
    (tmp_path / "fig4.png").write_text("two")

    with open_run("evaluate_files", sections={}, paths={}) as run:
        run.artifact(Path("table.md"), "tables")
        run.figure(Path("fig4.png"))

    (recorded,) = runs_of("files")
    files = repository / "mlartifacts" / "files" / recorded.info.run_id / "artifacts"
    assert (files / "tables" / "table.md").read_text() == "one"
    assert (files / "figures" / "fig4.png").read_text() == "two"
    assert not list(tmp_path.glob("ml*"))


def test_metrics_are_seen_within_seconds_and_none_is_lost():
    client = mlflow.MlflowClient()
    with open_run("train_live", sections={}, paths={}) as run:
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
    with open_run("train_nest", sections={"seed": 7}, paths={}) as run:
        for name in ("member_000", "member_001"):
            with run.child(name) as child:
                child.metric("loss", 0.5, 1)
                child.tags({"number": name[-3:]})

    runs = by_label("nest")
    (parent,) = [run for run in runs.values() if PARENT not in run.data.tags]
    for name in ("member_000", "member_001"):
        assert runs[name].data.tags[PARENT] == parent.info.run_id
        assert runs[name].data.metrics == {"loss": 0.5}
        assert runs[name].data.params == {"seed": "7"}
        assert runs[name].data.tags["number"] == name[-3:]
        assert runs[name].info.start_time <= runs[name].info.end_time
        assert runs[name].info.status == "FINISHED"


def test_a_run_shows_the_key_numbers_and_keeps_all():
    many = {f"number_{k}": float(k) for k in range(MOST + 20)} | {"scatter_dex_selected": 0.07}
    with (
        open_run("evaluate_cnn", sections={}, paths={}) as run,
        run.child("planck_all") as of_planck,
    ):
        for name, value in many.items():
            of_planck.metric(name, value)

    runs = by_label("cnn-ensemble")
    assert runs["planck_all"].data.metrics == {"scatter_dex_selected": 0.07}
    assert numbers_of(runs["planck_all"]) == many
    assert runs["evaluate_cnn"].data.metrics == {"planck_all/scatter_dex_selected": 0.07}


def test_a_run_that_reports_nothing_has_counts(tmp_path: Path):
    table = tmp_path / "masses.csv"
    table.write_text("name,golden\na,True\nb,False\n")
    with open_run("weigh_counted", sections={}, paths={}) as run:
        run.artifact(table)
    with open_run("train_counted", sections={}, paths={}) as run:
        for name in ("first", "second"):
            with run.child(name):
                pass
    runs = by_label("counted")
    assert runs["weigh_counted"].data.metrics == {"masses.rows": 2.0, "masses.golden": 1.0}
    assert runs["train_counted"].data.metrics == {"runs_within": 2.0}


def test_members_of_an_ensemble_are_runs_within_the_ensemble_within_the_bin():
    with open_run("train_cnn", sections={}, paths={}, items=["z1"]) as run:
        started = monotonic()
        with run.child("planck_m500c") as ensemble:
            for number in range(5):
                with ensemble.child(f"member_{number:03d}") as member:
                    for epoch in range(1, 201):
                        member.metric("loss", 1.0 / epoch, epoch)
        assert monotonic() - started < 1.0

    runs = by_label("cnn-ensemble")
    ensemble_run, member_run = runs["planck_m500c"], runs["member_004"]
    assert runs["train_cnn"].info.run_name.startswith("train_cnn z1 ")
    assert member_run.info.run_name.startswith("member_004 planck_m500c z1 ")
    assert ensemble_run.data.tags[PARENT] == runs["train_cnn"].info.run_id
    assert member_run.data.tags[PARENT] == ensemble_run.info.run_id
    history = mlflow.MlflowClient().get_metric_history(member_run.info.run_id, "loss")
    assert len(history) == 200


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED")]
)
def test_an_error_ends_run_and_child(error: type[BaseException], status: str):
    def train() -> None:
        with open_run(f"train_{status}", sections={}, paths={}) as run:
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
    with open_run("train_pair", sections={"seed": 1}, paths={}) as run:
        run.tags({TRAINED: sha256(trained)})
    with open_run("train_pair", sections={"seed": 2}, paths={}) as run:
        run.tags({TRAINED: sha256(write_weights(tmp_path / "b", "others"))})

    with open_run("evaluate_pair", sections={"draws": 500}, paths={}) as run:
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
    assert evaluation.data.tags[PARENT] == training.info.run_id
    assert evaluation.data.params == {"draws": "500"}
    assert evaluation.data.metrics == training.data.metrics
    assert not mlflow.MlflowClient().list_artifacts(evaluation.info.run_id)


def test_an_evaluation_prefers_the_training_of_its_own_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    weights = write_weights(tmp_path, "the same from both")
    for name in ("first", "second"):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        with open_run("train_twice", sections={}, paths={}) as run:
            run.tags({TRAINED: sha256(weights)})

    monkeypatch.setenv("DVC_EXP_NAME", "first")
    with open_run("evaluate_twice", sections={}, paths={}) as run:
        run.continue_training_run(weights)

    evaluation, _, first = runs_of("twice")
    assert evaluation.data.tags[PARENT] == first.info.run_id


def test_an_evaluation_in_another_experiment_leaves_the_training_s_results_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    weights = write_weights(tmp_path, "from the cache")
    for name, scatter in (("first", 0.18), ("second", 0.19)):
        monkeypatch.setenv("DVC_EXP_NAME", name)
        if name == "first":
            with open_run("train_cached", sections={}, paths={}) as run:
                run.tags({TRAINED: sha256(weights)})
        with open_run("evaluate_cached", sections={}, paths={}) as run:
            run.continue_training_run(weights)
            run.metric("scatter_ln_mass", scatter)
            run.artifact(weights)

    second, first, training = runs_of("cached")
    assert training.data.metrics == first.data.metrics == {"scatter_ln_mass": 0.18}
    assert second.data.metrics == {"scatter_ln_mass": 0.19}
    assert second.data.tags[PARENT] == first.data.tags[PARENT] == training.info.run_id
    (file,) = mlflow.MlflowClient().list_artifacts(second.info.run_id)
    assert file.path == weights.name


def test_an_evaluation_of_unknown_weights_has_a_run_of_its_own(tmp_path: Path):
    weights = write_weights(tmp_path, "from elsewhere")
    with open_run("evaluate_alone", sections={}, paths={}) as run:
        run.continue_training_run(weights)
        run.metric("scatter_ln_mass", 0.2)

    (evaluation,) = runs_of("alone")
    assert evaluation.data.metrics == {"scatter_ln_mass": 0.2}
    assert evaluation.data.tags[JUDGED] == sha256(weights)
    assert PARENT not in evaluation.data.tags
