"""The real PSZ2 catalogue and DeepPlanck's table, and damaged ones."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from helpers import ROOT
from szmass.planck.catalogue import Psz2Catalogue, read_deep_planck, read_psz2
from szmass.planck.files import PlanckFilesError

FILE = ROOT / "data/reference/HFI_PCCS_SZ-union_R2.08.fits"
DEEP_PLANCK = ROOT / "data/reference/DeepPlanck.csv"


@pytest.fixture(scope="module")
def catalogue() -> Psz2Catalogue:
    return read_psz2(FILE)


@pytest.fixture
def table() -> Table:
    return Table(np.asarray(fits.getdata(FILE, memmap=False)))


def test_every_reference_file_is_the_documented_one():
    documented = (ROOT / "data/reference/README.md").read_text()
    for file in (ROOT / "data/reference").glob("*.[cf]*"):
        assert f"`{file.name}`" in documented
        assert hashlib.sha256(file.read_bytes()).hexdigest() in documented


def test_counts_and_ranges_of_the_real_catalogue(catalogue):
    weighed = catalogue.weighed()
    assert (len(catalogue), len(weighed)) == (1653, 1094)
    assert weighed.redshift.min() == pytest.approx(0.011054, abs=1e-6)
    assert weighed.redshift.max() == pytest.approx(0.972)
    assert weighed.msz_1e14_msun.min() == pytest.approx(0.785, abs=5e-4)
    assert weighed.msz_1e14_msun.max() == pytest.approx(16.116, abs=5e-4)
    assert catalogue.name[0] == "PSZ2 G000.04+45.13"
    np.testing.assert_array_equal(catalogue.name[weighed.row], weighed.name)


def test_names_are_the_positions(catalogue):
    """A source is named by its galactic coordinates, cut to two decimals."""
    for name, glon, glat in zip(
        catalogue.name, catalogue.glon_deg, catalogue.glat_deg, strict=True
    ):
        longitude, latitude = float(name[6:12]), float(name[12:])
        assert abs(longitude - glon) < 0.0101
        assert abs(latitude - glat) < 0.0101


def test_deep_planck_has_all_of_them(catalogue):
    weighed = catalogue.weighed()
    published = read_deep_planck(DEEP_PLANCK, weighed)
    assert len(published) == 1094
    assert np.isfinite(published.to_numpy()).all()
    bias = 1 - weighed.msz_1e14_msun * 1e14 / 10 ** published["log10_m500c_msun"]
    assert np.median(bias) == pytest.approx(0.120, abs=0.001)


def test_a_source_that_deep_planck_lacks_has_no_mass(catalogue):
    published = read_deep_planck(DEEP_PLANCK, catalogue)
    known = np.isfinite(published["log10_m500c_msun"])
    np.testing.assert_array_equal(np.flatnonzero(known), catalogue.weighed().row)


def test_no_file(tmp_path):
    with pytest.raises(PlanckFilesError, match="none.fits: cannot be read: No such file"):
        read_psz2(tmp_path / "none.fits")


def test_not_fits(tmp_path):
    path = tmp_path / "text.fits"
    path.write_text("name,redshift\n")
    with pytest.raises(PlanckFilesError, match="text.fits: cannot be read: not a FITS file"):
        read_psz2(path)


def test_cut_short(tmp_path):
    path = tmp_path / "short.fits"
    shutil.copy(FILE, path)
    with path.open("r+b") as file:
        file.truncate(100_000)
    with pytest.raises(PlanckFilesError, match="short.fits: is cut short: 100000 of 60.* bytes"):
        read_psz2(path)


def test_a_missing_column(tmp_path, table):
    path = write(tmp_path, table[["INDEX", "NAME", "GLON", "GLAT", "MSZ"]])
    with pytest.raises(PlanckFilesError, match="no column 'REDSHIFT'; it has INDEX, NAME, GLON"):
        read_psz2(path)


def test_an_empty_catalogue(tmp_path, table):
    with pytest.raises(PlanckFilesError, match="the catalogue is empty"):
        read_psz2(write(tmp_path, table[:0]))


def test_text_in_a_column_of_numbers(tmp_path, table):
    table["MSZ"] = ["many"] * len(table)
    with pytest.raises(PlanckFilesError, match="a column of numbers holds text"):
        read_psz2(write(tmp_path, table))


def test_a_position_that_is_none(tmp_path, table):
    table["GLAT"][3] = 95.0
    with pytest.raises(PlanckFilesError, match=r"row 3 \(PSZ2 .*GLAT = 95.0: expected -90 to 90"):
        read_psz2(write(tmp_path, table))


def test_deep_planck_without_a_column(tmp_path, catalogue):
    path = tmp_path / "masses.csv"
    path.write_text("cluster,CNN_mass\nPSZ2G000.04+45.13.fits,14.7\n")
    with pytest.raises(PlanckFilesError, match=r"no column 'err\+'; it has CNN_mass"):
        read_deep_planck(path, catalogue)


def write(folder: Path, table: Table) -> Path:
    path = folder / "catalogue.fits"
    table.write(path)
    return path
