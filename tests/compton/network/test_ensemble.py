"""An ensemble on disk gives the masses that its members were scored on, killed or not."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from time import sleep

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers.cnn_training import M200_MEMBERS, MEMBERS, reports, train
from helpers.mock_stores import BINS, training_params, write_stores
from helpers.recording import ListRun
from helpers.shared_project import flip_a_bit
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.network.arrays import DevelopmentMaps, MapScale
from szmass.compton.network.cnn import cnn
from szmass.compton.network.ensemble import Ensemble, EnsembleError
from szmass.compton.network.files import EnsembleFiles
from szmass.compton.network.members import CnnTrainer, TrainedMember, plan_members
from szmass.compton.network.selection import score, select
from szmass.compton.network.training import EnsemblePlan, train_ensembles
from szmass.files import OutputError, sole_writer
from szmass.hashes import SUMS_FILE, HashError, sha256, write_sums
from szmass.networks.backend import prepare_backend
from szmass.networks.training import Epoch
from szmass.params import Params, ParamsError
from szmass.stages.compton.train_cnn import train_cnn
from szmass.validation.verdict import VerdictError

SCRIPT = ROOT / "tests" / "helpers" / "cnn_training.py"


@pytest.fixture(scope="module")
def stores(params: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_stores(tmp_path_factory.mktemp("stores"), training_params(params))


@pytest.fixture(scope="module")
def whole(
    tmp_path_factory: pytest.TempPathFactory, stores: dict[str, Path]
) -> tuple[Path, ListRun]:
    run = ListRun()
    return train(tmp_path_factory.mktemp("whole"), stores, run), run


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_files_are_those_of_the_contract(whole: tuple[Path, ListRun]) -> None:
    folder, _ = whole
    wanted = set()
    for data_set in ("clean", "planck"):
        for target, count in (("m500c", MEMBERS), ("m200c", M200_MEMBERS)):
            names = [f"member_{number:03d}.weights.h5" for number in range(count)]
            names += ["architecture.json", "ensemble.json", "out_of_fold.csv", SUMS_FILE]
            wanted |= {f"{data_set}/{target}/{name}" for name in names}
    assert set(files(folder)) == wanted
    assert [path.name for path in folder.parent.iterdir()] == ["z2"]


def test_members_report_to_runs_of_their_own(whole: tuple[Path, ListRun]) -> None:
    _, run = whole
    assert run.facts["bin"] == "z2"
    assert set(run.children) == {"clean_m500c", "clean_m200c", "planck_m500c", "planck_m200c"}
    ensemble = run.children["planck_m500c"]
    assert set(ensemble.children) == {"member_000", "member_001"}
    names = [name for name, _, _ in ensemble.children["member_001"].metrics]
    assert names.count("validation_loss") == 2
    passing = {value for name, value, _ in run.metrics if name == "planck_m500c_members_passing"}
    assert len(passing) == 1


def start_training(folder: Path, stores: dict[str, Path], *options: str) -> subprocess.Popen[str]:
    """Trains in a process of its own, as a stage does: its code is part of its identity."""
    places = [ROOT / "src", ROOT / "tests"]
    arguments = [str(stores["planck_store"].parent), str(folder), *options]
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, places))},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def wait_for(file: Path) -> None:
    """Returns once there is such a file."""
    for _ in range(600):
        if file.is_file():
            return
        sleep(0.1)
    raise TimeoutError(file)


def test_a_killed_training_goes_on_to_the_same_bytes(
    whole: tuple[Path, ListRun], tmp_path: Path, stores: dict[str, Path]
) -> None:
    killed = start_training(tmp_path, stores, "--wait")
    assert killed.stdout is not None
    line = killed.stdout.readline()
    unfinished = tmp_path / "cnn" / "z2.training"
    # the other member of this ensemble may be in training beside it
    wait_for(unfinished / "facts" / "planck" / "m500c" / "member_000.json")
    killed.kill()
    _, errors = killed.communicate()
    assert (line, killed.returncode) == ("waiting\n", -signal.SIGKILL), errors

    assert not (tmp_path / "cnn" / "z2").exists()
    finished, begun = (
        unfinished / "output" / "planck" / "m500c" / f"member_{number:03d}.weights.h5"
        for number in range(MEMBERS)
    )
    written = finished.stat().st_mtime_ns
    assert not begun.exists()

    resumed = start_training(tmp_path, stores)
    printed, errors = resumed.communicate()
    assert resumed.returncode == 0, errors
    folder = tmp_path / "cnn" / "z2"
    assert files(folder) == files(whole[0])
    assert (folder / "planck" / "m500c" / finished.name).stat().st_mtime_ns == written
    assert json.loads(printed) == reports(whole[1])
    assert not unfinished.exists()


def test_a_training_beside_another_of_the_same_output_is_refused(
    tmp_path: Path, stores: dict[str, Path]
) -> None:
    with (
        sole_writer(tmp_path / "cnn" / "z2"),
        pytest.raises(OutputError, match=rf"{tmp_path}/cnn/z2: .* is writing it"),
    ):
        train(tmp_path, stores, ListRun())


def test_an_interrupted_training_ends_within_its_members(
    tmp_path: Path, stores: dict[str, Path]
) -> None:
    training = start_training(tmp_path, stores, "--long")
    assert training.stdout is not None
    assert training.stdout.readline() == "training\n"
    training.send_signal(signal.SIGINT)
    try:
        _, errors = training.communicate(timeout=30)
    finally:
        training.kill()  # where SIGINT is ignored it would train for hours
    assert training.returncode != 0
    assert errors.rstrip().endswith("KeyboardInterrupt"), errors
    assert not (tmp_path / "cnn" / "z2").exists()


@pytest.fixture(scope="module")
def trained(
    params: Params, stores: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int], np.ndarray]:
    """Trains four members, so many side by side; their masses."""
    prepare_backend(seed=1, threads=1)
    settings = dataclasses.replace(params.cnn, filters=2, neurons=8, batch=8, epochs=2, mass_bins=3)
    maps = DevelopmentMaps(open_planck_store(stores["planck_store"]), BINS["z2"])
    members = plan_members((1, 0, 0, 0), maps.cluster, count=4, fraction=0.25)
    folder = tmp_path_factory.mktemp("side_by_side")

    @cache
    def masses(count: int) -> np.ndarray:
        networks = [CnnTrainer(maps.pixels, settings) for _ in range(count)]
        files = EnsembleFiles(folder, str(count), networks[0].network)
        plan = EnsemblePlan("planck", "m500c", maps, members, files)
        seen: list[int] = []
        train_ensembles([plan], networks, run=ListRun(), progress=seen.append)
        assert sum(seen) == settings.epochs * plan.maps_an_epoch
        return Ensemble.load(folder / "output" / str(count))(maps.compton_y(np.arange(len(maps))))

    return masses


@pytest.mark.parametrize("trainers", [1, 2, 3])
def test_members_are_the_same_side_by_side(
    trained: Callable[[int], np.ndarray], trainers: int
) -> None:
    np.testing.assert_array_equal(trained(trainers), trained(4))


def test_members_that_are_damaged_are_not_taken_up(
    tmp_path: Path, params: Params, caplog: pytest.LogCaptureFixture
) -> None:
    history = [Epoch(1, 64, 0.5, 0.4, 1e-3, 2.0)]
    trained = TrainedMember([], MapScale(0.0, 1.0, 14.5), 1, history, np.ones(2))
    network = cnn(24, dataclasses.replace(params.cnn, filters=1))
    trained = dataclasses.replace(trained, weights=network.get_weights())
    files = EnsembleFiles(tmp_path, "clean/m500c", network)
    files.keep(0, trained)
    assert files.history(0) == trained.history
    assert files.history(1) is None
    assert caplog.messages == []

    facts = tmp_path / "facts" / "clean" / "m500c" / "member_000.json"
    weights = tmp_path / "output" / "clean" / "m500c" / "member_000.weights.h5"
    for file, damaged in [(facts, b"[]"), (facts, b"{}"), (facts, b"{"), (weights, b"cut")]:
        files.keep(0, trained)
        file.write_bytes(damaged)
        caplog.clear()
        assert files.history(0) is None
        assert caplog.messages == [
            f"{facts}: damaged, or of other weights; the member is trained anew"
        ]


def test_an_ensemble_gives_the_masses_that_it_was_scored_on(
    whole: tuple[Path, ListRun], stores: dict[str, Path]
) -> None:
    folder = whole[0] / "planck" / "m500c"
    ensemble = Ensemble.load(folder)
    maps = DevelopmentMaps(open_planck_store(stores["planck_store"]), BINS["z2"])
    estimates = ensemble(maps.compton_y(np.arange(len(maps))))
    assert estimates.shape == (MEMBERS, len(maps))
    table = pd.read_csv(folder / "out_of_fold.csv")
    assert list(table) == ["member", "cluster", "projection", "log10_m_true", "log10_m_pred"]
    scores = []
    for number, rows in table.groupby("member"):
        here = np.isin(maps.cluster, rows["cluster"].unique())
        np.testing.assert_array_equal(rows["projection"], maps.projection[here])
        np.testing.assert_allclose(rows["log10_m_true"], maps.log10_m["m500c"][here], atol=1e-6)
        np.testing.assert_allclose(rows["log10_m_pred"], estimates[number, here], atol=2e-6)
        pred, true = (rows[name].to_numpy() for name in ("log10_m_pred", "log10_m_true"))
        scores.append(score(pred, true, mass_bins=3))
        facts = ensemble.facts["members"][number]
        assert facts["max_abs_bias"] == pytest.approx(scores[-1].max_abs_bias, abs=1e-5)
        assert facts["validation_maps"] == len(rows)
        keys = {"epoch", "loss", "validation_loss", "learning_rate"}  # nothing that a clock says
        assert all(set(epoch) == keys for epoch in facts["history"])
    chosen = select(scores, 0.05)
    assert (ensemble.selected, ensemble.facts["members_passing"]) == chosen
    low, high = ensemble.facts["seen"]["log10_m"]
    assert (low, high) == (maps.log10_m["m500c"].min(), maps.log10_m["m500c"].max())


def test_ensembles_that_are_asked_at_once_give_their_own_masses(
    whole: tuple[Path, ListRun], stores: dict[str, Path]
) -> None:
    """As a served model is, by one thread a request."""
    ensembles = [Ensemble.load(whole[0] / name / "m500c") for name in ("clean", "planck")]
    assert ensembles[0].network is ensembles[1].network
    maps = DevelopmentMaps(open_planck_store(stores["planck_store"]), BINS["z2"]).compton_y(
        np.arange(16)
    )
    alone = [ensemble(maps) for ensemble in ensembles]
    assert len(np.unique(alone)) == 2 * MEMBERS * len(maps)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ensembles[number % 2], maps) for number in range(60)]
    for number, masses in enumerate(asked):
        np.testing.assert_array_equal(masses.result(), alone[number % 2])


def test_an_ensemble_of_no_maps(whole: tuple[Path, ListRun]) -> None:
    ensemble = Ensemble.load(whole[0] / "clean" / "m200c")
    assert ensemble(np.empty((0, 32, 32))).shape == (M200_MEMBERS, 0)


def test_maps_that_do_not_fit_are_told(whole: tuple[Path, ListRun]) -> None:
    ensemble = Ensemble.load(whole[0] / "clean" / "m500c")
    with pytest.raises(EnsembleError, match=r"shape \(1, 12, 32\): expected \(n, 32, 32\)"):
        ensemble(np.zeros((1, 12, 32)))
    maps = np.zeros((3, 32, 32))
    maps[1, 2, 3] = np.nan
    with pytest.raises(EnsembleError, match="map 1: has pixels that are not finite"):
        ensemble(maps)


@pytest.fixture
def copied(whole: tuple[Path, ListRun], tmp_path: Path) -> Path:
    """An ensemble whose files a test may change."""
    return shutil.copytree(whole[0] / "clean" / "m500c", tmp_path / "copied")


MEMBER = "member_001.weights.h5"


@pytest.mark.parametrize("name", [MEMBER, "ensemble.json", "architecture.json"])
def test_a_byte_that_changed_is_told(copied: Path, name: str) -> None:
    before = sha256(copied / name)
    flip_a_bit(copied / name)
    with pytest.raises(HashError) as caught:
        Ensemble.load(copied)
    assert str(caught.value) == (
        f"{copied / name}: changed since it was saved: its sha256 is {sha256(copied / name)}, "
        f"expected {before} as in SHA256SUMS; make it again (dvc repro train_cnn) or fetch it (dvc "
        "pull)"
    )


def test_a_member_that_is_missing_is_told(copied: Path) -> None:
    (copied / MEMBER).unlink()
    with pytest.raises(HashError, match=f"{copied / MEMBER}: .* for it is missing, expected"):
        Ensemble.load(copied)


@pytest.mark.parametrize("name", [MEMBER, "ensemble.json", "architecture.json"])
def test_an_ensemble_of_other_code_is_told(copied: Path, name: str) -> None:
    (copied / name).write_text("{}")
    write_sums(copied)
    with pytest.raises(EnsembleError, match=f"{copied}: cannot be read as an ensemble"):
        Ensemble.load(copied)


def test_what_cannot_be_trained_is_told(
    tmp_path: Path, stores: dict[str, Path], params: Params
) -> None:
    verdict = tmp_path / "verdict.json"
    verdict.write_text(json.dumps({"success": False}))
    arguments = {"cnn_models": tmp_path / "cnn", "compton_verdict": verdict, **stores}
    with pytest.raises(VerdictError, match="failed their validation"):
        train_cnn(1, BINS, params.cnn, item="z1", run=ListRun(), **arguments)
    with pytest.raises(ParamsError, match="bins = 'z5': expected one of z1"):
        train_cnn(1, BINS, params.cnn, item="z5", run=ListRun(), **arguments)
