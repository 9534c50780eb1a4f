"""What is released gives the masses of the models that it was made from, or names its damage."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from astropy.io import fits

from helpers import ROOT
from helpers.checkout import Checkout
from helpers.committed import SETTINGS
from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import MEMBERS, small_params, write_stores
from helpers.pages import spans
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.predictor import Predictor, make_record
from szmass.hashes import SUMS_FILE
from szmass.params import Params
from szmass.predict.cnn import Answer, predict
from szmass.predict.command import PredictionError, Wanted
from szmass.predict.files.user_maps import read_user_maps
from szmass.predict.release import STAGES, require_reproduced, write_example, write_release
from szmass.predict.released import (
    ARCHIVE_FILE,
    EXAMPLE_FILE,
    FACTS_FILE,
    RELEASED,
    TRUE_MASS_KEY,
    ReleaseError,
    unpacked,
)

METRICS = (
    "maps", "bias_dex", "scatter_dex", "relerr_median", "relerr_p16", "relerr_p84", "coverage_68",
    "coverage_95",
)  # fmt: skip


@pytest.fixture(scope="module")
def project(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The settings of a small project with models, their metrics, and a release of them."""
    root, small = tmp_path_factory.mktemp("project"), small_params(params)
    small = replace(small, paths={name: root / path for name, path in params.paths.items()})
    write_stores(small.paths["planck_store"].parent, small)
    store = open_planck_store(small.paths["planck_store"])
    write_ensembles(small.paths["cnn_models"], {"planck": store}, small)
    settings = {name: getattr(small, name) for name in ("compton", "cnn", "posterior")}
    record = make_record(small.paths["cnn_models"], small.bins, **settings)
    record.write(small.paths["cnn_posterior"])
    (root / "metrics").mkdir()
    by_bin = {}
    for number, name in enumerate(small.bins):
        metrics = {f"{key}_posterior": number + 0.25 for key in METRICS}
        metrics |= {"maps_ensemble": 3.0, "coverage_68_posterior_above_5e14": 3.0}
        by_bin[name] = metrics
    small.paths["cnn_metrics"].write_text(json.dumps({"planck": by_bin}))
    rows = partition_rows(store, "test")[::7]
    np.save(root / "maps.npy", store.read("compton_y", rows[:9]))
    np.save(root / "far.npy", store.read("compton_y", rows[-1:]))
    (root / "t.csv").write_text("file,redshift,name\nmaps.npy,0.3,near\nfar.npy,0.6,far\n")
    release(small, root / RELEASED)
    return small


def release(project: Params, folder: Path) -> dict:
    return write_release(folder, scale="tiny", params_file=SETTINGS, paths=project.paths)


@pytest.fixture
def clone(project: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """The same project without its models, in the current folder: what git alone holds."""
    root = project.paths["cnn_models"].parents[1]
    shutil.copytree(root / RELEASED, tmp_path / RELEASED)
    monkeypatch.chdir(tmp_path)
    paths = {name: tmp_path / path.relative_to(root) for name, path in project.paths.items()}
    return replace(project, paths=paths)


def weigh(project: Params, settings: Params, models: str = "cnn") -> Answer:
    """The masses of the project's maps, by the models that other settings find."""
    table = project.paths["cnn_models"].parents[1] / "t.csv"
    return predict(Wanted(table=table, models=models), settings)


def test_a_clone_without_models_gives_the_same_masses(project: Params, clone: Params) -> None:
    own, released = weigh(project, project), weigh(project, clone)
    assert own.models.kind == "own"
    assert released.models.kind == "released"
    assert set(own.columns["bin"]) == set(project.bins)
    for name, values in own.columns.items():
        np.testing.assert_array_equal(released.columns[name], values, err_msg=name)
    assert released.priors == own.priors


def test_the_answer_says_whose_models_they_are(project: Params, clone: Params) -> None:
    own, released = weigh(project, project), weigh(project, clone)
    for answer, kind, scale in ((own, "own", None), (released, "released", "tiny")):
        facts = json.loads(answer.as_json())
        assert (facts["models"], facts["scale"]) == (kind, scale)
        assert facts["model_version"] == own.model_version
    assert "\nmodels: released with szmass, trained at scale tiny\n" in released.as_text()
    assert f"\nmodels: trained here, {project.paths['cnn_models']}\n" in own.as_text()


def test_ones_own_models_come_first_unless_asked(project: Params, clone: Params) -> None:
    with_both = replace(clone, paths=project.paths)
    assert weigh(project, with_both).models.kind == "own"
    assert weigh(project, with_both, "released").models.kind == "released"
    with pytest.raises(ValueError, match=r"record.json: not there; make it \(dvc repro infer"):
        weigh(project, clone, "own")


def test_models_of_a_folder(project: Params, clone: Params, tmp_path: Path) -> None:
    shutil.move(tmp_path / RELEASED, tmp_path / "theirs")
    answer = weigh(project, clone, "theirs")
    assert (answer.models.kind, answer.models.scale) == ("theirs", "tiny")
    assert "\nmodels: theirs, trained at scale tiny\n" in answer.as_text()


@pytest.mark.parametrize(
    ("name", "hint"), [("cnns", "; did you mean cnn[?]"), ("reeased", "; did you mean released[?]")]
)
def test_what_models_are_possible_is_said(name: str, hint: str, clone: Params) -> None:
    possible = rf"weighing \(the default\), .* FILE.npz, cnn, own, .* NAME@ALIAS or .*{hint}$"
    with pytest.raises(PredictionError, match=f"^models '{name}': expected {possible}"):
        predict(Wanted(files=[Path("any.npy")], models=name), clone)


def test_a_release_has_what_a_predictor_loads_and_says_what_it_is(
    project: Params, tmp_path: Path
) -> None:
    facts = release(project, tmp_path)
    record = Predictor.load(project.paths["cnn_models"]).record
    assert facts == json.loads((tmp_path / FACTS_FILE).read_text())
    assert (facts["scale"], facts["model_version"]) == ("tiny", record.model_version)
    assert re.fullmatch("[0-9a-f]{40}", facts["git.rev"])
    assert facts["settings"]["planck_sky"]["nside"] == 2048
    assert facts["test_metrics"]["z2"] == dict.fromkeys(METRICS, 1.25)
    with ZipFile(tmp_path / ARCHIVE_FILE) as archive:
        names = archive.namelist()
    members = [f"member_{number:03d}.weights.h5" for number in range(MEMBERS)]
    of_bin = {"architecture.json", "ensemble.json", "out_of_fold.csv", SUMS_FILE, *members}
    wanted = {f"cnn/{name}/planck/m500c/{file}" for name in project.bins for file in of_bin}
    assert set(names) == {"cnn_posterior/record.json"} | wanted


def test_a_release_has_the_facts_that_are_documented(project: Params) -> None:
    facts = project.paths["cnn_models"].parents[1] / RELEASED / FACTS_FILE
    formats = (ROOT / "docs" / "formats.md").read_text()
    (paragraph,) = (text for text in formats.split("\n\n") if text.startswith("It also writes"))
    assert spans(paragraph.partition(", with ")[2]) == list(json.loads(facts.read_text()))


def test_equal_models_make_equal_archives(project: Params, tmp_path: Path) -> None:
    first = release(project, tmp_path)["archive_sha256"]
    for path in project.paths["cnn_models"].rglob("*.h5"):
        path.touch()
    assert release(project, tmp_path)["archive_sha256"] == first


def test_models_without_metrics_are_not_released(project: Params, tmp_path: Path) -> None:
    paths = {**project.paths, "cnn_metrics": tmp_path / "cnn.json"}
    with pytest.raises(ReleaseError, match="cnn.json: .* make it .dvc repro evaluate"):
        release(replace(project, paths=paths), tmp_path / "new")
    assert not (tmp_path / "new").exists()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def edit(**facts: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | facts))

    return write


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        (ARCHIVE_FILE, flip, "cnn.zip: damaged: its sha256 is"),
        (ARCHIVE_FILE, cut, "cnn.zip: damaged: its sha256 is"),
        (ARCHIVE_FILE, Path.unlink, "cnn.zip: not there"),
        (FACTS_FILE, Path.unlink, "release.json: not there"),
        (FACTS_FILE, cut, "release.json: cannot be read"),
        (FACTS_FILE, edit(settings={}), "release.json: cannot be read: KeyError"),
        (FACTS_FILE, edit(archive_sha256="0" * 64), "cnn.zip: damaged: .* as .*release.json says"),
    ],
)
def test_damage_is_named(
    clone: Params, file: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(RELEASED / file)
    with pytest.raises(
        ReleaseError, match=rf"models/released/{message}.*git checkout models/released"
    ):
        predict(Wanted(files=[Path("any.npy")], models="cnn"), clone)


def test_a_release_of_another_version_is_said_to_be_one(clone: Params) -> None:
    edit(format=1)(RELEASED / FACTS_FILE)
    with pytest.raises(
        ReleaseError,
        match="release.json: format = 1: expected 2, for it was released by another version of "
        r"szmass: release it anew \(szmass release\)",
    ):
        predict(Wanted(files=[Path("any.npy")], models="cnn"), clone)


def test_what_was_unpacked_is_removed(clone: Params) -> None:
    with unpacked(RELEASED) as found:
        assert found.ensembles.is_dir()
    assert not found.ensembles.parent.exists()


def test_only_what_dvc_has_reproduced_from_committed_code_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ReleaseError, match="expected a git checkout .* commit first"):
        require_reproduced()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "code.py").write_text("1")
    stages = {name: {"cmd": "true", "deps": ["src/code.py"]} for name in STAGES}
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    checkout = Checkout(tmp_path)
    author = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    commit = ("git", *author, "commit", "--quiet", "--all", "--message", "code")
    for command in (
        ("git", "init", "--quiet"),
        ("dvc", "init", "--quiet"),
        ("git", "add", "--all"),
        commit,
    ):
        assert checkout.run(*command).returncode == 0, command
    with pytest.raises(
        ReleaseError,
        match="evaluate_cnn, evaluate_weighing, infer_psz2, train_cnn, train_weighing, "
        "weigh_microwave: not",
    ):
        require_reproduced()
    assert checkout.run("dvc", "repro", "--quiet").returncode == 0
    require_reproduced()
    (tmp_path / "src" / "code.py").write_text("2")
    with pytest.raises(ReleaseError, match="src, params.yaml, dvc.yaml are as committed"):
        require_reproduced()
    assert checkout.run(*commit).returncode == 0
    with pytest.raises(ReleaseError, match="weigh_microwave: not up to date; dvc repro train_cnn"):
        require_reproduced()


def test_the_example_is_a_test_cluster_with_its_true_mass(
    project: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_planck_store(project.paths["planck_store"])
    row = partition_rows(store, "test")[0]
    mass_1e14 = store.read("m500c_msun", slice(row, row + 1))[0] / 1e14
    monkeypatch.setattr("szmass.predict.release.EXAMPLE_REDSHIFTS", (0.0, 2.0))
    monkeypatch.setattr("szmass.predict.release.EXAMPLE_1E14", (mass_1e14 - 0.01, mass_1e14 + 0.01))
    write_example(tmp_path, project.paths["planck_store"])
    (found,) = read_user_maps(tmp_path / EXAMPLE_FILE)
    np.testing.assert_array_equal(found.image, store.read("compton_y", slice(row, row + 1))[0])
    assert found.pixel_arcmin == pytest.approx(project.compton.pixel_arcmin)
    redshift = store.read("redshift", slice(row, row + 1))[0]
    assert found.redshift == pytest.approx(redshift, abs=1e-4)
    header = fits.getheader(tmp_path / EXAMPLE_FILE)
    assert header[TRUE_MASS_KEY] == pytest.approx(mass_1e14, abs=1e-3)
    monkeypatch.setattr("szmass.predict.release.EXAMPLE_1E14", (90.0, 99.0))
    with pytest.raises(ReleaseError, match=r"planck.zarr: no test cluster with a redshift in "):
        write_example(tmp_path, project.paths["planck_store"])
