"""`szmass predict` by weighing and `szmass.weigh`: masses, refusals, and what they import."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import NDData
from astropy.table import Table
from scipy.ndimage import zoom
from scipy.special import ndtri
from xarray import DataArray

import szmass
from helpers import ROOT
from helpers.committed import SETTINGS
from helpers.mock_record import GRID, mock_map, mock_record
from szmass.cli import main
from szmass.errors import SzmassError
from szmass.params import Params
from szmass.weighing.record import Record
from szmass.weighing.weigher import SUFFIXES, Weigher

HEAVY = ("tensorflow", "keras", "mlflow", "dvc", "pandas", "dask", "zarr", "healpy", "colossus")
RECORD = "models/weighing/planck.npz"
weigh = partial(szmass.weigh, record=RECORD)
MASS = r"(\d+\.\d\d) (-\d+\.\d\d) (\+\d+\.\d\d) \(stat.\) ([+-]\d+\.\d\d) ([+-]\d+\.\d\d) "
MASS += r"\(with the gas\)"


@pytest.fixture(scope="module")
def record(params: Params) -> Record:
    return mock_record(params)


@pytest.fixture(scope="module")
def root(record: Record, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a record, and maps of three clusters."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copy(SETTINGS, root)
    record.write(root / params.paths["weighing_record"])
    for number in range(3):
        np.save(root / f"{number}.npy", mock_map(8.0 + 4.0 * number, number))
    image = fits.PrimaryHDU(mock_map(10.0, 0))
    side = GRID.pixel_arcmin / 60.0
    image.header.update({"CDELT1": -side, "CDELT2": side, "REDSHIFT": 0.25})
    image.writeto(root / "c.fits")
    (root / "maps.csv").write_text("file,redshift,name\n0.npy,0.2,A\n1.npy,0.3,B\n2.npy,0.5,C\n")
    return root


@pytest.fixture(autouse=True)
def there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def printed(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    main(["predict", "--models", RECORD, *options])
    return capsys.readouterr().out


def as_json(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    return json.loads(printed(capsys, "--json", *options))


def maps() -> np.ndarray:
    return np.stack([np.load(f"{number}.npy") for number in range(3)])


def test_the_table_has_both_intervals(capsys: pytest.CaptureFixture[str], record: Record) -> None:
    text = printed(capsys, "--table", "maps.csv")
    masses = weigh(maps(), [0.2, 0.3, 0.5])
    table, _, below = text.partition("\n\n")
    for row, line in enumerate(table.splitlines()[1:]):
        found = re.search(MASS, line)
        assert found is not None, line
        middle = masses.m500_msun[row]
        ends = [getattr(masses, f"m500_msun{name}")[row] for name in
                ("_p16", "_p84", "_total_p16", "_total_p84")]  # fmt: skip
        expected = [middle, *(end - middle for end in ends)]
        assert [float(one) for one in found.groups()] == pytest.approx(
            [value / 1e14 for value in expected], abs=0.006
        )
        assert line.startswith("ABC"[row])
        assert line.endswith("no")
    excess = float(np.median(masses.common_dex))
    assert f"its excess, {excess:.3f} dex or {100 * (10**excess - 1):.0f} %, is common" in below
    assert "with the gas of gadget_x" in below
    assert "prior: psz2, the masses of 200 PSZ2 clusters" in below
    assert f"version {record.facts.model_version}" in below


def test_json_has_what_the_networks_had_and_more(capsys: pytest.CaptureFixture[str]) -> None:
    answer = as_json(capsys, "--table", "maps.csv")
    assert {
        "models",
        "model_version",
        "made_with",
        "prior",
        "clusters",
        "problems",
        "notes",
    } <= set(answer)
    assert answer["gas"] == "gadget_x"
    cluster = answer["clusters"][0]
    intervals = {f"m500_msun{kind}{end}" for kind in ("", "_total") for end in SUFFIXES}
    assert {"name", "redshift", "signal_to_noise", "chi2", "flags", "out_of_range"} <= set(cluster)
    assert intervals <= set(cluster)
    masses = weigh(maps(), [0.2, 0.3, 0.5])
    for name in intervals:
        found = [one[name] for one in answer["clusters"]]
        np.testing.assert_allclose(found, getattr(masses, name), rtol=1e-12)
    assert not cluster["out_of_range"]
    low, middle, high = (cluster[f"m500_msun{end}"] for end in ("_p16", "", "_p84"))
    assert low < middle < high


def test_arrays_and_files_are_weighed_alike() -> None:
    redshift = [0.2, 0.3, 0.5]
    of_arrays = weigh(maps(), redshift)
    of_files = weigh(["0.npy", Path("1.npy"), "2.npy"], np.array(redshift))
    np.testing.assert_array_equal(of_files.m500_msun, of_arrays.m500_msun)
    alone = weigh(maps()[1], 0.3)
    np.testing.assert_array_equal(alone.m500_msun_total, of_arrays.m500_msun_total[1:2])
    assert weigh("c.fits").redshift.tolist() == [0.25]


def test_brighter_is_heavier_and_gas_widens() -> None:
    masses = weigh(np.stack([mock_map(ratio, 1) for ratio in (6.0, 12.0, 24.0)]), 0.3)
    assert (np.diff(masses.m500_msun) > 0).all()
    assert (np.diff(masses.signal_to_noise) > 0).all()
    assert (masses.common_dex > 0).all()


def test_the_table_has_units() -> None:
    table = weigh(maps(), 0.3).table
    assert len(table) == 3
    assert table["m500_msun_total_p16"].unit == "solMass"
    assert table["flags"].unit is None
    assert table.meta["gas"] == "gadget_x"


def test_a_prior_multiplies_exactly(record: Record) -> None:
    """A Gaussian times each density of the networks, against the same integral done here."""
    axis = record.axis
    density = np.exp(-0.5 * ((axis - 14.8) / 0.1) ** 2)
    rows = zip(axis.tolist(), density.tolist(), strict=True)
    lines = ["log10_msun,density", *(f"{mass!r},{value!r}" for mass, value in rows)]
    Path("gauss.csv").write_text("\n".join(lines) + "\n")
    masses = weigh(maps(), 0.3, prior="gauss.csv")
    weigher = Weigher(record)
    inputs = weigher.inputs(maps(), np.full(3, 0.3))
    product = record.ensemble(inputs, weigher.gas("gadget_x")).density(axis) * density
    below = np.cumsum(product, axis=1) / product.sum(axis=1, keepdims=True)
    medians = [np.interp(0.5, row, axis) for row in below]
    # the sum counts half a step too many
    np.testing.assert_allclose(np.log10(masses.m500_msun), medians, atol=1.01 * (axis[1] - axis[0]))
    Path("flat.csv").write_text("log10_msun,density\n13,1\n17,1\n")
    of_table = weigh(maps(), 0.3, prior="flat.csv")
    flat = weigh(maps(), 0.3, prior="flat")
    np.testing.assert_allclose(of_table.m500_msun_p84, flat.m500_msun_p84, rtol=1e-12)
    assert (np.abs(np.log10(flat.m500_msun / masses.m500_msun)) > 0.01).any()


def test_statistical_intervals_are_those_of_the_mixture(record: Record) -> None:
    flat = weigh(maps(), 0.3, prior="flat")
    sigma = np.log10(flat.m500_msun_p84 / flat.m500_msun_p16) / 2.0 / ndtri(0.84)
    gas = record.facts.gas_models["gadget_x"]
    # widths of 0.2 in ln Y, of two networks 0.05 to either side
    expected = np.hypot(0.2, 0.05) / (gas["alpha"] * np.log(10.0))
    np.testing.assert_allclose(sigma, expected, rtol=0.03)


def test_another_gas_is_told(capsys: pytest.CaptureFixture[str], record: Record) -> None:
    """At fixed Y a gas of less pressure needs a larger mass."""
    models = record.facts.gas_models
    assert models["magneticum"]["log10_b"] != models["gadget_x"]["log10_b"]
    (of_x,) = as_json(capsys, "1.npy", "--redshift", "0.3", "--prior", "flat")["clusters"]
    answer = as_json(capsys, "1.npy", "--redshift", "0.3", "--prior", "flat", "--gas", "magneticum")
    (of_magneticum,) = answer["clusters"]
    assert answer["gas"] == "magneticum"
    assert of_magneticum["m500_msun"] != pytest.approx(of_x["m500_msun"], rel=0.01)
    assert of_magneticum["m500_msun_total"] == pytest.approx(of_x["m500_msun_total"])


def test_every_gas_is_answered_for(capsys: pytest.CaptureFixture[str], record: Record) -> None:
    """Each as if it alone had been asked for; the reference stays what it is."""
    models = list(record.facts.gas_models)
    answer = as_json(capsys, "--table", "maps.csv", "--gas", "all")
    plain = as_json(capsys, "--table", "maps.csv")
    assert answer["gas"] == plain["gas"] == record.facts.reference_gas
    weighed = weigh(maps(), [0.2, 0.3, 0.5], gas="all")
    each = {name: weigh(maps(), [0.2, 0.3, 0.5], gas=name) for name in models}
    for row, (cluster, usual) in enumerate(zip(answer["clusters"], plain["clusters"], strict=True)):
        assert sorted(cluster["by_gas"]) == sorted(models)
        assert next(iter(cluster["by_gas"])) == record.facts.reference_gas
        assert "by_gas" not in usual
        assert {name: cluster[name] for name in usual} == usual
        for name in models:
            for end in SUFFIXES:
                expected = getattr(each[name], f"m500_msun{end}")[row]
                assert cluster["by_gas"][name][f"m500_msun{end}"] == pytest.approx(expected)
                assert weighed.by_gas[name][f"m500_msun{end}"][row] == pytest.approx(expected)
                column = weighed.table[f"m500_msun_{name}{end}"]
                assert column[row] == pytest.approx(expected)
                assert column.unit == "solMass"
    assert weigh(maps(), 0.3).by_gas == {}


def test_the_text_has_a_column_for_each_gas(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "--table", "maps.csv", "--gas", "all")
    _, below = text.split("M500 [1e14 Msun] for each model of the gas")
    header, *rows = below.splitlines()[1:5]
    weighed = weigh(maps(), [0.2, 0.3, 0.5], gas="all")
    assert header.split() == ["cluster", *weighed.by_gas]
    for row, line in enumerate(rows):
        name, *cells = re.split(r"  +", line)
        assert name == "ABC"[row]
        for cell, masses in zip(cells, weighed.by_gas.values(), strict=True):
            middle, *ends = map(float, cell.split())
            assert middle == pytest.approx(masses["m500_msun"][row] / 1e14, abs=0.006)
            assert middle + ends[1] == pytest.approx(masses["m500_msun_p84"][row] / 1e14, abs=0.011)


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        ("flat", "prior: flat in log10 M, as the masses of the training"),
        ("training", "prior: flat in log10 M, as the masses of the training"),
        ("mass-function", "prior: mass-function, Tinker et al. 2008 .* in multidark-planck"),
        ("of_z.csv", "prior: of_z.csv, a table"),
    ],
)
def test_a_prior_is_said_and_draws(
    capsys: pytest.CaptureFixture[str], prior: str, words: str
) -> None:
    Path("of_z.csv").write_text(
        "redshift,log10_msun,density\n0.1,13,0\n0.1,17,1\n0.9,13,1\n0.9,17,0\n"
    )
    assert re.search(words, printed(capsys, "--table", "maps.csv", "--prior", prior))
    flat, drawn = (weigh(maps(), 0.3, prior=name) for name in ("flat", prior))
    if prior == "mass-function":
        assert (drawn.m500_msun < 0.99 * flat.m500_msun).all()
    if prior == "of_z.csv":
        near, far = (weigh(maps()[0], z, prior=prior) for z in (0.05, 0.95))
        assert near.m500_msun[0] > weigh(maps()[0], 0.05, prior="flat").m500_msun[0]
        assert far.m500_msun[0] < weigh(maps()[0], 0.95, prior="flat").m500_msun[0]


@pytest.mark.parametrize("prior", ["psz2", "flat", "training", "mass-function", "top_hat.csv"])
def test_brighter_maps_are_never_lighter_under_any_prior(prior: str) -> None:
    """One map whose signal, not its noise, is scaled from 0.3 to 20."""
    Path("top_hat.csv").write_text("log10_msun,density\n14.2,1\n15.0,1\n")
    bright = np.stack([mock_map(8.0 * scale, 4) for scale in np.geomspace(0.3, 20.0, 40)])
    masses = weigh(bright, 0.3, prior=prior)
    for name, values in masses.columns.items():
        if name.startswith("m500_msun"):
            assert (np.diff(values) >= 0.0).all(), name


def test_flags_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    faint = mock_map(0.5, 5)
    np.save("faint.npy", faint)
    text = printed(capsys, "faint.npy", "--redshift", "0.005")
    assert "faint: the prior decides the mass; redshift outside the training" in text
    (cluster,) = as_json(capsys, "faint.npy", "--redshift", "0.005")["clusters"]
    assert cluster["out_of_range"]
    assert cluster["flags"] == cluster["out_of_range_reason"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ("--prior", "none.csv"),
            "prior 'none.csv': expected psz2, flat, training, mass-function, or",
        ),
        (("--prior", "light.csv"), "light.csv: log10_msun from 10 to 11: expected a density"),
    ],
)
def test_what_cannot_be_is_an_error_in_a_line(options: tuple[str, ...], message: str) -> None:
    Path("light.csv").write_text("log10_msun,density\n10,1\n11,1\n")
    with pytest.raises(SystemExit, match=message) as told:
        main(["predict", "--models", RECORD, "0.npy", "--redshift", "0.3", *options])
    assert str(told.value).startswith("szmass: ")


@pytest.mark.parametrize(
    "options", [("--gas", "gadget_x"), ("--prior", "psz2"), ("--prior", "mass-function")]
)
def test_options_of_weighing_are_no_others(options: tuple[str, str]) -> None:
    name, value = options
    with pytest.raises(SystemExit, match=f"szmass: {name} {value} is for weighing: leave out --mo"):
        main(["predict", "0.npy", "--redshift", "0.3", "--models", "cnn", *options])


def test_a_missing_record_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    np.save(tmp_path / "a.npy", mock_map(9.0, 1))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match="planck.npz: no such file; `dvc repro train_weighing`"):
        main(["predict", "--models", RECORD, "a.npy", "--redshift", "0.3"])


def test_a_bad_map_does_not_stop_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    np.save("uk.npy", maps()[0] * 1e6)
    Path("mixed.csv").write_text("file,redshift,name\n0.npy,0.2,A\nuk.npy,0.3,B\n")
    with pytest.raises(SystemExit, match="line 3: uk.npy: |y| up to .*is the map in uK"):
        main(["predict", "--models", RECORD, "--table", "mixed.csv", "--json"])
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["clusters"]] == ["A"]


@pytest.mark.parametrize(
    ("change", "redshift", "message"),
    [
        (lambda image: image * 1e6, 0.3, r"map 1: \|y\| up to .*is the map in uK, or in units of"),
        (lambda image: image, [0.3, 2.0, 0.3], "map 1: redshift = 2: expected a number above 0"),
        (lambda image: image, [0.3, 0.2], r"redshifts of shape \(2,\): expected one, or one for"),
        (lambda image: image, None, "map 0: redshift missing"),
        (lambda image: np.where(image > 0, np.nan, image), 0.3, "map 1: .* not finite"),
    ],
)
def test_arrays_are_checked_as_files_are(change: Any, redshift: object, message: str) -> None:
    images = maps()
    images[1] = change(images[1])
    with pytest.raises(SzmassError, match=message):
        weigh(images, redshift)


def test_the_unit_of_an_array_is_not_dropped() -> None:
    expected = weigh(maps(), 0.3).m500_msun
    np.testing.assert_array_equal(weigh(units.Quantity(maps()), 0.3).m500_msun, expected)
    millionths = units.Quantity(maps() * 1e6, units.Unit(1e-6))
    np.testing.assert_allclose(weigh(millionths, 0.3).m500_msun, expected, rtol=1e-5)
    for images in (units.Quantity(maps(), "K"), DataArray(maps(), attrs={"units": "K"})):
        with pytest.raises(SzmassError, match="unit = 'K': expected a map of Compton y"):
            weigh(images, 0.3)


def test_other_arguments_are_refused() -> None:
    with pytest.raises(SzmassError, match=r"maps of shape \(64,\): expected \(pixels, pixels\)"):
        weigh(np.zeros(64), 0.3)
    with pytest.raises(SzmassError, match="no maps: expected one at least"):
        weigh([], 0.3)
    with pytest.raises(SzmassError, match="did you mean gadget_x?"):
        weigh(maps(), 0.3, gas="gadgetx")
    with pytest.raises(AttributeError, match="module 'szmass' has no attribute 'wiegh'"):
        _ = szmass.wiegh


def test_other_pixels_are_resampled() -> None:
    fine = zoom(mock_map(12.0, 3), 2, grid_mode=True, mode="nearest")
    found = weigh(fine, 0.3, pixel_arcmin=GRID.pixel_arcmin / 2.0)
    whole = weigh(mock_map(12.0, 3), 0.3)
    assert found.signal_to_noise[0] == pytest.approx(whole.signal_to_noise[0], rel=0.05)


@pytest.mark.parametrize("file", ["0.npy", "c.fits"])
def test_a_cutout_imports_no_heavy_library(file: str, root: Path) -> None:
    code = (
        "import sys; from szmass.cli import main; "
        f"main(['predict', '{file}', '--redshift', '0.3', '--models', '{RECORD}']); "
        "print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    imported = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert not imported & set(HEAVY)
    assert "(with the gas)" in done.stdout


def test_a_record_needs_no_settings_and_no_keras() -> None:
    code = "import sys, szmass.weighing.weigher; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    imported = set(done.stdout.split())
    assert not imported & {"szmass.params", "pydantic", "keras", "scipy.signal", *HEAVY}


def test_quiet_prints_the_masses_alone(capsys: pytest.CaptureFixture[str]) -> None:
    main(["predict", "--models", RECORD, "--table", "maps.csv", "-q", "--out", "quiet.csv"])
    quiet = capsys.readouterr()
    main(["predict", "--models", RECORD, "--table", "maps.csv", "--out", "quiet.csv"])
    usual = capsys.readouterr()
    assert quiet.out.splitlines() == usual.out.splitlines()[:4]
    assert (quiet.err, usual.err) == ("", "table: quiet.csv\n")


def test_verbose_says_what_was_read_beside_what_a_program_reads(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["predict", "--models", RECORD, "c.fits", "0.npy", "--redshift", "0.3", "-v", "--json"])
    told = capsys.readouterr()
    said = "c.fits: redshift 0.3 (--redshift) is used, but the file says 0.25 (REDSHIFT)"
    assert told.err.splitlines() == [
        (
            "c.fits: HDU 0 (PRIMARY), 64 x 64 pixels of 2.5' (CDELT), no unit, taken as y, "
            "redshift 0.3 (--redshift)"
        ),
        (
            "0.npy: array, 64 x 64 pixels of unstated size, no unit, taken as y, "
            "redshift 0.3 (--redshift)"
        ),
        said,
    ]
    assert json.loads(told.out)["warnings"] == [said]
    with pytest.raises(SystemExit, match="^2$"):
        main(["predict", "c.fits", "-q", "-v"])


def test_verbose_says_what_was_read_of_maps_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="no map could be used:\nc.fits: redshift = 2: expected"):
        main(["predict", "--models", RECORD, "c.fits", "--redshift", "2", "--verbose"])
    read, contradiction = capsys.readouterr().err.splitlines()
    assert read.startswith("c.fits: HDU 0 (PRIMARY), 64 x 64 pixels of 2.5' (CDELT)")
    assert contradiction.startswith("c.fits: redshift 2 (--redshift) is used")


def test_python_takes_the_options_of_the_command(tmp_path: Path) -> None:
    """A cluster off the centre of a wide map with a margin without data, beside another image."""
    wide = np.zeros((80, 90), "f4")
    wide[5:69, 20:84] = mock_map(12.0, 3)
    image = fits.ImageHDU(wide, name="Y")
    side = GRID.pixel_arcmin / 60.0
    image.header.update({"CDELT1": -side, "CDELT2": side, "CRPIX1": 52.5, "CRPIX2": 37.5})
    parts = [fits.PrimaryHDU(), image, fits.ImageHDU(wide[:4, :4], name="N")]
    fits.HDUList(parts).writeto(tmp_path / "wide.fits")
    expected = weigh(mock_map(12.0, 3), 0.3)
    for centre in ((51.5, 36.5), "51.5,36.5", "crpix"):
        found = weigh(tmp_path / "wide.fits", 0.3, hdu="Y", centre=centre)
        np.testing.assert_array_equal(found.m500_msun, expected.m500_msun)
    of_array = weigh(wide, 0.3, centre=(51.5, 36.5), pixel_arcmin=GRID.pixel_arcmin)
    np.testing.assert_array_equal(of_array.m500_msun, expected.m500_msun)
    edge = mock_map(12.0, 3)
    edge[:10] = np.nan
    with pytest.raises(SzmassError, match="pixels are masked or not finite"):
        weigh(edge, 0.3)
    filled = weigh(edge, 0.3, fill_nan=True)
    assert filled.m500_msun == pytest.approx(expected.m500_msun, rel=0.03)
    edge[32, 32] = np.nan
    with pytest.raises(SzmassError, match="map 0: 1 pixels within 40' of the centre"):
        weigh(edge, 0.3, fill_nan=True)


def test_python_warns_of_what_contradicts_a_file() -> None:
    with pytest.warns(UserWarning, match=r"redshift 0.4 \(given\) is used, but the file says 0.25"):
        assert weigh("c.fits", 0.4).redshift.tolist() == [0.4]


def test_tables_and_nddata_are_weighed_as_arrays_are() -> None:
    expected = weigh(maps(), [0.2, 0.3, 0.5])
    of_csv = weigh("maps.csv")
    of_table = weigh(Table.read("maps.csv", format="ascii.csv"))
    for found in (of_csv, of_table):
        np.testing.assert_array_equal(found.m500_msun, expected.m500_msun)
        assert found.name.tolist() == ["A", "B", "C"]
    of_nddata = weigh([NDData(one) for one in maps()], [0.2, 0.3, 0.5])
    np.testing.assert_array_equal(of_nddata.m500_msun, expected.m500_msun)
