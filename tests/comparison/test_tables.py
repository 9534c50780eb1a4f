"""Tables of masses as other people write them, and what is said of those that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from szmass.comparison.columns import Column, MassTableError
from szmass.comparison.tables import MassTable, read_masses
from szmass.storage.mass_tables import write_mass_tables


@pytest.mark.parametrize(
    ("name", "header_unit", "msun", "stem"),
    [
        ("m500_msun", "", 1.0, "m500"),
        ("m500_1e14_msun", "", 1e14, "m500"),
        ("m500_msun_p16", "", 1.0, "m500p16"),
        ("MSZ_ERR_UP", "10^14 Msun", 1e14, "mszerrup"),
        ("msz_err_up_1e14_msun", "", 1e14, "mszerrup"),
        ("M500 [1e14 Msun]", "", 1e14, "m500"),
        ("M500c_errMinus", "", None, "m500cerrminus"),
        ("m500_err-", "", None, "m500err-"),
        ("m500", "solMass", 1.0, "m500"),
        ("m500", "10**14 solMass", 1e14, "m500"),
        ("m500", "10+14Msun", 1e14, "m500"),
        ("m500", "1e14 M_sun", 1e14, "m500"),
        ("m500_msun", "10**14 solMass", 1e14, "m500"),  # the header counts
    ],
)
def test_a_column_states_its_unit(
    name: str, header_unit: str, msun: float | None, stem: str
) -> None:
    column = Column(name, header_unit)
    assert (column.msun(), column.stem) == (msun, stem)


@pytest.mark.parametrize("unit", ["Msun/h", "10**14 solMass h70-1", "kg", "10E14 Msun", "dex"])
def test_a_unit_that_is_no_solar_mass_is_refused(unit: str) -> None:
    with pytest.raises(MassTableError, match="column 'm500': unit .*: expected Msun or 1e14 Msun"):
        Column("m500", unit).msun()
    with pytest.raises(MassTableError, match="column 'm500_msun_h': unit 'm500_msun_h'"):
        Column("m500_msun_h").msun()


CSV = "Cluster,RA,Dec,z,M500_1e14_Msun,M500_err\nA1,10.5,-3,0.2,5.0,1.0\nA2,20,4,0.3,8,2\n"


def csv_table(folder: Path, text: str = CSV) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_a_csv_table(tmp_path: Path) -> None:
    table = read_masses(csv_table(tmp_path, "# from a paper\n" + CSV + "\n"))
    assert table.name.tolist() == ["A1", "A2"]
    assert table.frame == "icrs"
    assert table.longitude_deg.tolist() == [10.5, 20.0]
    assert table.latitude_deg.tolist() == [-3.0, 4.0]
    assert table.redshift.tolist() == [0.2, 0.3]
    assert table.mass_msun.tolist() == [5e14, 8e14]
    assert table.ln_mass == pytest.approx(np.log([5e14, 8e14]))
    assert table.ln_error == pytest.approx(np.log([6 / 4, 10 / 6]) / 2)
    assert table.taken == (
        "name Cluster; position RA [deg, not stated], Dec [deg, not stated] (icrs); redshift z; "
        "mass M500_1e14_Msun [1e14 Msun]; error M500_err [1e14 Msun, not stated]"
    )
    assert table.problems == ()


def fits_table(path: Path, *columns: tuple[str, str | None, Sequence[object]]) -> Path:
    parts = [
        fits.Column(name, "20A" if isinstance(values[0], str) else "E", unit=unit, array=values)
        for name, unit, values in columns
    ]
    fits.BinTableHDU.from_columns(parts).writeto(path)
    return path


POSITION = (("GLON", "degrees", [10.0]), ("GLAT", "degrees", [5.0]), ("REDSHIFT", None, [0.25]))


def test_a_fits_table_as_planck_publishes_it(tmp_path: Path) -> None:
    errors = ("MSZ_ERR_UP", "10^14 Msun", [0.5]), ("MSZ_ERR_LOW", "10^14 Msun", [0.25])
    path = fits_table(
        tmp_path / "psz2.fits", ("NAME", None, ["PSZ2 G1"]), *POSITION,
        ("MSZ", "10^14 Msun", [4.0]), *errors,
    )  # fmt: skip
    table = read_masses(path)
    assert (table.name[0], table.frame, table.redshift[0]) == ("PSZ2 G1", "galactic", 0.25)
    assert [table.low_msun[0], table.mass_msun[0], table.up_msun[0]] == [3.75e14, 4e14, 4.5e14]
    assert table.taken.startswith("name NAME; position GLON [deg], GLAT [deg] (galactic)")


def test_the_catalogue_of_the_pipeline(tmp_path: Path) -> None:
    columns = {
        "name": np.array(["PSZ2 G1", "PSZ2 G2"]),
        "glon_deg": np.array([10.0, 20.0]),
        "glat_deg": np.array([1.0, 2.0]),
        "redshift": np.array([0.2, 0.3]),
        "msz_1e14_msun": np.array([3.0, 4.0]),
        "m500_msun": np.array([3e14, 4e14]),
        "m500_msun_p16": np.array([2e14, 3e14]),
        "m500_msun_p84": np.array([5e14, 6e14]),
        "m500_true_msun": np.array([np.nan, np.nan]),
        "out_of_range": np.array([True, False]),
    }
    paths = tmp_path / "masses.fits", tmp_path / "masses.csv"
    write_mass_tables(*paths, columns, {"SKY": "stand-in sky"})
    tables = [read_masses(path) for path in paths]
    assert [table.sky for table in tables] == ["stand-in sky", ""]
    for table in tables:
        assert table.mass_msun == pytest.approx(columns["m500_msun"])
        assert table.up_msun == pytest.approx(columns["m500_msun_p84"])
        assert table.low_msun == pytest.approx(columns["m500_msun_p16"])
        assert table.out_of_range.tolist() == [True, False]
        assert table.frame == "galactic"
        assert "percentiles m500_msun_p16 [Msun]; percentiles m500_msun_p84 [Msun]" in table.taken


def test_hours_and_two_errors_of_one_letter(tmp_path: Path) -> None:
    """VizieR's E_ and e_ are upper and lower errors."""
    path = fits_table(
        tmp_path / "hours.fits", ("RA", "hourangle", [2.0]), ("DEC", "deg", [5.0]),
        ("z", None, [0.25]), ("M500", "solMass", [4e14]), ("E_M500", None, [2e14]),
    )  # fmt: skip
    assert read_masses(path).longitude_deg.tolist() == [30.0]
    assert read_masses(path).low_msun == pytest.approx([2e14])
    text = "name,z,M500_msun,e_M500_msun,E_M500_msun\nA,0.2,4e14,1e14,2e14\n"
    table = read_masses(csv_table(tmp_path, text))
    assert (table.low_msun[0], table.up_msun[0], table.frame) == (3e14, 6e14, "")


def test_unusual_names_and_units_can_be_told(tmp_path: Path) -> None:
    text = CSV.replace("M500_1e14_Msun", "MyMass").replace("M500_err", "MyMass_err")
    path = csv_table(tmp_path, text)
    with pytest.raises(MassTableError, match=r"table.csv: no column of masses \(m500, .*MyMass"):
        read_masses(path)
    with pytest.raises(
        MassTableError, match="table.csv: column 'MyMass': no unit: expected one in the FITS header"
    ):
        read_masses(path, mass_column="MyMass")
    table = read_masses(path, mass_column="MyMass", mass_unit_msun=1e14)
    assert table.mass_msun.tolist() == [5e14, 8e14]
    assert "mass MyMass [1e14 Msun, not stated]" in table.taken


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("5.0,1.0", "-5,1.0", "line 2 (A1): column 'M500_1e14_Msun' = -5: expected 1e12 to 1e17"),
        ("5.0,1.0", "nan,1.0", "line 2 (A1): column 'M500_1e14_Msun' = nan: expected 1e12 to"),
        ("5.0,1.0", "5e14,1", "column 'M500_1e14_Msun' = 5e14: expected 1e12 to 1e17 Msun, in 1e1"),
        ("5.0,1.0", ",1.0", "line 2 (A1): column 'M500_1e14_Msun' = nothing: expected 1e12 to 1e"),
        ("5.0,1.0", "5.0,", "line 2 (A1): column 'M500_err' = nothing: expected an error above 0"),
        ("8,2", "8,0", "line 3 (A2): column 'M500_err' = 0: expected an error above 0"),
        ("8,2", "8,9", "line 3 (A2): column 'M500_err' = 9: expected an error below the mass"),
        (",0.2,", ",-1,", "line 2 (A1): column 'z' = -1: expected a redshift above 0 and up to 5"),
        (",0.2,", ",?,", "line 2 (A1): column 'z' = ?: expected a redshift above 0"),
        ("10.5,", "370,", "line 2 (A1): column 'RA' = 370: expected 0 to 360 degrees"),
        ("10.5,", "0:42:00,", "line 2 (A1): column 'RA' = 0:42:00: expected 0 to 360 degrees"),
        (",-3,", ",-93,", "line 2 (A1): column 'Dec' = -93: expected -90 to 90 degrees"),
    ],
)
def test_a_row_that_cannot_be_used_is_named(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    path = csv_table(tmp_path, CSV.replace(before, after))
    with pytest.raises(MassTableError) as raised:
        read_masses(path)
    told = str(raised.value)
    assert told.startswith(f"{path}, line ")
    assert message in told
    assert told.endswith("; --skip-bad-rows leaves them out")
    table = read_masses(path, skip_bad_rows=True)
    assert len(table) == 1
    assert message in table.problems[0]


def test_all_bad_rows_are_counted(tmp_path: Path) -> None:
    path = csv_table(tmp_path, CSV.replace("5.0", "14.7e14").replace("8,", "14.9e14,"))
    with pytest.raises(MassTableError, match=r"line 2 .* \(and 1 more such rows\); --skip"):
        read_masses(path)
    with pytest.raises(MassTableError, match="table.csv: no row that can be used: .*14.7e14"):
        read_masses(path, skip_bad_rows=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column of masses (m500, "),
        (CSV.partition("\n")[0], "no row that can be used"),
        (
            CSV.replace("M500_err", "width"),
            "no errors of column 'M500_1e14_Msun' (such as m500_err",
        ),
        (CSV.replace(",z,", ",zz,"), "no column of redshifts (redshift, z, "),
        (CSV.replace("RA", "x").replace("Cluster", "y"), "no columns of positions (ra and dec, or"),
        (CSV.replace("8,2", "8,2,3"), "line 3: 7 cells: expected 6 (Cluster, RA, Dec"),
        (CSV.replace("RA", "Dec"), "a column twice in Cluster, Dec, Dec"),
        (CSV.replace("RA", "M500_msun"), "columns 'M500_msun' and 'M500_1e14_Msun': expected one"),
        ("\0", "no column of masses"),
    ],
)
def test_a_table_that_lacks_something_says_what(tmp_path: Path, text: str, message: str) -> None:
    path = csv_table(tmp_path, text)
    with pytest.raises(MassTableError) as raised:
        read_masses(path)
    assert str(raised.value).startswith(str(path))
    assert message in str(raised.value)


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    for name, content in {"a.fits": b"<html>", "a.csv": b"\xff\xfe\x00"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MassTableError, match=f"{name}: cannot be read"):
            read_masses(tmp_path / name)
    with pytest.raises(
        MassTableError, match="a.txt: expected a file that ends in .csv, .fit, .fit"
    ):
        read_masses(tmp_path / "a.txt")
    with pytest.raises(MassTableError, match="none.csv: not found"):
        read_masses(tmp_path / "none.csv")
    path = fits_table(
        tmp_path / "unit.fits", *POSITION, ("M500", "keV", [4]), ("e_M500", None, [1])
    )
    with pytest.raises(MassTableError, match="unit.fits: column 'M500': unit 'keV': expected Msun"):
        read_masses(path)
    angles = ("RA", "rad", [0.1]), ("DEC", "rad", [0.1]), ("z", None, [0.25])
    masses = ("M500", "solMass", [4e14]), ("e_M500", None, [1e14])
    path = fits_table(tmp_path / "angle.fits", *angles, *masses)
    with pytest.raises(MassTableError, match="angle.fits: column 'RA': unit 'rad': expected deg"):
        read_masses(path)


def test_some_clusters_of_a_table(tmp_path: Path) -> None:
    table: MassTable = read_masses(csv_table(tmp_path)).at(np.array([1]))
    assert (len(table), table.name.tolist(), table.mass_msun.tolist()) == (1, ["A2"], [8e14])
