"""A survey from a map to masses, with a y-map whose noise another code has drawn."""

from __future__ import annotations

import json
import shutil
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from pixell import enmap, utils
from ruamel.yaml import YAML
from scipy.interpolate import CubicSpline

import szmass
from helpers import ROOT
from helpers.checkout import Checkout
from helpers.recording import ListRun
from helpers.simulated_maps import THEIR_GAS, THEIR_PRESSURE, simulated_maps
from szmass.cli import main
from szmass.hashes import sha256
from szmass.params import Params
from szmass.predict.files.map_units import Y
from szmass.predict.files.sky_maps import open_sky
from szmass.predict.survey_files import SurveyError, SurveyFiles
from szmass.sky.clusters.in_r500 import axis_r500
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.stages.weighing.train_survey import train_survey
from szmass.storage.imported import ImportedClusters, shape_of
from szmass.surveys.command import list_surveys
from szmass.surveys.completeness import Injected, bins, list_injections
from szmass.surveys.instrument import Instrument
from szmass.surveys.measuring import MeasureError, measure_noise
from szmass.surveys.noise import read_spectrum
from szmass.surveys.settings import digest_of, read_settings
from szmass.surveys.training import SurveyParams, SurveyTraining
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.mixture import Inputs
from szmass.weighing.record import Record
from szmass.weighing.training.network import noise_root
from szmass.weighing.weigher import Weigher

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow

    from helpers.mlflow_runs import runs_of
    from szmass.tracking.runs import PARENT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BEAM_ARCMIN, PIXEL_ARCMIN = 2.4, 1.0
CLUSTERS, ACROSS = 144, 12
REACH_ARCMIN = 24.0
FAST = {
    "training_clusters": 3000,
    "validation_clusters": 500,
    "test_clusters": 800,
    "networks": 1,
    "epochs": 80,
    "batch": 128,
    "filters": 8,
    "hidden": 32,
    "hidden_layers": 2,
    "log10_m500c_msun": [13.9, 16.0],
}
"""In the place of weighing's settings: a training of half a minute."""
POOR = {"training_clusters": 400, "validation_clusters": 200, "test_clusters": 800, "epochs": 1}
"""In the place of those: a training of seconds, whose intervals fail the gate."""


def noise_cl(ell: np.ndarray) -> np.ndarray:
    white = (3e-6 * utils.arcmin) ** 2
    return white * (1.0 + (np.maximum(ell, 1.0) / 1500.0) ** -2.0)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A clone in which nothing was run."""
    return Checkout.of_working_tree(tmp_path_factory.mktemp("survey") / "szmass")


@pytest.fixture(scope="module")
def folder(checkout: Checkout, params: Params) -> Path:
    """The clone with a y-map of 10 x 10 degrees in plate carrée and a catalogue of its clusters."""
    folder, rng = checkout.path, np.random.default_rng(3)
    box = np.radians([[-35.0, 15.0], [-25.0, 5.0]])
    shape, wcs = enmap.geometry(box, res=PIXEL_ARCMIN * utils.arcmin, proj="car")
    ymap = enmap.rand_map(shape, wcs, noise_cl(np.arange(16_000.0)), seed=5)
    enmap.write_map(str(folder / "noise.fits"), ymap.astype(np.float32))
    row, column = np.divmod(np.arange(CLUSTERS), ACROSS)
    dec = -34.5 + 9.0 * (row + rng.uniform(0.4, 0.6, CLUSTERS)) / ACROSS
    ra = 5.6 + 8.8 * (column + rng.uniform(0.4, 0.6, CLUSTERS)) / ACROSS
    z, log10_m = rng.uniform(0.2, 0.9, CLUSTERS), rng.uniform(14.3, 15.4, CLUSTERS)
    cosmology = Cosmology.of(params.compton)
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    y = PivotY.at(z, cosmology).mean_y_arcmin2(log10_m, gas)
    y *= np.exp(gas.sigma_lny * rng.standard_normal(CLUSTERS))
    radius = np.linspace(0.0, REACH_ARCMIN, 160)
    profiles = beamed_profiles(
        cosmology.theta500_arcmin(10.0**log10_m, z), radius, beam_fwhm_arcmin=BEAM_ARCMIN
    )
    for number in range(CLUSTERS):
        centre = np.radians([dec[number], ra[number]])
        place = enmap.sky2pix(shape, wcs, centre)
        half = int(REACH_ARCMIN / PIXEL_ARCMIN / np.cos(centre[0])) + 1
        low = np.maximum(place.astype(int) - half, 0)
        part = ymap[low[0] : int(place[0]) + half, low[1] : int(place[1]) + half]
        lat, lon = part.posmap()
        apart = utils.angdist(np.array([lon, lat]), centre[::-1, None, None]) / utils.arcmin
        spline = CubicSpline(radius, y[number] * profiles[number])
        part += np.where(apart < REACH_ARCMIN, spline(np.minimum(apart, REACH_ARCMIN)), 0.0)
    enmap.write_map(str(folder / "y.fits"), ymap.astype(np.float32))
    catalogue = {"name": [f"C{n}" for n in range(CLUSTERS)], "ra": ra, "dec": dec, "z": z}
    Table(catalogue | {"m": 10.0**log10_m}).write(folder / "clusters.fits")
    return folder


def change(survey: Path, **weighing: object) -> None:
    """Puts settings of weighing into a survey's file."""
    yaml = YAML()
    settings = yaml.load(survey)
    settings["pixel_window"] = False
    settings["weighing"].update(weighing)
    yaml.dump(settings, survey)


@pytest.fixture(scope="module")
def trained(checkout: Checkout, folder: Path) -> Path:
    """The clone after `survey new` and the stage for two surveys, of which one fails its gate."""
    surveys = folder / "surveys"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["survey", "new", "mine", "--map", "y.fits", "--beam", str(BEAM_ARCMIN),
              "--pixels", "64", "--redshifts", "0.15", "1.0"])  # fmt: skip
    change(surveys / "mine.yaml", **FAST)
    shutil.copy(surveys / "mine.yaml", surveys / "poor.yaml")
    change(surveys / "poor.yaml", **POOR)
    before = surveys / "mine" / "failed"  # of a training before
    before.mkdir()
    (before / "verdict.json").write_text("{}")
    settings = folder / "params.yaml"
    settings.write_text(settings.read_text().replace("surveys: []", "surveys: [poor, mine]"))
    done = checkout.run("dvc", "repro", "--keep-going", "train_survey")
    assert done.returncode != 0
    assert "survey poor: the gate" in done.stderr, done.stderr
    return folder


def test_the_noise_of_a_map_is_its_spectrum(folder: Path) -> None:
    """As far as the map's pixels do not matter: within 2 % on the mean, and as the errors say."""
    with open_sky(folder / "noise.fits", Y, coarsest_arcmin=2.0) as sky:
        measured = measure_noise(
            sky,
            pixel_arcmin=PIXEL_ARCMIN,
            beam_fwhm_arcmin=BEAM_ARCMIN,
            rng=np.random.default_rng(1),
        )
    ell = measured.spectrum.ell
    ratio = measured.spectrum.cl / noise_cl(ell)
    known = (ell > 500.0) & (ell < 6500.0)
    error = measured.spectrum.error / noise_cl(ell)
    assert known.sum() > 15
    weight = known / error**2
    assert abs(np.sum(weight * (ratio - 1.0)) / np.sum(weight)) < 0.02
    assert np.sqrt(np.mean(((ratio - 1.0) / error)[known] ** 2)) < 1.6
    assert np.median(error[known]) < 0.07


def test_a_map_that_is_too_small_to_measure_is_named(folder: Path) -> None:
    with (
        open_sky(folder / "y.fits", Y, coarsest_arcmin=2.0) as sky,
        pytest.raises(MeasureError, match="0 patches of 21.3 degrees have data: expected at least"),
    ):
        measure_noise(sky, pixel_arcmin=5.0, beam_fwhm_arcmin=10.0, rng=np.random.default_rng(1))


def test_masses_of_a_map_are_the_true_ones(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    main(["predict", "--survey", "mine", "--map", "y.fits", "--catalogue", "clusters.fits",
          "--prior", "flat", "--out", "masses.fits", "-q"])  # fmt: skip
    masses, truth = Table.read("masses.fits"), np.array(Table.read("clusters.fits")["m"])
    assert len(masses) == CLUSTERS
    bias = 1.0 - truth / np.array(masses["m500_msun"])
    assert abs(np.median(bias)) < 0.04
    inside = (truth > masses["m500_msun_p16"]) & (truth < masses["m500_msun_p84"])
    assert 0.57 < np.mean(inside) < 0.79
    assert np.mean((truth > masses["m500_msun_p2p5"]) & (truth < masses["m500_msun_p97p5"])) > 0.9


def test_what_a_survey_leaves(trained: Path) -> None:
    made = trained / "surveys" / "mine"
    # no `failed`: a training that passes removes it
    assert {path.name for path in made.iterdir()} == {
        "noise.csv", "record.npz", "verdict.json", "metrics.json", "page.md", "survey.png",
        "survey.pdf",
    }  # fmt: skip
    assert json.loads((made / "verdict.json").read_text())["success"] is True
    metrics = json.loads((made / "metrics.json").read_text())
    assert 0.6 < metrics["coverage_68"] < 0.76
    assert read_spectrum(made / "noise.csv").ell[0] > 0
    assert "The gate: all" in (made / "page.md").read_text()


def test_one_cutout_by_the_library(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    catalogue = Table.read("clusters.fits")
    with open_sky(Path("y.fits"), Y, coarsest_arcmin=2.0) as sky:
        settings = YAML(typ="safe").load(Path("surveys/mine.yaml"))
        grid = PixelGrid(settings["pixels"], settings["pixel_arcmin"])
        cut = sky.cutouts(np.array(catalogue["ra"][:3]), np.array(catalogue["dec"][:3]), grid)
    found = szmass.weigh(cut, np.array(catalogue["z"][:3]), survey="mine")
    assert found.prior == "mass-function"
    assert np.abs(np.log(found.m500_msun / np.array(catalogue["m"][:3]))).max() < 0.7


def test_positions_in_another_frame_are_suspected(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    catalogue = Table.read("clusters.fits")["name", "ra", "dec", "z"][:4]
    catalogue.rename_columns(["ra", "dec"], ["GLON", "GLAT"])
    catalogue.write("galactic.fits", overwrite=True)
    with pytest.raises(SystemExit, match="none of the catalogue is: are GLON, GLAT in truth icrs"):
        main(["predict", "--survey", "mine", "--map", "y.fits", "--catalogue", "galactic.fits"])
    capsys.readouterr()


def test_a_survey_is_not_made_twice_nor_from_no_map(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    before = Path("surveys/mine.yaml").read_text()
    with pytest.raises(SystemExit, match="surveys/mine.yaml: is there already"):
        main(["survey", "new", "mine", "--map", "y.fits", "--beam", "2.4"])
    with pytest.raises(SystemExit, match="none.fits: not found"):
        main(["survey", "new", "other", "--map", "none.fits", "--beam", "2.4"])
    with pytest.raises(SystemExit, match="pixels of 1': expected at most 0.3"):
        main(["survey", "new", "other", "--map", "y.fits", "--beam", "0.6"])
    assert Path("surveys/mine.yaml").read_text() == before
    assert not Path("surveys/other.yaml").exists()


def test_a_record_that_was_not_judged_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(trained)
    verdict = Path("surveys/mine/verdict.json")
    content = verdict.read_text()
    try:
        verdict.write_text(content.replace('"success": true', '"success": false'))
        with pytest.raises(
            SystemExit, match="surveys/mine/verdict.json: weighing fails its checks"
        ):
            main(["predict", "--survey", "mine", "--map", "y.fits", "--catalogue", "clusters.fits"])
    finally:
        verdict.write_text(content)


def test_the_list_says_what_is_trained(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(trained)
    main(["survey", "list"])
    listed = capsys.readouterr().out.splitlines()
    assert "mine: compton_y, beam 2.4', 64 pixels of 1', trained" in listed
    assert "poor: compton_y, beam 2.4', 64 pixels of 1', fails its gate" in listed


def test_a_survey_that_never_passed_is_refused(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the checks that failed; what they judged is kept apart."""
    monkeypatch.chdir(trained)
    made = trained / "surveys" / "poor"
    assert {path.name for path in made.iterdir()} == {"failed"}
    assert (made / "failed" / "record.npz").exists()
    assert "checks failed:" in (made / "failed" / "page.md").read_text()
    with pytest.raises(SystemExit, match="poor/failed/verdict.json: weighing fails its checks"):
        main(["predict", "--survey", "poor", "--map", "y.fits", "--catalogue", "clusters.fits"])


def test_dvc_sees_an_edited_survey_and_a_failing_gate_keeps_the_older_record(
    checkout: Checkout, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trained)
    file = trained / "surveys" / "mine.yaml"
    stage, text = "train_survey@mine", file.read_text()
    record = (trained / "surveys" / "mine" / "record.npz").read_bytes()
    listed = checkout.run("git", "status", "--porcelain", "--untracked-files=all", "surveys").stdout
    assert {line[3:] for line in listed.splitlines()} == {
        "surveys/mine.yaml", "surveys/poor.yaml", "surveys/mine/noise.csv",
        "surveys/mine/metrics.json", "surveys/mine/page.md",
    }  # fmt: skip
    assert json.loads(checkout.succeed("dvc", "status", "--json", stage)) == {}
    try:
        change(file, **POOR)
        status = json.loads(checkout.succeed("dvc", "status", "--json", stage))
        assert status == {stage: [{"changed deps": {"surveys/mine.yaml": "modified"}}]}
        done = checkout.run("szmass", "survey", "train", "mine", PYTHONPATH="src")
        assert done.returncode == 1
        assert "goes on with surveys/mine/record.npz, which passed before" in done.stderr
        assert "Traceback" not in done.stderr
        assert json.loads(checkout.succeed("dvc", "status", "--json", stage)) == status
        with closing(sqlite3.connect(trained / "mlflow.db")) as database:
            failed = database.execute("SELECT name FROM runs WHERE status = 'FAILED'").fetchall()
        assert any(name.startswith("train_survey mine") for (name,) in failed)
    finally:
        file.write_text(text)
    assert json.loads(checkout.succeed("dvc", "status", "--json", stage)) == {}
    assert (trained / "surveys" / "mine" / "record.npz").read_bytes() == record
    main(["predict", "--survey", "mine", "--map", "y.fits", "--catalogue", "clusters.fits", "-q"])
    state = "trained; the last training failed its gate"
    assert any(line.endswith(state) for line in list_surveys())


@pytest.mark.filterwarnings("ignore::Warning:mlflow.*", "ignore::FutureWarning")
def test_a_training_is_on_record(trained: Path) -> None:
    """With its network, curves, the gate's numbers and the record as a model of its own."""
    mlflow.set_tracking_uri(f"sqlite:///{trained}/mlflow.db")
    runs = runs_of("survey")
    mine, poor = (
        next(run for run in runs if run.info.status == status and of in run.info.run_name)
        for status, of in (("FINISHED", "train_survey mine"), ("FAILED", "train_survey poor"))
    )
    (model,) = mlflow.MlflowClient().search_registered_models()
    assert model.name == "survey-mine"
    assert "Record of weighing for a survey of y-maps" in model.description
    assert mine.data.metrics["gate.failed"] == 0 < poor.data.metrics["gate.failed"]
    assert 0.6 < mine.data.metrics["coverage_68"] < 0.76
    assert mine.data.tags["survey"] == "mine"
    networks = [run for run in runs if run.data.tags.get(PARENT) == mine.info.run_id]
    assert [run.info.run_name.split()[0] for run in networks] == ["network_0"]
    history = mlflow.MlflowClient().get_metric_history(networks[0].info.run_id, "loss")
    assert len(history) == FAST["epochs"]
    files = mlflow.artifacts.list_artifacts(run_id=mine.info.run_id)
    assert {file.path for file in files} >= {"mine.yaml", "page.md", "record.npz", "figures"}


def test_a_stage_needs_the_digests_of_all_files(trained: Path, params: Params) -> None:
    """DVC watches the survey's file alone."""
    surveys = trained / "surveys"
    text = (surveys / "mine.yaml").read_text()
    digest = sha256(surveys / "mine" / "noise.csv")
    assert text.count(digest) == 1
    for name, content in (
        ("other", text.replace(digest, "a" * 64)),
        ("none", text[: text.index("sha256:")]),
    ):
        (surveys / f"{name}.yaml").write_text(content)
        stated = "a{64}" if name == "other" else "missing"
        expected = f"{name}.yaml: sha256: mine/noise.csv = {stated}: expected {digest}"
        try:
            with pytest.raises(SurveyError, match=expected):
                train(params, surveys, name)
        finally:
            (surveys / f"{name}.yaml").unlink()


def test_a_stage_names_the_surveys_that_are_there(trained: Path, params: Params) -> None:
    with pytest.raises(SurveyError, match=r"no .*/mina.yaml; .* has .*mine.*; did you mean mine"):
        train(params, trained / "surveys", "mina")


def train(params: Params, surveys: Path, name: str) -> None:
    """Runs the stage for a survey."""
    train_survey(
        params.seed,
        params.spectra,
        params.compton,
        params.morphology,
        params.baryon_models,
        params.weighing,
        george2015=ROOT / params.paths["george2015"],
        survey_folder=surveys,
        resources=params.resources,
        item=name,
        run=ListRun(),
    )


@pytest.fixture(scope="module")
def simulated(trained: Path, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside of any clone, where the other simulation was imported and trained with."""
    folder = tmp_path_factory.mktemp("anywhere")
    shutil.copytree(trained / "surveys", folder / "surveys")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        simulated_maps(folder, Cosmology.of(params.compton), (0.2, 0.9))
        main(["import-maps", "simulated.csv", "--out", "simulated.zarr"])
        yaml = YAML()
        settings = yaml.load(folder / "surveys" / "mine.yaml")
        settings["clusters"] = "../simulated.zarr"
        settings["sha256"]["../simulated.zarr"] = digest_of(folder / "simulated.zarr")
        yaml.dump(settings, folder / "surveys" / "theirs.yaml")
        main(["survey", "train", "theirs"])
    assert not (folder / "mlflow.db").exists()
    return folder


def test_the_relation_of_imported_clusters_is_measured(simulated: Path, params: Params) -> None:
    cosmology, path = Cosmology.of(params.compton), simulated / "simulated.zarr"
    relation = ImportedClusters.read(path, cosmology).relation(cosmology)
    assert abs(relation.alpha - THEIR_GAS["alpha"]) < 4.0 * relation.alpha_error
    assert abs(relation.log10_b - THEIR_GAS["log10_b"]) < 4.0 * relation.log10_b_error
    assert 0.07 < relation.sigma_lny < 0.13
    shapes = np.array([shape_of(path, row) for row in range(3)], dtype=float)
    inside = np.hypot(*np.meshgrid(axis_r500(), axis_r500())) < 1.0
    np.testing.assert_allclose(shapes[:, inside].sum(axis=1) * (8.0 / 128) ** 2, 1.0, rtol=1e-5)


def test_their_clusters_are_weighed_by_their_own_and_not_by_ours(
    simulated: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New clusters of theirs in noise: without bias by theirs, too light by the mock clusters."""
    monkeypatch.chdir(simulated)
    rng, cosmology = np.random.default_rng(11), Cosmology.of(params.compton)
    gas = Gas(*(np.array(value) for value in THEIR_GAS.values()))
    z, log10_m = rng.uniform(0.25, 0.9, 300), rng.uniform(14.5, 15.3, 300)
    y = PivotY.at(z, cosmology).mean_y_arcmin2(log10_m, gas)
    y *= np.exp(gas.sigma_lny * rng.standard_normal(300))
    settings, weighing = read_settings(SurveyFiles("theirs"), params.weighing)
    instrument = Instrument.of("theirs", settings, weighing, Path("surveys"))
    survey = instrument.survey
    radii, index = survey.grid.unique_radii
    profiles = beamed_profiles(
        cosmology.theta500_arcmin(10.0**log10_m, z),
        radii,
        beam_fwhm_arcmin=BEAM_ARCMIN,
        pressure=THEIR_PRESSURE,
    )
    images = (y[:, None] * profiles)[:, index].reshape(300, *[survey.grid.pixels] * 2)
    maps = images + survey.noise_rms * instrument.noise.maps(rng, 300)[:, 0]
    bias = {}
    for name in ("theirs", "mine"):
        masses = szmass.weigh(maps.astype(np.float32), z, survey=name, prior="flat")
        bias[name] = np.median(1.0 - 10.0**log10_m / masses.m500_msun)
    assert abs(bias["theirs"]) < 0.05
    assert bias["mine"] < -0.15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("m500c_msun", "mass"), "no column m500c_msun: expected file, m500c_msun, redshift"),
        ((",0.5,c3", ",0.5,c3,training\nm.fits,5e14,0.5,c3,test"),
         "line 6: cluster c3 is in training and in test: expected all its maps in one"),
        (("5e14,0.5,c2", "5.0,0.5,c2"), "line 4: m500c_msun = '5.0': expected a mass from 1e12"),
        (("5e14,0.5,c1", "5e14,-1,c1"), "line 3: redshift = '-1': expected a redshift from 0.001"),
        ((",c0", ","), "line 2: cluster missing: expected a name or number"),
        (("m.fits,5e14,0.5,c4", "none.fits,5e14,0.5,c4"), "line 6: .*none.fits: not found"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_imported_is_named(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    lines = ["file,m500c_msun,redshift,cluster,partition"]
    lines += [f"m.fits,5e14,0.5,c{number}" for number in range(5)]
    text = "\n".join(lines)
    assert change[0] in text
    (tmp_path / "t.csv").write_text(text.replace(*change, 1) + "\n")
    with pytest.raises(SystemExit, match=message):
        main(["import-maps", str(tmp_path / "t.csv"), "--out", str(tmp_path / "s.zarr")])
    assert not (tmp_path / "s.zarr").exists()


@pytest.fixture(scope="module")
def ready(trained: Path, params: Params) -> tuple[SurveyTraining, Record]:
    """The survey that was trained, and its record."""
    files = SurveyFiles("mine", trained / "surveys")
    settings, weighing = read_settings(files, params.weighing)
    instrument = Instrument.of("mine", settings, weighing, files.surveys)
    own = SurveyParams.of(params)
    training = SurveyTraining.of(instrument, own, weighing, settings, files.surveys)
    return training, Record.read(files.record)


def test_completeness_by_injection_is_the_true_one(
    trained: Path, ready: tuple[SurveyTraining, Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the same clusters in new noise, within the errors."""
    monkeypatch.chdir(trained)
    main(["survey", "completeness", "mine", "--map", "noise.fits", "--clusters", "1500"])
    training, record = ready
    clusters = list_injections(training, 1500)
    maps = training.observe(clusters, np.random.default_rng(21))
    inputs = Weigher(record).inputs(maps, clusters.redshift)
    truth = Injected(clusters.log10_m500c_msun, clusters.redshift, inputs.signal_to_noise)
    redshifts, masses = bins(training)
    share, put = truth.completeness(5.0, redshifts, masses)
    table = Table.read("surveys/mine/completeness.csv")
    assert len(table) == np.count_nonzero(put)
    found = np.array(table["completeness"]).reshape(share.shape)
    error = np.hypot(np.array(table["error"]).reshape(share.shape), 0.5 / np.sqrt(put))
    assert found.min() < 0.1
    assert found.max() > 0.95
    assert np.sqrt(np.mean(((found - share) / error) ** 2)) < 1.3
    assert abs(np.sum((found - share) * put) / put.sum()) < 0.02


def test_the_catalogue_for_counts(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(trained)
    rows = "redshift_low,redshift_high,log10_m500c_low,log10_m500c_high,completeness\n"
    rows += (
        "0.15,0.5,14,14.6,0.2\n0.15,0.5,14.6,15.2,0.9\n0.5,1.0,14,14.6,0.1\n0.5,1.0,14.6,15.2,1\n"
    )
    complete = Path("surveys/mine/completeness.csv")
    before = complete.read_text() if complete.exists() else None
    complete.write_text(rows)
    if not Path("masses.fits").exists():
        main(["predict", "--survey", "mine", "--map", "y.fits", "--catalogue", "clusters.fits",
              "--prior", "flat", "--out", "masses.fits", "-q"])  # fmt: skip
    main(["survey", "counts", "mine", "--masses", "masses.fits", "--out", "counts.fits"])
    counts, masses = Table.read("counts.fits"), Table.read("masses.fits")
    truth = Table.read("clusters.fits")
    np.testing.assert_allclose(masses["ra_deg"], truth["ra"], atol=1e-9)
    kept = np.array(masses["signal_to_noise"]) >= 5.0
    assert 0 < len(counts) == kept.sum() < CLUSTERS
    np.testing.assert_allclose(counts["decDeg"], truth["dec"][kept], atol=1e-9)
    np.testing.assert_array_equal(counts["q"], masses["signal_to_noise"][kept])
    assert counts["M500c"].unit.to("solMass") == pytest.approx(1e14)
    log10_mass = np.log10(np.array(masses["m500_msun"])[kept])
    near = np.array(masses["redshift"])[kept] < 0.5
    expected = np.where(
        near,
        np.interp(log10_mass, [14.3, 14.9], [0.2, 0.9]),
        np.interp(log10_mass, [14.3, 14.9], [0.1, 1.0]),
    )
    clear = np.abs(np.array(masses["redshift"])[kept] - 0.5) > 0.05
    np.testing.assert_allclose(np.array(counts["completeness"])[clear], expected[clear])
    with pytest.raises(SystemExit, match="clusters.fits: no column redshift, ra_deg"):
        main(["survey", "counts", "mine", "--masses", "clusters.fits", "--out", "c.fits"])
    if before is not None:
        complete.write_text(before)


def test_selected_clusters_have_no_eddington_bias_with_the_mass_function(
    ready: tuple[SurveyTraining, Record],
) -> None:
    """Clusters of the mass function, cut at a signal-to-noise of 5: the faintest third of them.

    Many light clusters are scattered above the cut. A prior that knows how many there are needs no
    other correction, since the posterior of a map does not depend on the cut; a flat one is biased.
    """
    training, record = ready
    weigher, rng = Weigher(record), np.random.default_rng(31)
    redshift = rng.uniform(0.4, 0.6, 60_000)
    axis = np.linspace(13.6, 15.4, 181)
    density = np.exp(record.mass_function.ln_density(redshift, axis))
    below = np.cumsum(density, axis=1)
    draws = rng.random(len(redshift)) * below[:, -1]
    log10_mass = axis[np.sum(below < draws[:, None], axis=1)] + rng.uniform(-0.005, 0.005, 60_000)
    inputs = seen_by_filters(training, log10_mass, redshift)
    selected = np.flatnonzero(inputs.signal_to_noise >= 5.0)
    order = selected[np.argsort(inputs.signal_to_noise[selected])]
    faint = order[: len(order) // 3]
    assert len(faint) > 500
    mean = {}
    for prior in ("mass-function", "flat"):
        posteriors = weigher.posteriors(
            inputs.at(faint),
            weigher.gas(record.facts.reference_gas),
            weigher.ln_prior(prior, redshift[faint]),
        )
        weights = posteriors.density
        nodes = posteriors.axis_log10_msun
        expected = np.trapezoid(weights * nodes, nodes, axis=1)
        mean[prior] = float(np.mean(expected - log10_mass[faint]) * np.log(10.0))
    assert abs(mean["mass-function"]) < 0.05
    assert mean["flat"] > mean["mass-function"] + 0.05


def seen_by_filters(
    training: SurveyTraining, log10_mass: np.ndarray, redshift: np.ndarray
) -> Inputs:
    """What the filters see of clusters with the reference gas, in noise of the usual level."""
    survey, count = training.instrument.survey, len(redshift)
    listed = list_injections(training, 400)
    theta500 = training.cosmology.theta500_arcmin(10.0**log10_mass, redshift)
    # one simulated cluster for each: that of the nearest angle
    amplitude, _ = training.simulator(listed)
    order = np.argsort(listed.theta500_arcmin)
    near = order[np.clip(np.searchsorted(listed.theta500_arcmin[order], theta500), 0, 399)]
    params, rng = training.params, np.random.default_rng(41)
    gas = Gas.of(params.baryon_models[params.compton.baryon_model])
    y = PivotY.at(redshift, training.cosmology).mean_y_arcmin2(log10_mass, gas)
    y *= np.exp(gas.sigma_lny * rng.standard_normal(count))
    noise = rng.standard_normal((count, len(amplitude[0]))) @ noise_root(
        survey.bank.noise_covariance
    )
    level = np.full(count, survey.noise_rms)
    seen = y[:, None] * amplitude[near] + level[:, None] * noise
    return Inputs(seen, level, redshift, survey.bank.whitening)
