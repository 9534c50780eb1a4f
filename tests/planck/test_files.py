"""Reading and writing Planck's layout, on files like the public ones and on damaged ones."""

from __future__ import annotations

from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits

from helpers import ROOT
from helpers.full_disk import room_for
from helpers.planck_release import BAD, write_release, write_spectrum
from szmass.files import OutputError
from szmass.planck.files import (
    PUBLIC_NAMES,
    PlanckFilesError,
    find_product,
    read_map,
    read_mask,
    read_noise_spectrum,
    sky_name,
    write_maps,
)
from szmass.sky.healpix import band_limited_variance, pixel_count

NSIDE = 64
SIZE = pixel_count(NSIDE)


def ymaps(*, nilc: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    names = ("FULL", "FIRST", "LAST", "MASK") if nilc else ("FULL", "FIRST", "LAST")
    return {name: rng.standard_normal(SIZE, dtype=np.float32) * 1e-6 for name in names}


@pytest.mark.parametrize("ordering", ["RING", "NESTED"])
@pytest.mark.parametrize("nilc", [False, True])
@pytest.mark.parametrize("width", [1, 1024])
def test_a_released_ymap(tmp_path, ordering, nilc, width):
    maps = ymaps(nilc=nilc)
    maps["FULL"][[5, 77]] = BAD
    path = write_release(
        tmp_path / "milca_ymaps.fits", maps, ordering=ordering, extension="Y-MAP", width=width
    )
    for name, values in maps.items():
        expected = values.astype(float)
        expected[values == np.float32(BAD)] = np.nan
        if ordering == "NESTED":
            expected = healpy.reorder(expected, n2r=True)
            expected[expected < -1e20] = np.nan
        found = read_map(path, name, NSIDE)
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected.astype(np.float32))


def test_a_stddev_map_is_read_by_position(tmp_path):
    """The name of its column differs between descriptions."""
    level = np.full(SIZE, 1.2e-6)
    path = write_release(
        tmp_path / "stddev.fits", {"ANY": level}, ordering="RING", extension="STDDEV"
    )
    np.testing.assert_array_equal(read_map(path, 0, NSIDE), level.astype(np.float32))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_masks_of_both_releases(tmp_path, dtype):
    """R2.00 hides a region at the poles in M2 to M4 by mistake; M1 and M5 do not differ."""
    _, latitude = healpy.pix2ang(NSIDE, np.arange(SIZE), lonlat=True)
    sine = np.abs(np.sin(np.radians(latitude)))
    right = {f"M{i + 1}": (sine > 1 - f).astype(dtype) for i, f in enumerate((0.4, 0.5, 0.6, 0.7))}
    right["M5"] = (np.arange(SIZE) % 7 > 0).astype(dtype)
    wrong = {
        name: np.where(sine > 0.98, 0, mask).astype(dtype) if name in {"M2", "M3", "M4"} else mask
        for name, mask in right.items()
    }
    release = {}
    for name, columns in {"R2.00": wrong, "R2.01": right}.items():
        path = tmp_path / f"{name}.fits"
        write_release(path, columns, ordering="RING", extension="MASKS")
        release[name] = {mask: read_mask(path, mask, NSIDE) for mask in columns}
    for name, mask in right.items():
        np.testing.assert_array_equal(release["R2.01"][name], mask == 1)
        same = (release["R2.00"][name] == release["R2.01"][name]).all()
        assert same == (name in {"M1", "M5"})


@pytest.mark.parametrize("with_ell", [False, True])
def test_a_released_noise_spectrum(tmp_path, with_ell):
    cl = 1.0 / (np.arange(300.0) + 3)
    path = write_spectrum(tmp_path / "spectrum.fits", cl, with_ell=with_ell)
    np.testing.assert_array_equal(read_noise_spectrum(path), cl)


def test_the_reference_noise_spectrum(params):
    cl = read_noise_spectrum(ROOT / params.paths["planck_noise_spectrum"])
    assert len(cl) == 4097
    assert np.sqrt(band_limited_variance(cl)) == pytest.approx(1.267, abs=5e-4)
    np.testing.assert_allclose(cl[[10, 100, 1000, 4000]], [5.92e-4, 3.25e-5, 5.68e-6, 5.1e-8], 0.01)


def test_what_is_written_is_read(tmp_path):
    maps = ymaps()
    path = tmp_path / "sub" / "y.fits"
    write_maps(path, "Y-MAP", maps, {"FULL": "all of the survey"})
    for number, (name, values) in enumerate(maps.items()):
        np.testing.assert_array_equal(read_map(path, name, NSIDE), values)
        np.testing.assert_array_equal(healpy.read_map(path, field=number, dtype=np.float32), values)
    assert [file.name for file in path.parent.iterdir()] == ["y.fits"]


def test_what_is_written_has_the_releases_header(tmp_path):
    write_maps(tmp_path / "y.fits", "Y-MAP", ymaps(), {"FULL": "all of the survey"})
    write_release(tmp_path / "milca.fits", ymaps(), ordering="RING", extension="Y-MAP")
    ours, theirs = (fits.getheader(tmp_path / name, 1) for name in ("y.fits", "milca.fits"))
    assert (tmp_path / "y.fits").stat().st_size == (tmp_path / "milca.fits").stat().st_size
    assert {key: ours[key] for key in theirs} == dict(theirs)
    assert set(ours) - set(theirs) == {"METHOD", "OBJECT"}
    with fits.open(tmp_path / "y.fits") as parts:
        parts.verify("exception")


def test_the_same_maps_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_maps(tmp_path / name, "Y-MAP", ymaps(), {})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_full_disk_is_named_and_the_old_maps_stay(tmp_path):
    path = tmp_path / "y.fits"
    write_maps(path, "Y-MAP", ymaps(), {})
    before = path.read_bytes()
    with (
        room_for(len(before) // 2),
        pytest.raises(OutputError, match=rf"{path}: could not be written .*{tmp_path} has room"),
    ):
        write_maps(path, "Y-MAP", ymaps(), {})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_stand_in_is_known_by_its_header(tmp_path):
    write_maps(tmp_path / "y.fits", "Y-MAP", ymaps(), {})
    write_release(tmp_path / "real.fits", ymaps(), ordering="RING", extension="Y-MAP")
    assert sky_name(tmp_path / "y.fits", "milca") == "stand-in sky"
    assert sky_name(tmp_path / "real.fits", "nilc") == "Planck NILC"


@pytest.mark.parametrize("product", ["milca", "nilc"])
def test_a_product_is_found_by_either_name(tmp_path, product):
    (tmp_path / "README.md").touch()
    assert find_product(tmp_path, product) is None
    for kind, names in PUBLIC_NAMES.items():
        (tmp_path / names[-1].format(product=product)).touch()
        if kind != "spectrum":
            with pytest.raises(PlanckFilesError, match="homnoise_spect.fits.*expected all"):
                find_product(tmp_path, product)
    found = find_product(tmp_path, product)
    assert found is not None
    assert found.spectrum.name == f"{product}_homnoise_spect.fits"
    (tmp_path / "COM_CompMap_Compton-SZMap-masks_2048_R2.01.fits").touch()
    again = find_product(tmp_path, product)
    assert again is not None
    assert "R2.01" in again.masks.name


def test_files_of_the_other_product_are_not_overlooked(tmp_path):
    (tmp_path / "nilc_ymaps.fits").touch()
    with pytest.raises(PlanckFilesError, match="no milca_ymaps.fits or COM_.*milca-ymaps"):
        find_product(tmp_path, "milca")


def released(folder: Path, **changes: object) -> Path:
    path = write_release(folder / "y.fits", ymaps(), ordering="RING", extension="Y-MAP")
    for key, value in changes.items():
        fits.setval(path, key, value=value, ext=1)
    return path


def test_another_nside(tmp_path):
    with pytest.raises(PlanckFilesError, match=r"NSIDE = 64: expected 2048 \(planck_sky.nside\)"):
        read_map(released(tmp_path), "FULL", 2048)


def test_an_unknown_ordering(tmp_path):
    path = released(tmp_path, ORDERING="SPIRAL")
    with pytest.raises(PlanckFilesError, match="ORDERING = 'SPIRAL': expected RING or NESTED"):
        read_map(path, "FULL", NSIDE)


def test_a_part_of_the_sky(tmp_path):
    path = tmp_path / "part.fits"
    maps = {name: values[: SIZE // 2] for name, values in ymaps().items()}
    write_release(path, maps, ordering="RING", extension="Y-MAP")
    fits.setval(path, "NSIDE", value=NSIDE, ext=1)
    with pytest.raises(PlanckFilesError, match=f"has {SIZE // 2} pixels: expected {SIZE}"):
        read_map(path, "FULL", NSIDE)


def test_a_missing_column(tmp_path):
    with pytest.raises(PlanckFilesError, match="no column 'HALF'; it has FULL, FIRST, LAST"):
        read_map(released(tmp_path), "HALF", NSIDE)


def test_a_file_that_is_cut_short(tmp_path):
    path = released(tmp_path)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(PlanckFilesError, match="y.fits: is cut short: .* bytes; fetch it again"):
        read_map(path, "FULL", NSIDE)


def test_an_image_is_no_map(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(path)
    with pytest.raises(PlanckFilesError, match="expected a FITS file with a table in HDU 1"):
        read_map(path, "FULL", NSIDE)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ell,c_ell\n0,1\n2,1\n", "column ell: expected the multipoles"),
        ("ell,c_ell\n0,1\n1,-2\n", "C_l = -2.0 at l = 1: expected a power spectrum"),
        ("ell,d_ell\n0,1\n", "cannot be read as a CSV table with numbers in ell and c_ell"),
        ("ell,c_ell\n", "empty: expected a power spectrum"),
    ],
)
def test_a_table_that_is_no_spectrum(tmp_path, text, message):
    path = tmp_path / "spectrum.csv"
    path.write_text(text)
    with pytest.raises(PlanckFilesError, match=message):
        read_noise_spectrum(path)
