"""What is made of masses: tables, draws from the posteriors, pictures, and the example."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import szmass
from helpers.mock_record import GRID, mock_map, mock_record
from szmass.cli import main
from szmass.params import Params
from szmass.predict.command import PredictionError
from szmass.predict.masses import Masses
from szmass.predict.picture import Model
from szmass.predict.released import EXAMPLE_FILE, RECORDS, TRUE_MASS_KEY
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import PLANCK_RELATION, mpc2_per_arcmin2, y_cyl_mpc2

REDSHIFTS = [0.2, 0.3]


@pytest.fixture(scope="module")
def record(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("record") / "planck.npz"
    mock_record(params).write(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder with cutouts that state their pixels and redshifts."""
    folder = tmp_path_factory.mktemp("cutouts")
    side = GRID.pixel_arcmin / 60.0
    for number, redshift in enumerate(REDSHIFTS):
        image = fits.PrimaryHDU(mock_map(8.0 + 6.0 * number, number))
        image.header.update({"CDELT1": -side, "CDELT2": side, "REDSHIFT": redshift})
        image.writeto(folder / f"{number}.fits")
    (folder / "notes.txt").write_text("no map")
    return folder


@pytest.fixture(scope="module")
def masses(folder: Path, record: Path) -> Masses:
    return szmass.weigh([folder / "0.fits", folder / "1.fits"], record=record)


@pytest.mark.parametrize("ending", ["fits", "ecsv", "csv", "ECSV"])
def test_a_table_comes_back_with_its_units(masses: Masses, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"masses.{ending}"
    path.write_text("an old file, which is replaced")
    assert masses.write(path) == path
    table = Table.read(path, format={"ECSV": "ascii.ecsv"}.get(ending))
    assert [Path(name).name for name in table["name"]] == ["0.fits", "1.fits"]
    np.testing.assert_array_equal(table["redshift"], REDSHIFTS)
    np.testing.assert_allclose(table["m500_msun"], masses.m500_msun, rtol=1e-12)
    if ending != "csv":
        assert str(table["m500_msun_total_p84"].unit) == "solMass"
        meta = {key.lower(): value for key, value in table.meta.items()}
        assert meta["prior"] == "psz2"
    assert list(tmp_path.iterdir()) == [path]


def test_another_ending_is_refused_before_a_map_is_read(
    tmp_path: Path, masses: Masses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PredictionError, match=r"^m.txt: expected a name that ends in .fits, .ecsv"):
        masses.write("m.txt")
    with pytest.raises(SystemExit, match=r"^szmass: m.txt: expected a name that ends in .*.json$"):
        main(["predict", "none.fits", "--out", "m.txt"])


def test_draws_have_the_posteriors_percentiles(masses: Masses) -> None:
    drawn = masses.samples(20_000)
    assert drawn.shape == (2, 20_000)
    for percentile, name in ((2.5, "_p2p5"), (16, "_p16"), (50, ""), (84, "_p84")):
        expected = masses.columns[f"m500_msun{name}"]
        np.testing.assert_allclose(np.percentile(drawn, percentile, axis=1), expected, rtol=0.02)
    total = masses.samples(20_000, total=True)
    np.testing.assert_allclose(np.median(total, axis=1), masses.m500_msun_total, rtol=0.02)
    np.testing.assert_array_equal(masses.samples(20_000), drawn)
    assert (masses.samples(20_000, seed=1) != drawn).all()


@pytest.mark.parametrize(("ending", "begins"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_picture(masses: Masses, tmp_path: Path, ending: str, begins: bytes) -> None:
    path = masses.plot(tmp_path / f"cluster.{ending}", row=1)
    assert path.read_bytes().startswith(begins)
    assert list(tmp_path.iterdir()) == [path]


def test_a_picture_that_cannot_be_is_a_line(masses: Masses, tmp_path: Path) -> None:
    with pytest.raises(PredictionError, match=r"^row 2: expected one of 0 to 1$"):
        masses.plot(tmp_path / "a.png", row=2)
    with pytest.raises(ValueError, match=r"a.gif: expected a name that ends in .png or .pdf$"):
        masses.plot(tmp_path / "a.gif")
    with pytest.raises(PredictionError, match=r"a.png: a picture for one cluster, of 2: expected"):
        masses.plot_all(tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_the_model_has_the_relations_y_within_r500() -> None:
    """Y = D_A^2 int y dOmega within theta500, but for a narrow beam and the rim's pixels."""
    cosmology = Cosmology("planck18", "diemer15_orig")
    model = Model(PixelGrid(128, 0.5), 1.0, cosmology, PLANCK_RELATION)
    mass, redshift = np.array([8e14]), np.array([0.05])
    inside = model.grid.radius_arcmin <= model.theta500_arcmin(8e14, 0.05)
    found = model.image(8e14, 0.05)[inside].sum() * model.grid.pixel_arcmin**2
    y_arcmin2 = y_cyl_mpc2(mass, redshift, PLANCK_RELATION, cosmology)[0]
    y_arcmin2 /= mpc2_per_arcmin2(redshift, cosmology)[0]
    assert found == pytest.approx(y_arcmin2, rel=0.01)


def test_a_folder_of_cutouts_in_one_call(
    folder: Path,
    record: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--models", str(record), "--plot", "pictures", "--out", "masses.json"]
    main(["predict", str(folder), *words])
    out, err = capsys.readouterr()
    assert err == "table: masses.json\npictures: pictures\n"
    written = json.loads(Path("masses.json").read_text())
    assert [cluster["redshift"] for cluster in written["clusters"]] == REDSHIFTS
    assert "0.fits" in out
    pictures = sorted(path.name for path in Path("pictures").iterdir())
    assert [name[0] for name in pictures] == ["0", "1"]
    assert all(name.endswith(("_0.fits.png", "_1.fits.png")) for name in pictures)
    with pytest.raises(SystemExit, match=r"no file in it ends in .fit, .fits, "):
        main(["predict", str(tmp_path / "pictures"), "--models", str(record)])


def test_the_example_is_weighed_and_drawn_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    main(["predict", "--example", "--json"])
    out, err = capsys.readouterr()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["example.fits", "example.png"]
    (cluster,) = json.loads(out)["clusters"]
    true_msun = 1e14 * fits.getval("example.fits", TRUE_MASS_KEY)
    assert cluster["m500_msun_p2p5"] < true_msun < cluster["m500_msun_p97p5"]
    assert cluster["out_of_range_reason"] == ""
    assert f"true mass is {true_msun / 1e14:.2f} 1e14 Msun" in err
    main(["predict", "--example"])
    shutil.copy(RECORDS / EXAMPLE_FILE, tmp_path / "own.fits")
    with pytest.raises(SystemExit, match="--example has a map of its own: leave out other maps"):
        main(["predict", "--example", "own.fits"])
    (tmp_path / "example.fits").write_bytes(b"another")
    with pytest.raises(SystemExit, match=r"example.fits: is another file: expected none"):
        main(["predict", "--example"])
    assert (tmp_path / "example.fits").read_bytes() == b"another"


def test_tables_and_pictures_are_of_weighing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match="--plot and --out are for weighing: leave out --models"):
        main(["predict", "--models", "cnn", "a.fits", "--redshift", "0.3", "--plot", "a.png"])
