"""The catalogue of masses as other people's programs read it."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table

from szmass.storage.mass_tables import write_mass_tables

EDGES = np.array([0.1, 0.2, 0.4])
COLUMNS = {
    "name": np.array(["A", "B", "C", "D"], dtype=object),
    "redshift": np.append(EDGES.astype("f4").astype("f8"), 0.31),
    "glon_deg": np.linspace(0.0, 90.0, 4),
    "msz_1e14_msun": np.full(4, 3.0),
    "m500_msun_p16": np.full(4, 4.123456789e14),
    "relerr": np.full(4, 0.1),
    "golden": np.array([True, False, True, False]),
}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    files = tmp_path / "masses.fits", tmp_path / "masses.csv"
    write_mass_tables(*files, COLUMNS, {"SKY": "stand-in"})
    return files


def test_astropy_knows_the_units(files: tuple[Path, Path]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table.read(files[0])
    assert table["msz_1e14_msun"].quantity[0].to("solMass").value == pytest.approx(3e14)
    assert table["m500_msun_p16"].quantity[0].to("solMass").value == 4.123456789e14
    assert table["glon_deg"].unit == "deg"
    assert {table[name].unit for name in ("name", "redshift", "relerr", "golden")} == {None}
    assert table.meta["SKY"] == "stand-in"


def test_a_redshift_of_the_csv_is_in_its_bin(files: tuple[Path, Path]) -> None:
    read = pd.read_csv(files[1])
    bins = np.searchsorted(EDGES, COLUMNS["redshift"])
    assert bins.tolist() == [1, 2, 3, 2]
    np.testing.assert_array_equal(np.searchsorted(EDGES, read["redshift"]), bins)
    lines = files[1].read_text().splitlines()
    assert lines[1] == "A,0.100000001,0,3,4.123457e+14,0.1,True"
    assert lines[4].startswith("D,0.31,90,")
