"""A user's own maps, from each kind of file."""

from __future__ import annotations

import math
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from szmass.compton.maps.stores import planck_spec
from szmass.planck.files import PlanckFilesError, write_maps
from szmass.predict.catalogues import cut_catalogue
from szmass.predict.files.centres import Centre
from szmass.predict.files.limits import UserFileError
from szmass.predict.files.user_maps import read_user_maps
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import pixel_count
from szmass.storage.store import replacing, write_rows

MAPS = np.random.default_rng(1).normal(0.0, 1e-6, (3, 8, 8)).astype("f4")


def test_numpy_arrays_are_one_map_or_some(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", MAPS[0])
    np.save(tmp_path / "some.npy", MAPS)
    (one,) = read_user_maps(tmp_path / "one.npy")
    assert (one.pixel_arcmin, one.redshift) == (None, None)
    some = list(read_user_maps(tmp_path / "some.npy"))
    assert [found.label for found in some] == [f"{tmp_path}/some.npy, row {i}" for i in range(3)]
    np.testing.assert_array_equal([found.image for found in some], MAPS)


@pytest.mark.parametrize("keywords", [("CDELT1", "CDELT2"), ("CD1_1", "CD2_2")])
def test_a_fits_image_states_its_pixels(tmp_path: Path, keywords: tuple[str, str]) -> None:
    image = fits.ImageHDU(MAPS[0].astype(">f8"))
    image.header.update(dict.fromkeys(keywords, 1.7 / 60.0))
    image.header["REDSHIFT"] = 0.25
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(tmp_path / "map.fits")
    (found,) = read_user_maps(tmp_path / "map.fits")
    np.testing.assert_array_equal(found.image, MAPS[0])
    assert found.pixel_arcmin == pytest.approx(1.7)
    assert found.redshift == 0.25


def test_fits_may_be_compressed(tmp_path: Path) -> None:
    smooth = np.arange(64.0**2).reshape(64, 64)
    fits.PrimaryHDU(smooth).writeto(tmp_path / "map.fits.gz")
    (found,) = read_user_maps(tmp_path / "map.fits.gz")
    np.testing.assert_array_equal(found.image, smooth)


TURNED = 1.7 / 60.0 * math.sqrt(0.5)
ONE_DEGREE = {"CDELT1": 1.0, "CDELT2": 1.0}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ({"CDELT1": -1.7 / 60.0, "CDELT2": 1.7 / 60.0, "CUNIT1": "deg"}, 1.7),
        ({"CD1_1": TURNED, "CD1_2": TURNED, "CD2_1": -TURNED, "CD2_2": TURNED}, 1.7),
        ({"PC1_1": -TURNED, "PC1_2": TURNED, "PC2_1": TURNED, "PC2_2": TURNED} | ONE_DEGREE, 1.7),
        ({}, None),
    ],
)
def test_pixels_of_a_fits_image_are_square(
    tmp_path: Path, keys: dict[str, object], found: float | None
) -> None:
    image = fits.PrimaryHDU(MAPS[0])
    image.header.update(keys)
    image.writeto(tmp_path / "map.fits")
    (read,) = read_user_maps(tmp_path / "map.fits")
    assert read.pixel_arcmin == (None if found is None else pytest.approx(found))


def test_pixels_as_astropy_writes_them(tmp_path: Path) -> None:
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    header.update({"CD1_1": -TURNED, "CD1_2": TURNED, "CD2_1": TURNED, "CD2_2": TURNED})
    written = WCS(header).to_header()
    assert written["CDELT1"] == 1.0
    fits.PrimaryHDU(MAPS[0], written).writeto(tmp_path / "map.fits")
    (found,) = read_user_maps(tmp_path / "map.fits")
    assert found.pixel_arcmin == pytest.approx(1.7)


def test_hdf5_and_zarr_have_redshifts_beside(tmp_path: Path) -> None:
    redshift = np.array([0.1, 0.2, 0.3])
    with h5py.File(tmp_path / "maps.h5", "w") as file:
        file.create_dataset("compton_y", data=MAPS).attrs["pixel_arcmin"] = 1.7
        file["redshift"] = redshift
    grid = PixelGrid(8, 1.7)
    with replacing(tmp_path / "maps.zarr", planck_spec(3, grid, ["gadget_x"]), {}) as store:
        spec = planck_spec(3, grid, ["gadget_x"])
        zeros = {
            name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
            for name, array in spec.arrays.items()
        }
        axis = {"x": grid.axis_arcmin, "y": grid.axis_arcmin}
        write_rows(store, slice(None), zeros | axis | {"compton_y": MAPS, "redshift": redshift})
    for name in ("maps.h5", "maps.zarr"):
        found = list(read_user_maps(tmp_path / name))
        np.testing.assert_array_equal([one.image for one in found], MAPS)
        assert [one.redshift for one in found] == [0.1, 0.2, 0.3]
        assert found[0].pixel_arcmin == pytest.approx(1.7)


NSIDE = 64
ROWS: dict[str, list] = {
    "NAME": ["A", "B", "C", "D"],
    "GLON": [10.0, 400.0, 20.0, 30.0],
    "GLAT": [80.0, 10.0, np.nan, -80.0],
    "REDSHIFT": [0.3, 0.2, 0.1, -1.0],
}


@pytest.fixture
def ymap(tmp_path: Path) -> Path:
    """A full-sky map whose northern half is 1e-5 and whose southern half is 2e-5."""
    sky = np.full(pixel_count(NSIDE), 1e-5, np.float32)
    sky[len(sky) // 2 :] = 2e-5
    write_maps(tmp_path / "y.fits", "Y-MAP", {"FULL": sky}, {})
    return tmp_path / "y.fits"


def write_catalogue(path: Path, columns: dict[str, list]) -> Path:
    kinds = {name: "1A" if "A" in map(str, values) else "E" for name, values in columns.items()}
    columns_of_fits = [
        fits.Column(name, kinds[name], array=values) for name, values in columns.items()
    ]
    fits.BinTableHDU.from_columns(columns_of_fits).writeto(path)
    return path


def test_a_bad_position_spoils_its_own_row_alone(tmp_path: Path, ymap: Path) -> None:
    catalogue = write_catalogue(tmp_path / "c.fits", ROWS)
    found = list(cut_catalogue([ymap], catalogue, nside=NSIDE, grid=PixelGrid(8, 1.7)))
    assert [name for name, _ in found] == ROWS["NAME"]
    a, b, c, d = (one for _, one in found)
    assert (a.image == np.float32(1e-5)).all()
    assert (d.image == np.float32(2e-5)).all()
    assert (a.redshift, d.redshift) == (pytest.approx(0.3), None)
    assert b.label == f"{catalogue}, row 1 (B)"
    assert (a.problem, d.problem) == ("", "")
    assert b.problem == "GLON = 400: expected 0 to 360 degrees"
    assert c.problem == "GLAT = nan: expected -90 to 90 degrees"


def test_a_bad_full_sky_map_is_named(tmp_path: Path, ymap: Path) -> None:
    catalogue = write_catalogue(tmp_path / "c.fits", ROWS)
    grid = PixelGrid(8, 1.7)
    with pytest.raises(PlanckFilesError, match="y.fits: NSIDE = 64: expected 128"):
        list(cut_catalogue([ymap], catalogue, nside=128, grid=grid))
    for key, value, message in (
        ("COORDSYS", "E", "COORDSYS = 'E': expected GALACTIC"),
        ("ORDERING", "HILBERT", "ORDERING = 'HILBERT': expected RING or NESTED"),
    ):
        with fits.open(ymap, mode="update") as parts:
            before = parts[1].header[key]
            parts[1].header[key] = value
        with pytest.raises((UserFileError, PlanckFilesError), match=f"y.fits: {message}"):
            list(cut_catalogue([ymap], catalogue, nside=NSIDE, grid=grid))
        fits.setval(ymap, key, value=before, ext=1)
    ymap.write_bytes(ymap.read_bytes()[:-5000])
    with pytest.raises(PlanckFilesError, match="y.fits: is cut short: .*; fetch it again"):
        list(cut_catalogue([ymap], catalogue, nside=NSIDE, grid=grid))


def images(path: Path, *names: str) -> Path:
    """A FITS file with square images of these names, the first with 0 in each pixel, and so on."""
    parts = [
        fits.ImageHDU(np.full((8, 8), number, "f4"), name=name) for number, name in enumerate(names)
    ]
    fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(path)
    return path


@pytest.mark.parametrize(("hdu", "value"), [("2", 1), ("ymap", 1), ("YMAP", 1), ("1", 0)])
def test_an_image_is_named_by_number_or_name(tmp_path: Path, hdu: str, value: int) -> None:
    path = images(tmp_path / "m.fits", "NOISE", "YMAP")
    with pytest.raises(UserFileError, match="2 images, 2 of them square: .*name it: --hdu N or NA"):
        list(read_user_maps(path))
    (found,) = read_user_maps(path, hdu=hdu)
    assert (found.image == value).all()
    name = ("NOISE", "YMAP")[value]
    assert found.notes == (f"HDU {value + 1} ({name}), as --hdu says",)
    assert found.in_words().startswith(f"{path}: HDU {value + 1} ({name}), 8 x 8 pixels of unstat")


def test_other_files_have_no_parts_and_no_sky(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", MAPS[0])
    with pytest.raises(UserFileError, match="one.npy: cannot be read: HDU '1': expected a FITS fi"):
        list(read_user_maps(tmp_path / "one.npy", hdu="1"))
    with pytest.raises(
        UserFileError, match="one.npy: cannot be read: centre = '1d,2d': the map ha"
    ):
        list(read_user_maps(tmp_path / "one.npy", centre=Centre.of("1d,2d")))
    (found,) = read_user_maps(tmp_path / "one.npy", centre=Centre.of((3, 4)))
    assert found.centre == (3.0, 4.0)
    assert found.notes == ("centre at column 3.00, row 4.00 (3,4)",)


def test_a_centre_is_near_the_projection_where_the_map_is_not(tmp_path: Path) -> None:
    """Pixels are of the stated size near CRPIX, wherever the image's own centre is."""
    wide = fits.PrimaryHDU(np.zeros((400, 8), "f4"))
    wide.header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 4.5, "CRPIX2": 4.5})
    wide.header.update({"CDELT1": -0.04, "CDELT2": 0.04, "CRVAL1": 10.0, "CRVAL2": 20.0})
    wide.writeto(tmp_path / "m.fits")
    with pytest.raises(UserFileError, match="the map's centre is 7.84 degrees from CRPIX"):
        list(read_user_maps(tmp_path / "m.fits"))
    (found,) = read_user_maps(tmp_path / "m.fits", centre=Centre.of("10d,20d"))
    assert found.centre == pytest.approx((3.5, 3.5))
    assert found.pixel_arcmin == pytest.approx(2.4)


def test_a_redshift_that_contradicts_the_file_is_said(tmp_path: Path) -> None:
    image = fits.PrimaryHDU(MAPS[0])
    image.header["REDSHIFT"] = 0.25
    image.writeto(tmp_path / "m.fits")
    (found,) = read_user_maps(tmp_path / "m.fits")
    told = found.with_redshift("0.5", "--redshift")
    assert told.redshift == "0.5"
    assert told.warnings == (
        "redshift 0.5 (--redshift) is used, but the file says 0.25 (REDSHIFT)",
    )
    assert found.with_redshift("0.2505").warnings == ()
    own = found.with_redshift("")
    assert (own.redshift, own.notes, own.warnings) == (0.25, ("redshift (REDSHIFT)",), ())
