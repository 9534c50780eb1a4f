"""A file that cannot be used costs one line, at once, and no other map."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import ROOT
from szmass.compton.maps.stores import planck_spec
from szmass.errors import SzmassError
from szmass.predict.catalogues import cut_catalogue
from szmass.predict.command import UsableMaps, Wanted, usable_maps
from szmass.predict.cutouts import CutoutError, checked_redshift
from szmass.predict.files.limits import UserFileError
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import pixel_count
from szmass.storage.store import replacing, write_rows

GRID = PixelGrid(16, 1.7)
MAP = np.random.default_rng(2).normal(0.0, 1e-6, (16, 16)).astype("f4")
AT_ONCE_S = 2.0
"""Much longer than any refusal takes, much shorter than reading what is refused."""
NSIDE = 16


def weighed(*files: Path, redshift: str | None = "0.3") -> UsableMaps:
    return usable_maps(Wanted(files=files, redshift=redshift), GRID, NSIDE)


def npy_bytes(array: np.ndarray, shape: tuple[int, ...] | None = None) -> bytes:
    """A `.npy` file whose header may claim another shape."""
    with TemporaryDirectory() as folder:
        np.save(Path(folder) / "map.npy", array)
        content = (Path(folder) / "map.npy").read_bytes()
    old, claimed = str(array.shape).encode(), str(shape or array.shape).encode()
    return content.replace(old + b", }" + b" " * (len(claimed) - len(old)), claimed + b", }", 1)


def fits_bytes(image: np.ndarray | None = MAP, **keywords: object) -> bytes:
    """A FITS image, in which a keyword's value may be a raw card of 80 bytes."""
    raw = {key: value for key, value in keywords.items() if isinstance(value, bytes)}
    header = fits.Header({key: value for key, value in keywords.items() if key not in raw})
    header.update(dict.fromkeys(raw, 0))
    content = header_and_data(fits.PrimaryHDU(image, header))
    for key, card in raw.items():
        start = content.index(key.ljust(8).encode())
        content = content[:start] + card.ljust(80) + content[start + 80 :]
    return content


def header_and_data(*parts: fits.PrimaryHDU | fits.ImageHDU | fits.CompImageHDU) -> bytes:
    with TemporaryDirectory() as folder:
        fits.HDUList(list(parts)).writeto(Path(folder) / "map.fits")
        return (Path(folder) / "map.fits").read_bytes()


def claiming(axis1: int, axis2: int) -> bytes:
    """A FITS image whose header claims more pixels than the file has."""
    content = fits_bytes()
    for number, length in ((1, axis1), (2, axis2)):
        card = f"NAXIS{number}  = {16:20d}".encode()
        assert card in content
        content = content.replace(card, f"NAXIS{number}  = {length:20d}".encode())
    return content


def write_store(path: Path, redshift: object = (0.3,)) -> Path:
    """A store of szmass with one map."""
    spec = planck_spec(1, GRID, ["gadget_x"])
    arrays = {
        name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
        for name, array in spec.arrays.items()
    }
    axis = {"x": GRID.axis_arcmin, "y": GRID.axis_arcmin}
    with replacing(path, spec, {}) as store:
        values = arrays | axis | {"compton_y": MAP[np.newaxis], "redshift": np.array(redshift)}
        write_rows(store, slice(None), values)
    return path


@cache
def good_contents() -> dict[str, bytes]:
    """Good files by name, a map each."""
    with TemporaryDirectory() as folder:
        with h5py.File(Path(folder) / "map.h5", "w") as file:
            file.create_dataset("compton_y", data=MAP, compression="gzip")
            file["redshift"] = 0.3
        hdf5 = (Path(folder) / "map.h5").read_bytes()
    image = fits_bytes(CDELT1=-1.7 / 60, CDELT2=1.7 / 60, REDSHIFT=0.3, BUNIT="y")
    return {
        "map.npy": npy_bytes(MAP),
        "map.fits": image,
        "map.fits.gz": gzip.compress(image),
        "map.h5": hdf5,
    }


def npz(path: Path) -> None:
    np.savez(path.with_suffix(".npz"), MAP)
    path.with_suffix(".npz").rename(path)


def hdf5(write: Callable[[h5py.File], object]) -> Callable[[Path], None]:
    """Writes an HDF5 file."""

    def make(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file)

    return make


def claims_298_gib(file: h5py.File) -> None:
    file.create_dataset("compton_y", (1, 200_000, 200_000), "f8", chunks=(1, 256, 256))


def complex_redshift(file: h5py.File) -> None:
    file["compton_y"], file["redshift"] = MAP, 0.3 + 0.1j


def pixel_of_text(file: h5py.File) -> None:
    file["compton_y"] = MAP
    file["compton_y"].attrs["pixel_arcmin"] = "wide"


def unit_of_temperature(file: h5py.File) -> None:
    file["compton_y"] = MAP
    file["compton_y"].attrs["units"] = "uK"


def unit_of_the_file(file: h5py.File) -> None:
    file["compton_y"] = MAP
    file.attrs["units"] = "K"


def scaled_values(file: h5py.File) -> None:
    file["compton_y"] = MAP
    file["compton_y"].attrs["scale_factor"] = 1e-3


def two_redshifts(file: h5py.File) -> None:
    file["compton_y"], file["redshift"] = MAP, [0.1, 0.2]


def bomb(file: h5py.File) -> None:
    options = {"chunks": (1, 4096, 4096), "compression": "gzip", "compression_opts": 1}
    maps = file.create_dataset("compton_y", (16, 4096, 4096), "u1", **options)
    for row in range(16):
        maps[row] = 1


def nothing_stored(file: h5py.File) -> None:
    file.create_dataset("compton_y", (4, 4096, 4096), "f4", chunks=(1, 64, 64))


def wide_redshift(file: h5py.File) -> None:
    file["compton_y"] = MAP
    shape, chunks = (1,), (2**28,)
    file.create_dataset("redshift", shape, "f8", maxshape=(None,), chunks=chunks)


def elsewhere(file: h5py.File) -> None:
    file["compton_y"] = h5py.ExternalLink("/dev/zero", "/maps")


def values_elsewhere(file: h5py.File) -> None:
    file.create_dataset("compton_y", (16, 16), "f4", external=[("/dev/zero", 0, 1024)])


FAR = header_and_data(fits.PrimaryHDU(), fits.ImageHDU(MAP)).replace(
    f"NAXIS2  = {16:20d}".encode(), f"NAXIS2  = {10**13:20d}".encode()
)
AXES = FAR[:2880] + FAR[2880:].replace(
    f"NAXIS   = {2:20d}".encode(), f"NAXIS   = {2 * 10**9:20d}".encode()
)
TWO = header_and_data(fits.PrimaryHDU(MAP), fits.ImageHDU(MAP, name="STDDEV"))
TILES = header_and_data(fits.PrimaryHDU(), fits.CompImageHDU(MAP))
NO_SQUARE = header_and_data(fits.PrimaryHDU(MAP[:4]), fits.ImageHDU(MAP[:8], name="B"))
with TemporaryDirectory() as _folder:
    fits.PrimaryHDU(MAP).writeto(Path(_folder) / "sum.fits", checksum=True)
    WITH_SUM = bytearray((Path(_folder) / "sum.fits").read_bytes())
WITH_SUM[2880 + 5] ^= 1
WRONG_SUM = bytearray(gzip.compress(fits_bytes()))
WRONG_SUM[-6] ^= 1

PLATE_CARREE: dict[str, Any] = {
    "CTYPE1": "RA---CAR",
    "CTYPE2": "DEC--CAR",
    "CRPIX1": 8.5,
    "CRPIX2": -2100.0,
}
"""60 degrees from the equator, where its pixels are half as wide."""


def beside_primary(**keywords: object) -> bytes:
    """A FITS image in an extension, with keywords in a first header that has no image."""
    return header_and_data(fits.PrimaryHDU(header=fits.Header(keywords)), fits.ImageHDU(MAP))


BAD: dict[str, tuple[str, bytes | Callable[[Path], object], str]] = {
    "zero bytes": ("m.npy", b"", "is empty (0 bytes)"),
    "zero bytes of FITS": ("m.fits", b"", "is empty (0 bytes)"),
    "zero bytes of HDF5": ("m.h5", b"", "is empty (0 bytes)"),
    "cut npy": ("m.npy", npy_bytes(MAP)[:500], "is cut short: 500 of 1152 bytes"),
    "cut npy header": ("m.npy", npy_bytes(MAP)[:40], "cannot be read: "),
    "archive": ("m.npy", npz, "a .npz archive: expected one array, as numpy.save writes it"),
    "two arrays": ("m.npy", npy_bytes(MAP) * 2, "1152 bytes behind its array: expected one"),
    "pickle": ("m.npy", npy_bytes(np.array([{}, {}])[:, None] != 0), "array of type bool"),
    "npy of 298 GiB": ("m.npy", npy_bytes(MAP, (200000, 400000)), "298 GiB: expected maps of at"),
    "npy of 67 TiB": ("m.npy", npy_bytes(MAP, (2000000, 9216000)), "67.06 TiB: expected maps of"),
    "many maps": ("m.npy", npy_bytes(MAP, (999999, 16, 999)), "59.54 GiB: expected maps of at"),
    "wide map": ("m.npy", npy_bytes(MAP, (20000, 20000)), "at most 4096 x 4096 pixels, 1 GiB a"),
    "negative": ("m.npy", npy_bytes(MAP, (-16, -16)), "array of shape (-16, -16): expected a map"),
    "complex map": ("m.npy", npy_bytes(MAP + 0j), "array of type complex64: expected real"),
    "card": ("m.fits", fits_bytes(CDELT1=b"CDELT1  = 1.7 2.3 'x", CDELT2=1.0), "CDELT1"),
    "card of redshift": ("m.fits", fits_bytes(REDSHIFT=b"REDSHIFT= 0.3 0.4 a"), "REDSHIFT"),
    "no end": ("m.fits", fits_bytes()[:2000], "cannot be read: "),
    "cut pixels": ("m.fits", fits_bytes()[:3000], "damaged or cut short: HDU 0 ends at byte 5760"),
    "FITS of 298 GiB": ("m.fits", claiming(200000, 200000), "298 GiB: expected maps of at most"),
    "FITS of 67 TiB": ("m.fits", claiming(3000000, 3072000), "67.06 TiB: expected maps of at"),
    "a later image of TiB": ("m.fits", FAR, "1164 TiB: expected maps of at most 4096 x 4096"),
    "axes": ("m.fits", fits_bytes(NAXIS=b"NAXIS   = 2000000000"), "NAXIS = 2000000000: expected a"),
    "later axes": ("m.fits", AXES, "NAXIS = 2000000000: expected a whole number from 0 to 999"),
    "tiles": ("m.fits", TILES, "HDU 1 is a tile-compressed image: expected a plain one, as"),
    "two images": ("m.fits", TWO, "2 images, 2 of them square: HDU 0 PRIMARY (16 x 16), HDU 1 "),
    "no square": ("m.fits", NO_SQUARE, "2 images, 0 of them square: HDU 0 PRIMARY (4 x 16), HDU 1"),
    "DATASUM": ("m.fits", bytes(WITH_SUM), "DATASUM is not that of the pixels"),
    "uK": ("m.fits", fits_bytes(BUNIT="uK"), "BUNIT = 'uK': expected a map of Compton y, whose"),
    "K_CMB": ("m.fits", fits_bytes(BUNIT="K_CMB"), "BUNIT = 'K_CMB': expected a map of Compton y"),
    "K, UNITS": ("m.fits", fits_bytes(UNITS="K"), "UNITS = 'K': expected a map of"),
    "K, first header": ("m.fits", beside_primary(BUNIT="K"), "BUNIT = 'K': expected a map of"),
    "cube": ("m.fits", fits_bytes(MAP[None].repeat(3, 0), CTYPE3="FREQ"), "CTYPE3 = 'FREQ': exp"),
    "far": (
        "m.fits",
        fits_bytes(CDELT1=-1.7 / 60, CDELT2=1.7 / 60, **PLATE_CARREE),
        "the map's centre is 59.74 degrees from CRPIX, where its pixels (RA---CAR) have another",
    ),
    "large unit": ("m.fits", fits_bytes(BUNIT="10**999999999"), "BUNIT = '10**999999999': expect"),
    "one axis": ("m.fits", fits_bytes(CDELT1=0.02), "CDELT of one axis alone (CDELT1): expected"),
    "one axis, CD": ("m.fits", fits_bytes(CD2_2=0.02), "CD of one axis alone (CD2_2): expected"),
    "text": ("m.fits", fits_bytes(CDELT1="a", CDELT2=0.1), "CDELT1 = 'a': expected a number"),
    "rhombus": (
        "m.fits",
        fits_bytes(CD1_1=0.03, CD2_1=0.0, CD1_2=0.018, CD2_2=0.024),
        "pixels of 1.8' that are no rectangles: expected square ones",
    ),
    "singular": (
        "m.fits",
        fits_bytes(CD1_1=0.03, CD1_2=0.03, CD2_1=0.03, CD2_2=0.03),
        "pixels of 2.546' that are no rectangles: expected square ones",
    ),
    "two matrices": (
        "m.fits",
        fits_bytes(CD1_1=0.03, CD2_2=0.03, PC1_1=1.0),
        "both a CD and a PC matrix: expected one of them",
    ),
    "two CDELT": (
        "m.fits",
        fits_bytes(CDELT1=0.02, CDELT2=0.02, CDELT3=b"CDELT1  =  0.03"),
        "CDELT1 stands 2 times: [0.02, 0.03]: expected one value",
    ),
    "unpacked checksum": ("m.fits.gz", bytes(WRONG_SUM), "its gzip is damaged (CRC check failed"),
    "cut gzip": ("m.fits.gz", gzip.compress(fits_bytes())[:-9], "its gzip is damaged (Compressed"),
    "bzip2": ("m.fits", b"BZh91AY&SY", "not a FITS file: No SIMPLE card found"),
    "HDF5 of 298 GiB": ("m.h5", hdf5(claims_298_gib), "298 GiB: expected maps of at most"),
    "cut HDF5": ("m.h5", good_contents()["map.h5"][:900], "cannot be read: "),
    "group": ("m.h5", hdf5(lambda file: file.create_group("compton_y")), "'compton_y' is a Group"),
    "no shape": (
        "m.h5",
        hdf5(lambda file: file.create_dataset("compton_y", data=h5py.Empty("f4"))),
        "array of shape (): expected a map",
    ),
    "complex redshift": ("m.h5", hdf5(complex_redshift), "(0.3+0.1j) is a complex128: "),
    "pixel of text": ("m.h5", hdf5(pixel_of_text), "pixel_arcmin = 'wide': expected a number"),
    "unit of the file": ("m.h5", hdf5(unit_of_the_file), "units = 'K': expected a map"),
    "scale": ("m.h5", hdf5(scaled_values), "attribute scale_factor: expected values without"),
    "unit": ("m.h5", hdf5(unit_of_temperature), "units = 'uK': expected a map of Compton y"),
    "two redshifts": ("m.h5", hdf5(two_redshifts), "2 redshifts of 1 maps"),
    "bomb": ("m.h5", hdf5(bomb), "256 MiB of maps in "),
    "empty claim": ("m.h5", hdf5(nothing_stored), "256 MiB of maps in "),
    "chunk of redshifts": ("m.h5", hdf5(wide_redshift), "chunks of shape (268435456,), 2 GiB"),
    "link": ("m.h5", hdf5(elsewhere), "'compton_y' is a link into another file"),
    "external": ("m.h5", hdf5(values_elsewhere), "'compton_y' has its values in other files"),
    "folder": ("m.npy", os.mkdir, "is a folder: expected a regular file"),
    "FIFO": ("m.npy", os.mkfifo, "is a FIFO: expected a regular file"),
    "FIFO of FITS": ("m.fits", os.mkfifo, "is a FIFO: expected a regular file"),
    "FIFO of Zarr": ("m.zarr", os.mkfifo, "is a file: expected the folder of a store"),
    "device": ("m.h5", lambda path: path.symlink_to("/dev/zero"), "is a device: expected a"),
    "dangling": ("m.h5", lambda path: path.symlink_to("nowhere"), "not found"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_one_line_and_leaves_the_others(tmp_path: Path, case: str) -> None:
    name, content, message = BAD[case]
    bad, good = tmp_path / name, tmp_path / "good.fits"
    good.write_bytes(fits_bytes(REDSHIFT=0.3))
    if isinstance(content, bytes):
        bad.write_bytes(content)
    else:
        content(bad)
    before = monotonic()
    maps = weighed(bad, good, redshift=None if "redshift" in case else "0.3")
    assert monotonic() - before < AT_ONCE_S
    (line,) = maps.problems
    assert line.startswith(f"{bad}: ")
    assert "\n" not in line
    assert message in line
    assert maps.names == [str(good)]


GOOD = {
    "junk behind": ("m.fits", fits_bytes() + b"junk" * 1000, None),
    "zeros behind": ("m.fits", fits_bytes() + bytes(2880), None),
    "a card that nobody needs": ("m.fits", fits_bytes(OTHER=b"OTHER   = 1 2 'x"), None),
    "1e-6": ("m.fits", fits_bytes(MAP * 1e6, BUNIT="1e-6"), "multiplied by 1e-06 (BUNIT = '1e-6')"),
    "10**-6 y": ("m.fits", fits_bytes(MAP * 1e6, BUNIT="10**-6 y"), "multiplied by 1e-06 (BUNIT"),
    "y": ("m.fits", fits_bytes(BUNIT="Compton-y"), None),
    "1": ("m.fits", fits_bytes(BUNIT="1"), None),
    "no unit": ("m.fits", fits_bytes(BUNIT=""), None),
    "second": (
        "m.fits",
        header_and_data(fits.PrimaryHDU(MAP[:4]), fits.ImageHDU(MAP, name="Y")),
        "HDU 1 (Y), the only square image of 2",
    ),
    "pixels": ("m.fits", fits_bytes(CDELT1=-1.7 / 60, CDELT2=1.7 / 60), "pixels of 1.7' (CDELT)"),
    "pixels in the first header": (
        "m.fits",
        beside_primary(CDELT1=-1.7 / 60, CDELT2=1.7 / 60, CTYPE1="RA---TAN", CRPIX1=8.5),
        "pixels of 1.7' (CDELT)",
    ),
    "near": (
        "m.fits",
        fits_bytes(CDELT1=-1.7 / 60, CDELT2=1.7 / 60, **PLATE_CARREE | {"CRPIX2": 100.0}),
        "pixels of 1.7' (CDELT)",
    ),
    "cube of one": ("m.fits", fits_bytes(MAP[None], CTYPE3="FREQ"), None),
    "matrix": ("m.fits", fits_bytes(CD1_1=-1.7 / 60, CD2_2=1.7 / 60), "pixels of 1.7' (CD)"),
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_a_good_file_is_read_and_what_it_says_is_said(tmp_path: Path, case: str) -> None:
    name, content, note = GOOD[case]
    (tmp_path / name).write_bytes(content)
    maps = weighed(tmp_path / name)
    assert maps.problems == []
    np.testing.assert_allclose(maps.cutouts[0], MAP, rtol=1e-6)
    (said,) = maps.notes or [None]
    assert said == note or (note is not None and said is not None and said.startswith(note))


@pytest.mark.parametrize("key", ["REDSHIFT", "Z"])
def test_the_header_has_a_redshift_that_the_command_line_lacks(tmp_path: Path, key: str) -> None:
    (tmp_path / "m.fits").write_bytes(fits_bytes(MAP, **{key: 0.25}))
    given_one, given_none = (
        weighed(tmp_path / "m.fits"),
        weighed(tmp_path / "m.fits", redshift=None),
    )
    assert (given_one.redshifts, given_one.notes) == ([0.3], {})
    assert given_none.redshifts == [0.25]
    assert given_none.notes == {f"redshift ({key})": [str(tmp_path / "m.fits")]}
    (tmp_path / "t.csv").write_text("file,redshift,name\nm.fits,,A\n")
    of_table = usable_maps(Wanted(table=tmp_path / "t.csv"), GRID, NSIDE)
    assert (of_table.redshifts, of_table.notes) == ([0.25], {f"redshift ({key})": ["A"]})


def test_a_size_of_pixels_is_given_only_where_the_file_says_no_other(tmp_path: Path) -> None:
    (tmp_path / "m.fits").write_bytes(fits_bytes(CDELT1=-1.7 / 60, CDELT2=1.7 / 60))
    for size, lines in ((1.7, []), (2.0, ["pixels of 1.7' in the file, 2' given: expected the"])):
        wanted = Wanted(files=[tmp_path / "m.fits"], redshift="0.3", pixel_arcmin=size)
        problems = usable_maps(wanted, GRID, NSIDE).problems
        assert len(problems) == len(lines)
        assert all(map(str.__contains__, problems, lines))


def test_two_redshifts_in_a_header_are_none(tmp_path: Path) -> None:
    (tmp_path / "m.fits").write_bytes(fits_bytes(REDSHIFT=0.25, Z=0.3))
    (line,) = weighed(tmp_path / "m.fits", redshift=None).problems
    assert "redshift = '0.25 (REDSHIFT) or 0.3 (Z)': expected a number above 0" in line
    assert weighed(tmp_path / "m.fits").problems == []


def test_a_pixel_of_no_size_is_not_one_that_is_not_stated(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file["compton_y"] = MAP
        file["compton_y"].attrs["pixel_arcmin"] = 0.0
    (line,) = weighed(tmp_path / "m.h5").problems
    assert "pixels of 0': expected 1.7'" in line


def test_a_gzip_bomb_is_unpacked_to_the_limit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("szmass.predict.files.fits_images.LARGEST_FILE_BYTES", 2**24)
    part = gzip.compress(bytes(2**24))
    # 9 GiB, with noise before and random bytes beside, so that it does not expand suspiciously
    noise = np.random.default_rng(1).bytes(2**20)
    (tmp_path / "m.fits.gz").write_bytes(gzip.compress(fits_bytes() + noise) + part * 600)
    before = monotonic()
    (line,) = weighed(tmp_path / "m.fits.gz").problems
    assert monotonic() - before < AT_ONCE_S
    assert line == f"{tmp_path}/m.fits.gz: unpacks to more than 16 MiB, the most that is read"


def test_what_expands_a_thousandfold_is_not_unpacked(tmp_path: Path) -> None:
    part = gzip.compress(bytes(2**24))
    (tmp_path / "m.fits.gz").write_bytes(gzip.compress(fits_bytes()) + part * 30)
    before = monotonic()
    (line,) = weighed(tmp_path / "m.fits.gz").problems
    assert monotonic() - before < AT_ONCE_S
    claim = r".* MiB of maps in .* KiB of file: expected at most 100 times as much"
    assert re.fullmatch(f"{tmp_path}/m.fits.gz: {claim}", line)


@pytest.mark.parametrize("value", [0.3 + 0.1j, np.complex128(0.3)])
def test_a_complex_number_is_no_redshift(value: object) -> None:
    with pytest.raises(CutoutError, match="is a complex.*: expected a number above 0"):
        checked_redshift(value)


BAD_METADATA: dict[str, tuple[str, str, str]] = {
    "null": ("zarr.json", "null", "zarr.json is 'None': expected an object with attributes"),
    "list": ("zarr.json", "[1, 2]", "zarr.json is '[1, 2]': expected an object with attributes"),
    "no attributes": ("zarr.json", '{"attributes": 3}', "expected an object with attributes"),
    "no JSON": ("zarr.json", "{", "zarr.json is no JSON that can be read"),
    "nothing": ("zarr.json", "", "zarr.json: is empty (0 bytes)"),
    "deep": ("zarr.json", "[" * 100_000, "zarr.json is no JSON that can be read"),
    "null of the array": ("compton_y/zarr.json", "null", "cannot be read: "),
}


@pytest.mark.parametrize("case", BAD_METADATA)
def test_bad_metadata_of_a_store_is_one_line(tmp_path: Path, case: str) -> None:
    file, text, message = BAD_METADATA[case]
    store = write_store(tmp_path / "m.zarr")
    assert weighed(store, redshift=None).redshifts == [0.3]
    (store / file).write_text(text)
    (line,) = weighed(store).problems
    assert line.startswith(str(store))
    assert message in line


def test_a_store_with_several_bad_arrays_is_one_line_and_no_more(tmp_path: Path) -> None:
    """Zarr reads arrays side by side, and asyncio would print what became of the others."""
    store = write_store(tmp_path / "m.zarr")
    for name in ("compton_y", "redshift", "m500c_msun", "x"):
        metadata = store / name / "zarr.json"
        metadata.write_text(metadata.read_text().replace('"node_type": "array"', '"node_type": 3'))
    code = "from pathlib import Path\n"
    code += "from szmass.predict.files.user_maps import read_user_maps as read\n"
    code += f"try:\n    list(read(Path({str(store)!r})))\n"
    code += "except Exception as error:\n    print(error)\nimport gc; gc.collect()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "src")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith(f"{store}: ")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1,16,16]", "[1,200000,200000]", "149 GiB: expected maps of at most"),
        ('"shape":[1,16,16]', '"shape":[1,200000,200000]', "has 1 of its 156250000 files"),
        ('"chunk_shape":[1,16,16]', '"chunk_shape":[1,99999,99999]', "chunks of shape (1, 99999,"),
        ('"chunk_shape":[1,16,16]', '"chunk_shape":[0,16,16]', "cannot be read: "),
        ('"data_type":"float32"', '"data_type":"bool"', "array of type bool: expected real"),
    ],
)
def test_a_store_cannot_claim_more_than_it_has(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    store = write_store(tmp_path / "m.zarr")
    metadata = store / "compton_y" / "zarr.json"
    text = json.dumps(json.loads(metadata.read_text()), separators=(",", ":"))
    assert old in text
    metadata.write_text(text.replace(old, new))
    (line,) = weighed(store).problems
    assert line.startswith(f"{store}: ")
    assert message in line


def test_the_axis_of_a_store_is_in_arcmin(tmp_path: Path) -> None:
    store = write_store(tmp_path / "m.zarr")
    metadata = store / "x" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"arcmin"', '"deg"'))
    (line,) = weighed(store).problems
    assert line == f"{store}: cannot be read: units of array 'x' = 'deg': expected arcmin"


def test_a_fifo_in_a_store_is_not_waited_for(tmp_path: Path) -> None:
    store = write_store(tmp_path / "m.zarr")
    (store / "compton_y" / "zarr.json").unlink()
    os.mkfifo(store / "compton_y" / "zarr.json")
    (line,) = weighed(store).problems
    assert line == f"{store}: compton_y/zarr.json is a FIFO: expected files and folders"


def test_a_name_that_no_file_can_have_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"file,redshift\n{'a' * 300}.npy,0.3\nb.npy,0.3\n")
    np.save(tmp_path / "b.npy", MAP)
    maps = usable_maps(Wanted(table=tmp_path / "t.csv"), GRID, NSIDE)
    assert maps.names == [str(tmp_path / "b.npy")]
    assert "File name too long" in maps.problems[0]


def write_sky(path: Path, *columns: fits.Column) -> Path:
    """A catalogue of one cluster, or a full-sky map of NSIDE 16, gzipped where it is called so."""
    table = fits.BinTableHDU.from_columns(list(columns))
    table.header.update({"NSIDE": NSIDE, "ORDERING": "RING"})
    table.writeto(path)
    return path


@pytest.fixture
def sky(tmp_path: Path) -> Path:
    values = np.linspace(0.0, 1e-5, pixel_count(NSIDE), dtype="f4")
    return write_sky(tmp_path / "y.fits.gz", fits.Column("FULL", "E", array=values))


def catalogue_columns(redshift: object = 0.3) -> list[fits.Column]:
    kind = "C" if isinstance(redshift, complex) else "E"
    return [
        fits.Column("NAME", "4A", array=["A"]),
        fits.Column("GLON", "E", array=[10.0]),
        fits.Column("GLAT", "E", array=[70.0]),
        fits.Column("REDSHIFT", kind, array=[redshift]),
        fits.Column("OTHER", kind, array=[redshift]),
    ]


@pytest.mark.parametrize("name", ["c.fits", "c.fits.gz"])
def test_a_catalogue_and_a_sky_may_be_gzipped(tmp_path: Path, sky: Path, name: str) -> None:
    catalogue = write_sky(tmp_path / name, *catalogue_columns())
    ((cluster, found),) = cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID)
    assert cluster == "A"
    assert found.redshift == pytest.approx(0.3)


@pytest.mark.parametrize("unit", ["K", "uK", "K_CMB", "muK", "Jy/sr", "uK_CMB", "1e-6 K"])
@pytest.mark.parametrize("name", ["y.fits", "y.fits.gz"])
def test_a_sky_in_another_unit_is_never_weighed(tmp_path: Path, name: str, unit: str) -> None:
    values = np.zeros(pixel_count(NSIDE), dtype="f4")
    other = fits.Column("FIRST", "E", array=values, unit="y")
    sky = write_sky(tmp_path / name, other, fits.Column("FULL", "E", array=values, unit=unit))
    catalogue = write_sky(tmp_path / "c.fits", *catalogue_columns())
    with pytest.raises(UserFileError, match=rf"^{sky}: .*TUNIT2 = '{re.escape(unit)}': expected a"):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))


@pytest.mark.parametrize(
    ("unit", "scale"), [("1e-6", 1e-6), ("10^-6 y", 1e-6), ("1e-6 Compton-y", 1e-6), ("y", 1.0)]
)
def test_a_sky_in_millionths_of_y_is_converted_and_it_is_said(
    tmp_path: Path, unit: str, scale: float
) -> None:
    values = np.linspace(1.0, 2.0, pixel_count(NSIDE), dtype="f4")
    catalogue = write_sky(tmp_path / "c.fits", *catalogue_columns())
    cutouts = []
    for name, stated in (("a.fits", unit), ("b.fits", "")):
        sky = write_sky(tmp_path / name, fits.Column("FULL", "E", array=values, unit=stated))
        ((_, found),) = cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID)
        cutouts.append(found)
    np.testing.assert_allclose(cutouts[0].image, scale * cutouts[1].image, rtol=1e-6)
    notes = () if scale == 1.0 else (f"multiplied by {scale:g} (TUNIT1 = {unit!r})",)
    assert cutouts[0].notes == notes


@pytest.mark.parametrize("value", [np.nan, -1.6375e30, np.inf])
@pytest.mark.parametrize("bad_data", [None, -1.0])
def test_a_cluster_where_the_sky_has_no_data_costs_no_other(
    tmp_path: Path, value: float, bad_data: float | None
) -> None:
    values = np.random.default_rng(1).normal(0.0, 1e-6, pixel_count(NSIDE)).astype("f4")
    values[: pixel_count(NSIDE) // 2] = value  # the northern half, in RING order
    table = fits.BinTableHDU.from_columns([fits.Column("FULL", "E", array=values)])
    table.header.update({"NSIDE": NSIDE, "ORDERING": "RING"})
    if bad_data is not None:
        table.header["BAD_DATA"] = bad_data
    table.writeto(tmp_path / "y.fits")
    columns = [
        fits.Column("NAME", "4A", array=["N", ""]),
        fits.Column("GLON", "E", array=[10.0, 10.0]),
        fits.Column("GLAT", "E", array=[70.0, -70.0]),
        fits.Column("REDSHIFT", "E", array=[0.3, 0.3]),
    ]
    catalogue = write_sky(tmp_path / "c.fits", *columns)
    maps = usable_maps(Wanted(ymap=tmp_path / "y.fits", catalogue=catalogue), GRID, NSIDE)
    assert maps.names == ["row 1"]
    (line,) = maps.problems
    assert line.startswith(f"{catalogue}, row 0 (N): not on the map")


def test_an_empty_catalogue_is_said_to_be_empty(tmp_path: Path, sky: Path) -> None:
    columns = [fits.Column(one.name, one.format, array=[]) for one in catalogue_columns()]
    catalogue = write_sky(tmp_path / "c.fits", *columns)
    with pytest.raises(
        UserFileError, match=f"^{catalogue}: the catalogue is empty: expected a row"
    ):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))


@pytest.mark.parametrize("name", ["c.fits", "c.fits.gz"])
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content.replace(b"'OTHER   '", b"'REDSHIFT'"), "'REDSHIFT' stands 2"),
        (lambda content: content.replace(b"'OTHER   '", b"'redshift'"), "'REDSHIFT' stands 2"),
        (lambda content: content.replace(b"'GLAT    '", b"'GLOT    '"), "no column 'GLAT'"),
        (lambda content: content.replace(b"           5", b"  2000000000"), "TFIELDS = 20"),
        (lambda content: content[:-2880], "is cut short"),
        (lambda content: content.replace(b"TFORM2  = 'E ", b"TFORM2  = 'Q "), "cannot be read"),
        (lambda content: content[:0], "is empty|not a FITS file"),
    ],
)
def test_a_bad_catalogue_is_one_line(
    tmp_path: Path, sky: Path, name: str, damage: Callable[[bytes], bytes], message: str
) -> None:
    write_sky(tmp_path / "whole.fits", *catalogue_columns())
    content = damage((tmp_path / "whole.fits").read_bytes())
    catalogue = tmp_path / name
    catalogue.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    with pytest.raises(SzmassError, match=rf"^{catalogue}: .*({message})"):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))


def test_positions_in_radians_are_not_taken_for_degrees(tmp_path: Path, sky: Path) -> None:
    columns = catalogue_columns()
    columns[1].unit = "rad"
    catalogue = write_sky(tmp_path / "c.fits", *columns)
    with pytest.raises(UserFileError, match=rf"^{catalogue}: TUNIT2 = 'rad': expected GLON in deg"):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))
    columns[1].unit = "deg"
    catalogue = write_sky(tmp_path / "d.fits", *columns)
    assert len(list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))) == 1


def test_a_complex_redshift_of_a_catalogue_is_none(tmp_path: Path, sky: Path) -> None:
    catalogue = write_sky(tmp_path / "c.fits", *catalogue_columns(0.3 + 0.1j))
    with pytest.raises(UserFileError, match="column 'REDSHIFT': expected a number a row"):
        list(cut_catalogue([sky], catalogue, nside=NSIDE, grid=GRID))


changes = st.lists(
    st.tuples(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=8
)


def damaged(content: bytes, places: list[tuple[float, int]], kept: float) -> bytes:
    """Content with bytes changed, and its end cut off."""
    changed = bytearray(content)
    for place, change in places:
        changed[int(place * len(changed))] ^= change
    return bytes(changed[: max(1, round(kept * len(changed)))])


kept_parts = st.one_of(st.just(1.0), st.floats(0.0, 1.0))


def a_mass_or_a_line(path: Path) -> None:
    """Reads a file as `szmass predict` does; anything but a `SzmassError` ends the test."""
    maps = weighed(path)
    assert len(maps.names) + len(maps.problems) >= 1
    assert all(np.isfinite(cutout).all() for cutout in maps.cutouts)
    assert not any("\n" in line for line in maps.problems)


@pytest.mark.parametrize("name", ["map.npy", "map.fits", "map.fits.gz", "map.h5"])
@settings(max_examples=100, deadline=None, derandomize=True)
@given(places=changes, kept=kept_parts)
def test_changed_bytes_end_in_a_mass_or_a_line(
    name: str, places: list[tuple[float, int]], kept: float
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(damaged(good_contents()[name], places, kept))
        a_mass_or_a_line(path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_store(tmp_path_factory.mktemp("store") / "m.zarr")


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data(), places=changes, kept=kept_parts)
def test_changed_bytes_of_a_store_end_in_a_mass_or_a_line(
    store: Path, data: st.DataObject, places: list[tuple[float, int]], kept: float
) -> None:
    read = [
        file for name in (".", "compton_y", "redshift", "x") for file in (store / name).glob("*")
    ]
    read += (store / "compton_y" / "c").rglob("*")
    names = sorted(str(file.relative_to(store)) for file in read if file.is_file())
    with TemporaryDirectory() as folder:
        copy = shutil.copytree(store, Path(folder) / "m.zarr")
        file = copy / data.draw(st.sampled_from(names))
        file.write_bytes(damaged(file.read_bytes(), places, kept))
        a_mass_or_a_line(copy)


HOSTILE = (
    b"-1", b"0", b"2147483647", b"9" * 60, b"'x'", b"T", b"1E400", b"(1, 2)", b"", b"'", b"16.5",
)  # fmt: skip


def with_each_card_changed(content: bytes) -> Iterator[bytes]:
    """A FITS file with another value in each of its cards, a card and a value at a time."""
    for start in range(0, len(content), 80):
        if content[start + 8 : start + 10] == b"= ":
            for value in HOSTILE:
                card = content[start : start + 10] + value.rjust(20)
                yield content[:start] + card.ljust(80) + content[start + 80 :]


@pytest.mark.parametrize("content", [good_contents()["map.fits"], TWO, TILES], ids=len)
def test_changed_cards_end_in_a_mass_or_a_line(tmp_path: Path, content: bytes) -> None:
    before, counts = monotonic(), 0
    for changed in with_each_card_changed(content):
        (tmp_path / "m.fits").write_bytes(changed)
        a_mass_or_a_line(tmp_path / "m.fits")
        counts += 1
    assert counts >= len(HOSTILE) * 5
    assert monotonic() - before < 5 * AT_ONCE_S


def test_changed_cards_of_a_catalogue_end_in_clusters_or_a_line(tmp_path: Path, sky: Path) -> None:
    write_sky(tmp_path / "whole.fits", *catalogue_columns())
    for changed in with_each_card_changed((tmp_path / "whole.fits").read_bytes()):
        (tmp_path / "c.fits").write_bytes(changed)
        wanted = Wanted(ymap=sky, catalogue=tmp_path / "c.fits")
        maps = usable_maps(wanted, GRID, NSIDE)
        assert maps.names or maps.problems
        assert not any("\n" in line for line in maps.problems)
