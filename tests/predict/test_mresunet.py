"""`szmass predict --models mresunet`: 150 GHz maps through the paper's network."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from keras import utils

from helpers import ROOT
from szmass.cli import main
from szmass.microwave.network.arrays import Normalisation
from szmass.microwave.network.estimator import MresunetEstimator
from szmass.microwave.network.mresunet import mresunet
from szmass.params import Params
from szmass.sky.grid import centre_mean


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory, params: Params) -> Path:
    """A folder with settings and a small untrained network."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copy(ROOT / "params.yaml", folder)
    utils.set_random_seed(3)
    estimator = MresunetEstimator(mresunet(width=2), Normalisation(100.0, 10.0, 4e14, "flat"))
    estimator.save(folder / params.paths["mresunet_model"])
    return folder


def write_map(path: Path, image: np.ndarray, unit: str = "uK") -> None:
    part = fits.PrimaryHDU(image)
    part.header.update({"BUNIT": unit, "CDELT1": 0.25 / 60, "CDELT2": 0.25 / 60})
    part.header.update({"CUNIT1": "deg", "CUNIT2": "deg"})
    part.writeto(path)


def test_masses_are_those_of_the_network(
    clone: Path, params: Params, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone)
    maps = np.random.default_rng(1).normal(0.0, 90.0, (2, 40, 40)).astype(np.float32)
    write_map(Path("a.fits"), maps[0])
    write_map(Path("b.fits"), maps[1] / 1e6, "K")
    main(["predict", "--models", "mresunet", "a.fits", "b.fits", "--redshift", "0.7", "--json"])
    answer = json.loads(capsys.readouterr().out)
    estimator = MresunetEstimator.load(params.paths["mresunet_model"])
    m200c_msun, sz_uk = estimator(maps)
    found = answer["clusters"]
    np.testing.assert_allclose([row["m200c_msun"] for row in found], m200c_msun, rtol=1e-4)
    np.testing.assert_allclose([row["sz_uk"] for row in found], centre_mean(sz_uk), rtol=1e-4)
    main(["predict", "--models", "mresunet", "a.fits", "--redshift", "0.4"])
    text = capsys.readouterr().out
    assert "trained at z = 0.7 alone" in text
    assert "no interval" in text


def test_clusters_of_a_map_of_the_sky(
    clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(clone)
    image = np.random.default_rng(2).normal(0.0, 90.0, (200, 200)).astype(np.float32)
    part = fits.PrimaryHDU(image)
    part.header.update(
        {
            "BUNIT": "uK", "CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRVAL1": 30.0,
            "CRVAL2": 0.0, "CDELT1": -0.25 / 60, "CDELT2": 0.25 / 60, "CUNIT1": "deg",
            "CUNIT2": "deg", "CRPIX1": 100.5, "CRPIX2": 100.5,
        }
    )  # fmt: skip
    part.writeto("sky.fits")
    table = {"NAME": ["in", "off"], "RA": [30.05, 50.0], "DEC": [0.1, 0.0], "REDSHIFT": [0.7, 0.7]}
    Table(table).write("clusters.fits")
    with pytest.raises(SystemExit, match="off"):
        main(["predict", "--models", "mresunet", "--map", "sky.fits", "--catalogue",
              "clusters.fits", "--json"])  # fmt: skip
    assert [row["name"] for row in json.loads(capsys.readouterr().out)["clusters"]] == ["in"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--prior", "flat"), "--gas and --prior are for weighing"),
        (("--out", "m.csv"), "--plot and --out are for weighing"),
    ],
)
def test_options_of_weighing_are_refused(
    clone: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, str], message: str
) -> None:
    monkeypatch.chdir(clone)
    with pytest.raises(SystemExit, match=message):
        main(["predict", "--models", "mresunet", "a.fits", "--redshift", "0.7", *options])


def test_a_missing_network_is_named(
    clone: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_map(tmp_path / "a.fits", np.random.default_rng(1).normal(0.0, 90.0, (40, 40)))
    shutil.copy(clone / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="models/mresunet.*dvc repro train_mresunet"):
        main(["predict", "a.fits", "--redshift", "0.7", "--models", "mresunet"])
