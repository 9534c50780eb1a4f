"""Maps that Python has: NDData, tables of files, and their mixtures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData, NDData
from astropy.table import MaskedColumn, Table
from astropy.wcs import WCS

from szmass.errors import SzmassError
from szmass.predict.files.centres import Centre
from szmass.predict.files.user_maps import UserMap
from szmass.predict.objects import maps_of

MAP = np.random.default_rng(1).normal(0.0, 1e-6, (8, 8))


def read(maps: Any, centre: str | None = None) -> list[UserMap]:
    place = None if centre is None else Centre.of(centre)
    return list(maps_of(maps, hdu=None, centre=place))


def wcs(side_arcmin: float = 1.7) -> WCS:
    found = WCS(naxis=2)
    found.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    found.wcs.crval = [194.95, 27.98]
    found.wcs.crpix = [3.0, 5.0]
    found.wcs.cdelt = [-side_arcmin / 60.0, side_arcmin / 60.0]
    return found


def test_a_ccd_has_a_unit_a_wcs_a_mask_and_a_header() -> None:
    mask = np.zeros(MAP.shape, dtype=bool)
    mask[0, 0] = True
    ccd = CCDData(MAP, unit=units.Unit(1e-6), wcs=wcs(), mask=mask, meta={"redshift": 0.25})
    (found,) = read(ccd)
    np.testing.assert_allclose(found.image[1:], MAP[1:] * 1e-6)
    assert np.ma.getmaskarray(found.image).sum() == 1
    assert found.pixel_arcmin == pytest.approx(1.7)
    assert (found.redshift, found.redshift_key, found.label) == (0.25, "REDSHIFT", "map")
    assert found.notes == ("multiplied by 1e-06 (unit = '1e-06')",)


def test_an_nddata_may_have_nothing_but_its_array() -> None:
    first, second = read(NDData(np.stack([MAP, 2 * MAP])))
    assert [first.label, second.label] == ["map, row 0", "map, row 1"]
    assert (second.pixel_arcmin, second.redshift, second.notes) == (None, None, ())
    np.testing.assert_array_equal(second.image, 2 * MAP)


@pytest.mark.parametrize(("centre", "place"), [("crpix", (2, 4)), ("194.95d,27.98d", (2, 4))])
def test_its_wcs_says_where_a_place_is(centre: str, place: tuple[int, int]) -> None:
    (found,) = read(NDData(MAP, wcs=wcs()), centre)
    assert found.centre == pytest.approx(place, abs=1e-6)
    with pytest.raises(SzmassError, match="map: centre = .*: the map has no WCS"):
        read(NDData(MAP), centre)


def test_a_wrong_unit_is_refused() -> None:
    with pytest.raises(SzmassError, match="unit = 'uK': expected a map of Compton y"):
        read(CCDData(MAP, unit="uK"))


def test_pixels_that_are_no_squares_are_refused() -> None:
    oblong = wcs()
    oblong.wcs.cdelt = [-0.02, 0.03]
    with pytest.raises(SzmassError, match="map: pixels of 1.2' x 1.8': expected square ones"):
        read(NDData(MAP, wcs=oblong))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two maps in the current folder, of which the second states a redshift."""
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", MAP)
    image = fits.PrimaryHDU(2 * MAP)
    image.header["REDSHIFT"] = 0.4
    image.writeto("b.fits")


@pytest.mark.usefixtures("files")
def test_a_table_of_astropy_is_one_of_files() -> None:
    redshift = MaskedColumn([0.2, 0.3], mask=[False, True])
    table = Table(
        {"File": ["a.npy", "b.fits"], "Redshift": redshift, "NAME": ["A", ""], "RA": [1, 2]}
    )
    first, second = read(table)
    assert (first.label, first.redshift) == ("A", 0.2)
    assert (second.label, second.redshift) == ("b.fits", 0.4)
    used = "the table: columns that are not used: RA; those used are file, redshift, name"
    assert first.warnings == (used,)
    with pytest.raises(SzmassError, match="the table has no column 'file'; it has RA"):
        read(Table({"RA": [1.0]}))


@pytest.mark.usefixtures("files")
def test_a_csv_table_is_read_as_the_command_reads_it() -> None:
    Path("t.csv").write_text("file,redshift,name\na.npy,0.2,A\nb.fits,0.3,B\n")
    first, second = read("t.csv")
    assert [first.label, second.label] == ["A", "B"]
    assert (first.redshift, first.warnings) == ("0.2", ())
    assert second.warnings == (
        "redshift 0.3 (column redshift of t.csv) is used, but the file says 0.4 (REDSHIFT)",
    )
    Path("t.csv").write_text("file,redshift\na.npy,0,2\n")
    with pytest.raises(SzmassError, match="t.csv, line 2: expected 2 cells"):
        read(Path("t.csv"))


@pytest.mark.usefixtures("files")
def test_files_and_nddata_may_stand_beside_each_other() -> None:
    found = read(["a.npy", NDData(MAP), Path("b.fits")])
    assert [one.label for one in found] == ["a.npy", "map 1", "b.fits"]
    with pytest.raises(SzmassError, match="map 1 is a ndarray: expected a file or an NDData"):
        read(["a.npy", MAP])


def test_an_array_has_no_parts() -> None:
    with pytest.raises(SzmassError, match="HDU '1': expected a FITS file"):
        list(maps_of(MAP, hdu="1", centre=None))
    (found,) = read(MAP, "3,4")
    assert found.centre == (3.0, 4.0)
