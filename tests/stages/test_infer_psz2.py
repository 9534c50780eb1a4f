"""The stage that weighs PSZ2, and the command that weighs a user's own maps, on a small sky."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from scipy.stats import binomtest

from helpers import ROOT
from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import small_params, write_psz2, write_stores
from helpers.recording import ListRun
from szmass.cli import main
from szmass.compton.maps.stores import open_planck_store
from szmass.params import Params
from szmass.predict.cnn import predict
from szmass.predict.command import NoUsableMapError, PredictionError, Wanted
from szmass.stages.compton.infer_psz2 import infer_psz2

PATHS = (
    "psz2_store", "psz2_catalogue", "de_andres_2022", "deep_planck", "planck_store", "cnn_models",
    "cnn_posterior", "psz2_cnn_masses_fits", "psz2_cnn_masses_csv", "psz2_metrics", "psz2_table",
    "psz2_figures",
)  # fmt: skip


@pytest.fixture(scope="module")
def run() -> ListRun:
    return ListRun()


@pytest.fixture(scope="module")
def project(params: Params, run: ListRun, tmp_path_factory: pytest.TempPathFactory) -> Params:
    """The settings of a small project whose stage has run; their paths are absolute."""
    root, small = tmp_path_factory.mktemp("project"), small_params(params)
    paths = {
        key: (ROOT if str(path).startswith("data/reference") else root) / path
        for key, path in params.paths.items()
    }
    small = replace(small, paths=paths)
    write_stores(paths["planck_store"].parent, small)
    store = open_planck_store(paths["planck_store"])
    write_ensembles(paths["cnn_models"], {"planck": store}, small)
    write_psz2(paths["psz2_store"], small)
    infer_psz2(
        small.seed,
        small.bins,
        small.compton,
        small.baryon_models,
        small.cnn,
        small.posterior,
        **{key: paths[key] for key in PATHS},
        run=run,
    )
    return small


def test_the_catalogue_is_the_same_in_both_files(project: Params) -> None:
    table = pd.read_csv(project.paths["psz2_cnn_masses_csv"])
    with fits.open(project.paths["psz2_cnn_masses_fits"]) as parts:
        rows, header = parts[1].data, parts[1].header
        assert header["SKY"] == "stand-in sky"
        assert list(rows.names) == list(table.columns)
        np.testing.assert_allclose(rows["m500_msun"], table["m500_msun"], rtol=1e-6)
        assert [str(name) for name in rows["name"]] == list(table["name"])
        assert rows.columns["m500_msun_p16"].unit == "solMass"
        assert rows.columns["msz_1e14_msun"].unit == "10**14 solMass"
    assert table["name"].str.startswith("PSZ2 G").all()
    wanted = {
        "name", "glon_deg", "glat_deg", "redshift", "m500_msun", "m500_msun_p2p5", "m500_msun_p16",
        "m500_msun_p84", "m500_msun_p97p5", "log10_m500", "msz_1e14_msun", "relerr", "golden",
        "out_of_range", "out_of_range_reason", "bin", "masked_fraction", "m500_ensemble_msun",
        "m500_selected_msun", "m500_golden_msun", "m500_true_msun", "log10_m500_published",
        "model_version",
    }  # fmt: skip
    assert wanted == set(table.columns)
    relerr = 1 - table["msz_1e14_msun"] * 1e14 / table["m500_msun"]
    np.testing.assert_allclose(table["relerr"], relerr, atol=1e-5)


def test_true_masses_come_back_and_the_bias_of_msz_is_found(project: Params, run: ListRun) -> None:
    metrics = json.loads(project.paths["psz2_metrics"].read_text())
    everything = metrics["all"]
    assert abs(everything["relerr_median_true"]) < 0.08
    assert everything["relerr_median_msz_true"] == pytest.approx(1 - 1 / 0.9, abs=1e-6)
    assert everything["relerr_median_msz"] == pytest.approx(0.1, abs=0.08)
    masses = pd.read_csv(project.paths["psz2_cnn_masses_csv"])
    for level, low, high in ((68, "p16", "p84"), (95, "p2p5", "p97p5")):
        true = masses["m500_true_msun"]
        inside = (masses[f"m500_msun_{low}"] <= true) & (true <= masses[f"m500_msun_{high}"])
        assert everything[f"coverage_{level}_true"] == pytest.approx(inside.mean(), abs=1e-9)
        assert binomtest(int(inside.sum()), len(masses), level / 100).pvalue > 0.001
    # the paper's number is that of the same redshifts, 0.2 to 0.4, whatever their bin is called
    assert metrics["z1"]["paper_relerr_median_msz"] == 0.13
    assert "paper_relerr_median_msz" not in everything  # 0.2 to 1
    # alpha = 1.79 weighs heavy clusters light
    slopes = [everything[f"relerr_median_mock_alpha_1p{digits}"] for digits in (63, 79)]
    assert slopes == sorted(slopes)
    named = {f"{bin_name}.{name}" for bin_name, values in metrics.items() for name in values}
    assert {name for name, _, _ in run.metrics} == named
    assert [name for _, name in run.models] == ["cnn-ensemble"] * 2


def test_table_and_figures_say_what_sky_it_is(project: Params, run: ListRun) -> None:
    table = project.paths["psz2_table"].read_text()
    assert table.startswith("PSZ2 clusters on: stand-in sky.")
    assert "+0.13 +0.13 -0.11 (0.006), 443" in table
    assert [path.name for path in run.figures] == [
        "figure2_planck_bias.png",
        "figure3_bias_causes.png",
        "supp6_densities.png",
    ]


def test_predict_gives_what_the_catalogue_has(project: Params) -> None:
    answer = predict(Wanted(files=[project.paths["psz2_store"]], models="own"), project)
    table = pd.read_csv(project.paths["psz2_cnn_masses_csv"])
    np.testing.assert_allclose(answer.columns["m500_msun"], table["m500_msun"], rtol=1e-6)
    text = answer.as_text()
    assert re.search(r"prior of z1: \d+ simulated clusters of 3\.\d to 1\d\.\de14 Msun", text)
    assert "2 networks a bin, 1 epochs on 240 simulated clusters" in text
    assert json.loads(answer.as_json())["clusters"][0]["m500_msun"] > 0


def test_bad_rows_of_a_table_are_told_and_the_rest_is_done(project: Params, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    good = rng.normal(0, 1e-6, (32, 32)).astype("f4")
    np.save(tmp_path / "good.npy", good)
    np.save(tmp_path / "uk.npy", good * 1e6)
    np.save(tmp_path / "small.npy", good[:20, :20])
    fits.PrimaryHDU(good).writeto(tmp_path / "image.fits")
    (tmp_path / "cut.fits").write_bytes((tmp_path / "image.fits").read_bytes()[:1000])
    (tmp_path / "t.csv").write_text(
        "file,redshift,name\ngood.npy,0.3,A\nuk.npy,0.3,B\ngood.npy,,C\ngood.npy,0.1,D\n"
        "none.npy,0.3,E\nsmall.npy,0.3,F\nimage.fits,0.5,G\ncut.fits,0.5,H\ngood.npy,high,I\n"
        "good.npy,1,05,J\ntwo.npy,0.3,K\n"
    )
    np.save(tmp_path / "two.npy", np.array([good, good]))
    answer = predict(Wanted(table=tmp_path / "t.csv", prior="training", models="own"), project)
    assert answer.names == ["A", "G", "K, row 0", "K, row 1"]
    wanted = {
        3: r"\|y\|",
        4: "redshift missing",
        5: "redshift = 0.1: expected one that networks were trained for",
        6: "none.npy: not found",
        7: "20 x 20 pixels whose size is not stated",
        9: "cut.fits: cannot be read",
        10: "redshift = 'high'",
        11: r"expected 3 cells \(file, redshift, name\)",
    }
    assert len(answer.problems) == len(wanted)
    for problem, (line, text) in zip(answer.problems, wanted.items(), strict=True):
        assert re.search(rf"t.csv, line {line}: .*{text}", problem), problem


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted(prior="flat"), "--prior flat is for weighing: .* is the masses of their training"),
        (Wanted(), "expected one of: FILE... --redshift Z, --table"),
        (Wanted(files=[Path("a.txt")], redshift="0.3"), "a.txt: expected a file that ends in .fit"),
        (Wanted(files=[Path("none.npy")], redshift="0.3"), "none.npy: not found"),
        (Wanted(ymap=Path("y.fits")), "expected one of"),
        (Wanted(table=Path("t.csv"), redshift="0.3"), "--redshift is for FILE; a table or a cat"),
        (
            Wanted(ymap=Path("y.fits"), catalogue=Path("c.fits"), pixel_arcmin=1.0),
            "--pixel-arcmin is for cutouts",
        ),
        (
            Wanted(ymap=Path("y.fits"), catalogue=Path("c.fits")),
            "no map could be used:\nc.fits: not found",
        ),
    ],
)
def test_nothing_to_weigh_is_an_error(project: Params, wanted: Wanted, message: str) -> None:
    with pytest.raises((PredictionError, NoUsableMapError), match=message):
        predict(replace(wanted, models="own"), project)


def test_the_command_line_prints_a_table_and_its_problems(
    project: Params,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("szmass.params.load", lambda _: project)
    maps = np.random.default_rng(1).normal(0, 1e-6, (3, 32, 32))
    maps[1, 0, 0] = np.nan
    np.save(tmp_path / "maps.npy", maps)
    with pytest.raises(SystemExit, match="maps.npy, row 1: 1 pixels are masked or not finite"):
        main(["predict", str(tmp_path / "maps.npy"), "--redshift", "0.35", "--models", "own"])
    printed = capsys.readouterr().out
    assert "maps.npy, row 0" in printed
    assert "68 %" in printed.splitlines()[0]
