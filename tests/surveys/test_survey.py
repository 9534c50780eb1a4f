"""A survey from a map to masses, with a y-map whose noise another code has drawn."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from pixell import enmap, utils
from ruamel.yaml import YAML
from scipy.interpolate import CubicSpline

import szmass
from szmass.cli import main
from szmass.params import Params
from szmass.predict.files.headers import Y
from szmass.predict.files.sky_maps import open_sky
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.surveys.measuring import MeasureError, measure_noise
from szmass.surveys.noise import read_spectrum
from szmass.weighing.gas import Gas, PivotY

BEAM_ARCMIN, PIXEL_ARCMIN = 2.4, 1.0
CLUSTERS, ACROSS = 144, 12
REACH_ARCMIN = 24.0
FAST = {
    "training_clusters": 3000,
    "validation_clusters": 500,
    "test_clusters": 800,
    "networks": 2,
    "epochs": 80,
    "batch": 128,
    "filters": 8,
    "hidden": 32,
    "hidden_layers": 2,
    "log10_m500c_msun": [13.9, 16.0],
}
"""In the place of weighing's settings: a training of half a minute."""


def noise_cl(ell: np.ndarray) -> np.ndarray:
    white = (3e-6 * utils.arcmin) ** 2
    return white * (1.0 + (np.maximum(ell, 1.0) / 1500.0) ** -2.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A y-map of 10 x 10 degrees in plate carrée with clusters, and a catalogue of them."""
    folder, rng = tmp_path_factory.mktemp("survey"), np.random.default_rng(3)
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


@pytest.fixture(scope="module")
def trained(folder: Path) -> Path:
    """The folder after `survey new` and `survey train`, with less training."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["survey", "new", "mine", "--map", "y.fits", "--beam", str(BEAM_ARCMIN),
              "--pixels", "64", "--redshifts", "0.15", "1.0"])  # fmt: skip
        yaml = YAML()
        settings = yaml.load(folder / "surveys" / "mine.yaml")
        settings["pixel_window"] = False
        settings["weighing"].update(FAST)
        yaml.dump(settings, folder / "surveys" / "mine.yaml")
        main(["survey", "train", "mine"])
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
        grid = szmass.sky.grid.PixelGrid(settings["pixels"], settings["pixel_arcmin"])
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
    assert capsys.readouterr().out == "mine: compton_y, beam 2.4', 64 pixels of 1', trained\n"
