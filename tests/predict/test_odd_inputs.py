"""Odd files and commands: `szmass predict` refuses each in one line, or says what it guessed.

The command runs with the record and the example that szmass brings. What is refused costs no other
map its mass, and what is weighed has the mass of the same map in a plain file: no unit, pixel size
or place is taken for another.
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import h5py
import numpy as np
import pytest
from astropy.io import fits

import szmass
from helpers.map_files import fits_bytes, fits_table, hdf5, npy_bytes, parts_bytes, write_store
from szmass.cli import main
from szmass.predict.released import EXAMPLE_FILE, RECORDS

MAP = np.asarray(fits.getdata(RECORDS / EXAMPLE_FILE), dtype="f4")
SIDE = len(MAP)
PIXEL_ARCMIN = 1.7
STEP = PIXEL_ARCMIN / 60.0
PIXELS = {"CDELT1": -STEP, "CDELT2": STEP}
REDSHIFT = "--redshift 0.3"
PLAIN = {"good.fits": fits_bytes(MAP, REDSHIFT=0.3, **PIXELS), "a.npy": npy_bytes(MAP)}
"""Files that lie beside the odd ones."""
AT_ONCE_S = 2.0
"""Much longer than any refusal takes, much shorter than reading what is refused."""
HEADINGS = "no map could be used:", "some maps could not be used:"


@dataclass(frozen=True)
class Odd:
    """An odd input, and what becomes of it."""

    words: str
    """Of the command, after `szmass predict`."""
    says: str
    """In the line that refuses it; of what is weighed, what is said of it."""
    files: Mapping[str, bytes | Callable[[Path], object]] = field(default_factory=dict)
    """What is odd among the files."""
    masses: int = 0
    """How many are found."""
    within: float = 1e-5
    """How far a mass may be from that of the plain map, relatively."""


def refused(
    name: str, content: bytes | Callable[[Path], object], says: str, words: str = REDSHIFT
) -> Odd:
    """A file that is refused; a good one beside it is weighed."""
    return Odd(f"{name} good.fits {words}", says, {name: content}, masses=1)


def weighed(
    name: str,
    content: bytes | Callable[[Path], object],
    says: str,
    words: str = REDSHIFT,
    *,
    masses: int = 1,
    within: float = 1e-5,
) -> Odd:
    """A file that is weighed."""
    return Odd(f"{name} {words}", says, {name: content}, masses, within)


def table(text: str | bytes | Callable[[Path], object], says: str, masses: int = 0) -> Odd:
    """A table of files."""
    content = text.encode() if isinstance(text, str) else text
    return Odd("--table t.csv", says, {"t.csv": content}, masses)


CLUSTERS: dict[str, list[Any]] = {"NAME": ["A"], "RA": [30.0], "DEC": [10.0], "REDSHIFT": [0.3]}
WCS = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 30.0, "CRVAL2": 10.0, **PIXELS}
MARGIN = 12
WIDE = np.pad(MAP, MARGIN, mode="reflect")
WCS |= {"CRPIX1": (len(WIDE) + 1) / 2, "CRPIX2": (len(WIDE) + 1) / 2}
SKY = fits_bytes(WIDE, **WCS)
"""A map of the sky with the example at its centre."""


def on_sky(
    says: str,
    columns: Mapping[str, list[Any]] | bytes = CLUSTERS,
    *,
    sky: bytes = SKY,
    units: Mapping[str, str] | None = None,
    name: str = "c.fits",
    masses: int = 0,
) -> Odd:
    """A map of the sky and a catalogue."""
    if not isinstance(columns, bytes):
        columns = parts_bytes(fits.PrimaryHDU(), fits_table(columns, units))
    files = {"sky.fits": sky, name: columns}
    return Odd(f"--map sky.fits --catalogue {name}", says, files, masses, within=1e-3)


def healpix(columns: Mapping[str, list[Any]], **keywords: object) -> bytes:
    """A HEALPix map of a few pixels, whatever its header claims."""
    return parts_bytes(fits.PrimaryHDU(), fits_table(columns, None, **keywords))


def claiming(axis1: int, axis2: int) -> bytes:
    """A FITS image whose header claims more pixels than the file has."""
    content = fits_bytes(MAP)
    for number, length in ((1, axis1), (2, axis2)):
        card = f"NAXIS{number}  = {SIDE:20d}".encode()
        assert card in content
        content = content.replace(card, f"NAXIS{number}  = {length:20d}".encode())
    return content


def beside_primary(**keywords: object) -> bytes:
    """A FITS image in an extension, with keywords in a first header that has no image."""
    return parts_bytes(fits.PrimaryHDU(header=fits.Header(keywords)), fits.ImageHDU(MAP))


def npz(path: Path) -> None:
    """An archive of numpy under the name of an array."""
    np.savez(path.with_suffix(".npz"), MAP)
    path.with_suffix(".npz").rename(path)


def pickled(path: Path) -> None:
    """An array of Python's objects."""
    np.save(path, np.array([[{}, {}], [{}, {}]], dtype=object), allow_pickle=True)


def beside_map(attributes: Mapping[str, object] | None = None, **datasets: object) -> Any:
    """Writes an HDF5 file with the map, attributes of it, and other datasets."""

    def write(file: h5py.File) -> None:
        file["compton_y"] = MAP
        file["compton_y"].attrs.update(attributes or {})
        for name, values in datasets.items():
            file[name] = values

    return hdf5(write)


def claims_298_gib(file: h5py.File) -> None:
    """A dataset that nobody has written to."""
    file.create_dataset("compton_y", (1, 200_000, 200_000), "f8", chunks=(1, 256, 256))


def unit_of_the_file(file: h5py.File) -> None:
    """A unit beside the map's own attributes."""
    file["compton_y"] = MAP
    file.attrs["units"] = "K"


def bomb(file: h5py.File) -> None:
    """80 MiB of ones in some 80 KiB."""
    options = {"chunks": (1, 4096, 4096), "compression": "gzip", "compression_opts": 1}
    maps = file.create_dataset("compton_y", (5, 4096, 4096), "u1", **options)
    for row in range(5):
        maps[row] = 1


def wide_redshift(file: h5py.File) -> None:
    """A redshift in a chunk of 2 GiB."""
    file["compton_y"] = MAP
    file.create_dataset("redshift", (1,), "f8", maxshape=(None,), chunks=(2**28,))


def values_elsewhere(file: h5py.File) -> None:
    """A map whose values are in a device."""
    file.create_dataset("compton_y", MAP.shape, "f4", external=[("/dev/zero", 0, MAP.nbytes)])


def link(target: object) -> Callable[[Path], None]:
    """Writes an HDF5 file whose map is a link."""
    return hdf5(lambda file: file.__setitem__("compton_y", target))


def store(file: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    """Writes a store of szmass, one of whose files is changed then."""

    def make(path: Path) -> None:
        write_store(path, MAP, PIXEL_ARCMIN)
        changed = path / file
        text = json.dumps(json.loads(changed.read_text()), separators=(",", ":"))
        assert change(text) != text
        changed.write_text(change(text))

    return make


def in_map_of_store(old: str, new: str) -> Callable[[Path], None]:
    """Writes a store whose map has other metadata."""
    return store("compton_y/zarr.json", lambda text: text.replace(old, new))


def with_fifo(path: Path) -> None:
    """Writes a store in which the map's metadata never end."""
    write_store(path, MAP, PIXEL_ARCMIN)
    (path / "compton_y" / "zarr.json").unlink()
    os.mkfifo(path / "compton_y" / "zarr.json")


def changed(value: float, *where: slice | int) -> np.ndarray:
    """The map with another value somewhere."""
    image = MAP.copy()
    image[where or slice(None)] = value
    return image


NAN_MARGIN = changed(np.nan, slice(0, 4))
FAR = parts_bytes(fits.PrimaryHDU(), fits.ImageHDU(MAP)).replace(
    f"NAXIS2  = {SIDE:20d}".encode(), f"NAXIS2  = {10**13:20d}".encode()
)
AXES = FAR[:2880] + FAR[2880:].replace(
    f"NAXIS   = {2:20d}".encode(), f"NAXIS   = {2 * 10**9:20d}".encode()
)
TWO = parts_bytes(fits.PrimaryHDU(MAP), fits.ImageHDU(MAP, name="STDDEV"))
TWO_OF_A_NAME = parts_bytes(fits.PrimaryHDU(), *(fits.ImageHDU(MAP, name="Y") for _ in "12"))
TILES = parts_bytes(fits.PrimaryHDU(), fits.CompImageHDU(MAP))
NO_SQUARE = parts_bytes(fits.PrimaryHDU(MAP[:4]), fits.ImageHDU(MAP[:8], name="B"))
WITH_SUM = bytearray(parts_bytes(fits.PrimaryHDU(MAP), checksum=True))
WITH_SUM[2880 + 5] ^= 1
PACKED = gzip.compress(fits_bytes(MAP))
WRONG_SUM = bytearray(PACKED)
WRONG_SUM[-6] ^= 1
ZEROS = gzip.compress(bytes(2**24))
HALF = STEP * np.sqrt(0.5)
TURNED = {"1_1": -HALF, "1_2": HALF, "2_1": HALF, "2_2": HALF}
PLATE_CARREE = PIXELS | {"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRPIX1": 48.5}
CATALOGUE = parts_bytes(fits.PrimaryHDU(), fits_table(CLUSTERS | {"OTHER": [0.3]}))
REFUSED = {
    # arrays
    "zero bytes": refused("m.npy", b"", "is empty (0 bytes)"),
    "cut .npy": refused("m.npy", npy_bytes(MAP)[:500], "is cut short: 500 of 36992 bytes"),
    "cut header of .npy": refused("m.npy", npy_bytes(MAP)[:40], "cannot be read: "),
    "text in .npy": refused("m.npy", b"no numpy", "not a .npy file, which numpy.save writes"),
    ".npz named .npy": refused("m.npy", npz, "a .npz archive: expected one array, as numpy.save"),
    "two arrays": refused("m.npy", npy_bytes(MAP) * 2, "36992 bytes behind its array"),
    "array of bool": refused("m.npy", npy_bytes(MAP > 0), "array of type bool: expected real"),
    "array of text": refused("m.npy", npy_bytes(MAP.astype("U9")), "array of type <U9: expected"),
    "array of objects": refused("m.npy", pickled, "array of type object: expected real numbers"),
    "array of complex": refused("m.npy", npy_bytes(MAP + 0j), "array of type complex64: expected"),
    ".npy of 298 GiB": refused("m.npy", npy_bytes(MAP, (200000, 400000)), "298 GiB: expected maps"),
    ".npy of 67 TiB": refused("m.npy", npy_bytes(MAP, (2000000, 9216000)), "67.06 TiB: expected "),
    "many maps": refused("m.npy", npy_bytes(MAP, (999999, 16, 999)), "59.54 GiB: expected maps of"),
    "20000 x 20000": refused("m.npy", npy_bytes(MAP, (20000, 20000)), "at most 4096 x 4096 pixels"),
    "shape of -16": refused(
        "m.npy", npy_bytes(MAP, (-16, -16)), "array of shape (-16, -16): expected"
    ),
    "a line of pixels": refused("m.npy", npy_bytes(MAP[0]), "array of shape (96,): expected a map"),
    # values
    "NaN at a margin": refused(
        "m.npy", npy_bytes(NAN_MARGIN), "384 pixels are masked or not finite"
    ),
    "NaN alone": refused(
        "m.npy", npy_bytes(changed(np.nan)), "9216 pixels are masked or not finite"
    ),
    "NaN alone, filled": refused(
        "m.npy", npy_bytes(changed(np.nan)), "are masked or NaN", f"{REDSHIFT} --fill-nan"
    ),
    "an infinite value": refused(
        "m.npy", npy_bytes(changed(np.inf, 3, 5)), "not finite, the first at row 3, column 5"
    ),
    "one value": refused("m.npy", npy_bytes(changed(1e-6)), "the map is 1e-06 in every pixel"),
    "uK without a unit": refused("m.npy", npy_bytes(MAP * 1e6), "is the map in uK, or in units of"),
    "no square": refused("m.npy", npy_bytes(MAP[:90]), "map of shape (90, 96): expected 96 x 96"),
    "too few pixels": refused(
        "m.npy", npy_bytes(MAP[:64, :64]), "64 x 64 pixels whose size is not"
    ),
    # FITS
    "zero bytes of FITS": refused("m.fits", b"", "is empty (0 bytes)"),
    "text in FITS": refused("m.fits", b"no FITS", "not a FITS file: No SIMPLE card found"),
    "bzip2": refused("m.fits", b"BZh91AY&SY", "not a FITS file: No SIMPLE card found"),
    "no END": refused("m.fits", fits_bytes(MAP)[:2000], "cannot be read: "),
    "cut pixels": refused("m.fits", fits_bytes(MAP)[:3000], "cut short: HDU 0 ends at byte 40320"),
    "FITS of 298 GiB": refused("m.fits", claiming(200000, 200000), "298 GiB: expected maps of at"),
    "FITS of 67 TiB": refused("m.fits", claiming(3000000, 3072000), "67.06 TiB: expected maps of"),
    "a later image of TiB": refused(
        "m.fits", FAR, "6985 TiB: expected maps of at most 4096 x 4096"
    ),
    "2e9 axes": refused(
        "m.fits", fits_bytes(MAP, NAXIS=b"NAXIS   = 2000000000"), "NAXIS = 2000000000"
    ),
    "2e9 axes later": refused("m.fits", AXES, "NAXIS = 2000000000: expected a whole number from"),
    "NAXIS 1": refused("m.fits", fits_bytes(MAP[0]), "array of shape (96,): expected a map"),
    "NAXIS 4": refused(
        "m.fits", fits_bytes(MAP[None, None]), "array of shape (1, 1, 96, 96): expected"
    ),
    "cube of frequencies": refused(
        "m.fits", fits_bytes(MAP[None].repeat(3, 0), CTYPE3="FREQ"), "CTYPE3 = 'FREQ': expected one"
    ),
    "no image": refused("m.fits", fits_bytes(None), "no image in it (a full-sky map is given as"),
    "a table alone": refused("m.fits", CATALOGUE, "no image in it"),
    "tiles": refused("m.fits", TILES, "HDU 1 is a tile-compressed image: expected a plain one"),
    "two images": refused(
        "m.fits", TWO, "2 images, 2 of them square: HDU 0 PRIMARY (96 x 96), HDU"
    ),
    "no square image": refused("m.fits", NO_SQUARE, "2 images, 0 of them square: HDU 0 PRIMARY (4"),
    "--hdu out of range": Odd(
        "m.fits --hdu 7", "HDU '7': not there: expected one", {"m.fits": TWO}
    ),
    "--hdu of no image": Odd(
        "m.fits --hdu 0", "HDU '0': no image: expected one", {"m.fits": beside_primary()}
    ),
    "--hdu of no name": Odd("m.fits --hdu Y", "HDU 'Y': not there: expected", {"m.fits": TWO}),
    "--hdu of two": Odd(
        "m.fits --hdu Y", "HDU 'Y': 2 images: expected one", {"m.fits": TWO_OF_A_NAME}
    ),
    "--hdu of .npy": Odd(
        "m.npy --hdu 1", "HDU '1': expected a FITS file", {"m.npy": PLAIN["a.npy"]}
    ),
    "DATASUM": refused("m.fits", bytes(WITH_SUM), "DATASUM is not that of the pixels"),
    "wrong checksum of gzip": refused(
        "m.fits.gz", bytes(WRONG_SUM), "its gzip is damaged (CRC check failed"
    ),
    "cut gzip": refused("m.fits.gz", PACKED[:-9], "its gzip is damaged (Compressed"),
    "gzip bomb": refused("m.fits.gz", PACKED + ZEROS * 30, "MiB of maps in "),
    # headers
    "a card that cannot be read": refused(
        "m.fits", fits_bytes(MAP, CDELT1=b"CDELT1  = 1.7 2.3 'x", CDELT2=1.0), "CDELT1"
    ),
    "a redshift that cannot be read": refused(
        "m.fits", fits_bytes(MAP, REDSHIFT=b"REDSHIFT= 0.3 0.4 a"), "REDSHIFT", words=""
    ),
    "uK": refused("m.fits", fits_bytes(MAP, BUNIT="uK"), "BUNIT = 'uK': expected a map of Compton"),
    "K_CMB": refused(
        "m.fits", fits_bytes(MAP, BUNIT="K_CMB"), "BUNIT = 'K_CMB': expected a map of"
    ),
    "percent": refused(
        "m.fits", fits_bytes(MAP, BUNIT="%"), "BUNIT = '%': expected a map of Compton"
    ),
    "no known unit": refused(
        "m.fits", fits_bytes(MAP, BUNIT="counts"), "BUNIT = 'counts': expected"
    ),
    "10**999999999": refused("m.fits", fits_bytes(MAP, BUNIT="10**999999999"), "expected a map of"),
    "K under UNITS": refused(
        "m.fits", fits_bytes(MAP, UNITS="K"), "UNITS = 'K': expected a map of"
    ),
    "K in the first header": refused(
        "m.fits", beside_primary(BUNIT="K"), "BUNIT = 'K': expected a"
    ),
    "CDELT of one axis": refused("m.fits", fits_bytes(MAP, CDELT1=0.02), "CDELT of one axis alone"),
    "CD of one axis": refused(
        "m.fits", fits_bytes(MAP, CD2_2=0.02), "CD of one axis alone (CD2_2)"
    ),
    "CDELT of text": refused(
        "m.fits", fits_bytes(MAP, CDELT1="a", CDELT2=0.1), "CDELT1 = 'a': expected"
    ),
    "CDELT of 0": refused("m.fits", fits_bytes(MAP, CDELT1=0.0, CDELT2=0.0), "pixels of 0' x 0'"),
    "CDELT1 twice": refused(
        "m.fits",
        fits_bytes(MAP, CDELT1=0.02, CDELT2=0.02, CDELT3=b"CDELT1  =  0.03"),
        "CDELT1 stands 2 times: [0.02, 0.03]: expected one value",
    ),
    "oblong pixels": refused(
        "m.fits",
        fits_bytes(MAP, CDELT1=0.02, CDELT2=0.03),
        "pixels of 1.2' x 1.8': expected square",
    ),
    "rhombic pixels": refused(
        "m.fits",
        fits_bytes(MAP, CD1_1=0.03, CD2_1=0.0, CD1_2=0.018, CD2_2=0.024),
        "pixels of 1.8' that are no rectangles: expected square ones",
    ),
    "singular CD": refused(
        "m.fits",
        fits_bytes(MAP, CD1_1=0.03, CD1_2=0.03, CD2_1=0.03, CD2_2=0.03),
        "pixels of 2.546' that are no rectangles: expected square ones",
    ),
    "CD and PC": refused(
        "m.fits", fits_bytes(MAP, CD1_1=0.03, CD2_2=0.03, PC1_1=1.0), "both a CD and a PC matrix"
    ),
    "CUNIT in arcmin": refused(
        "m.fits",
        fits_bytes(MAP, CDELT1=1.7, CDELT2=1.7, CUNIT1="arcmin", CUNIT2="arcmin"),
        "CUNIT1 = 'arcmin': expected deg",
    ),
    "CRPIX far away": refused(
        "m.fits", fits_bytes(MAP, **PLATE_CARREE, CRPIX2=-2100.0), "60.87 degrees from CRPIX"
    ),
    "coarse pixels": refused(
        "m.fits", fits_bytes(MAP, CDELT1=-0.05, CDELT2=0.05), "pixels of 3': expected 1.7', or at "
    ),
    "a narrow map": refused(
        "m.fits", fits_bytes(MAP[:64, :64], **PIXELS), "108.8' on a side: expected at least 163.2'"
    ),
    "--pixel-arcmin against the header": Odd(
        f"m.fits {REDSHIFT} --pixel-arcmin 2",
        "pixels of 1.7' in the file, 2' given: expected the same",
        {"m.fits": fits_bytes(MAP, **PIXELS)},
    ),
    # redshifts
    "no redshift": refused("m.fits", fits_bytes(MAP), "redshift missing: expected a number", ""),
    "two redshifts": refused(
        "m.fits",
        fits_bytes(MAP, REDSHIFT=0.25, Z=0.3),
        "'0.25 (REDSHIFT) or 0.3 (Z)': expected",
        "",
    ),
    "redshift 0": Odd("good.fits --redshift 0", "redshift = 0: expected a number above 0"),
    "redshift -0.3": Odd("good.fits --redshift=-0.3", "redshift = -0.3: expected a number above"),
    "redshift 1.2": Odd("good.fits --redshift 1.2", "redshift = 1.2: expected a number above 0"),
    "redshift NaN": Odd("good.fits --redshift nan", "redshift = nan: expected a number above 0"),
    "redshift abc": Odd("good.fits --redshift abc", "redshift = 'abc': expected a number above 0"),
    "redshift 0,3": Odd("good.fits --redshift 0,3", "redshift = '0,3': expected a number above 0"),
    "redshift 0.3+1j": Odd("good.fits --redshift 0.3+1j", "redshift = '0.3+1j': expected a number"),
    # HDF5
    "zero bytes of HDF5": refused("m.h5", b"", "is empty (0 bytes)"),
    "text in HDF5": refused("m.h5", b"no HDF5", "cannot be read: "),
    "no dataset": refused(
        "m.h5", hdf5(lambda file: file.clear()), "no dataset 'compton_y'; it has none"
    ),
    "other datasets": refused(
        "m.h5",
        hdf5(lambda file: file.update({"a": MAP, "b": MAP})),
        "no dataset 'compton_y'; it has a, b",
    ),
    "a group": refused(
        "m.h5", hdf5(lambda file: file.create_group("compton_y")), "'compton_y' is a Group"
    ),
    "no shape": refused("m.h5", link(h5py.Empty("f4")), "array of shape (): expected a map"),
    "a link to itself": refused("m.h5", link(h5py.SoftLink("/compton_y")), "too many links"),
    "a link elsewhere": refused(
        "m.h5", link(h5py.ExternalLink("/dev/zero", "/maps")), "is a link into another file"
    ),
    "values elsewhere": refused("m.h5", hdf5(values_elsewhere), "has its values in other files"),
    "HDF5 of 298 GiB": refused("m.h5", hdf5(claims_298_gib), "298 GiB: expected maps of at most"),
    "HDF5 bomb": refused("m.h5", hdf5(bomb), "80 MiB of maps in "),
    "nothing stored": refused(
        "m.h5",
        hdf5(lambda file: file.create_dataset("compton_y", (4, 4096, 4096), "f4", chunks=True)),
        "256 MiB of maps in ",
    ),
    "K in HDF5": refused("m.h5", hdf5(unit_of_the_file), "units = 'K': expected a map of Compton"),
    "uK in HDF5": refused("m.h5", beside_map({"units": "uK"}), "units = 'uK': expected a map of"),
    "pixel of text": refused("m.h5", beside_map({"pixel_arcmin": "wide"}), "pixel_arcmin = 'wide'"),
    "pixel of 0": refused("m.h5", beside_map({"pixel_arcmin": 0.0}), "pixels of 0': expected 1.7'"),
    "scaled values": refused("m.h5", beside_map({"scale_factor": 1e-3}), "attribute scale_factor"),
    "complex redshift": refused("m.h5", beside_map(redshift=0.3 + 0.1j), "is a complex128: ", ""),
    "two redshifts of a map": refused(
        "m.h5", beside_map(redshift=[0.1, 0.2]), "2 redshifts of 1 maps", ""
    ),
    "a wide chunk": refused("m.h5", hdf5(wide_redshift), "chunks of shape (268435456,), 2 GiB", ""),
    # Zarr stores
    "zarr.json null": refused(
        "m.zarr", store("zarr.json", lambda _: "null"), "zarr.json is 'None'"
    ),
    "zarr.json a list": refused(
        "m.zarr",
        store("zarr.json", lambda _: "[1, 2]"),
        "zarr.json is '[1, 2]': expected an object with attributes",
    ),
    "zarr.json without attributes": refused(
        "m.zarr",
        store("zarr.json", lambda _: '{"attributes": 3}'),
        "expected an object with attributes",
    ),
    "zarr.json no JSON": refused(
        "m.zarr", store("zarr.json", lambda _: "{"), "zarr.json is no JSON that can be read"
    ),
    "zarr.json empty": refused(
        "m.zarr", store("zarr.json", lambda _: ""), "zarr.json: is empty (0 bytes)"
    ),
    "zarr.json deep": refused(
        "m.zarr", store("zarr.json", lambda _: "[" * 100_000), "zarr.json is no JSON that can be"
    ),
    "an array's zarr.json null": refused(
        "m.zarr", store("compton_y/zarr.json", lambda _: "null"), "cannot be read: "
    ),
    "a store of 149 GiB": refused(
        "m.zarr", in_map_of_store("[1,96,96]", "[1,200000,200000]"), "149 GiB: expected maps of at"
    ),
    "a store without its files": refused(
        "m.zarr",
        in_map_of_store('"shape":[1,96,96]', '"shape":[1,200000,200000]'),
        " has 1 of its ",
    ),
    "chunks of GiB": refused(
        "m.zarr",
        in_map_of_store('"chunk_shape":[1,96,96]', '"chunk_shape":[1,99999,99999]'),
        "chunks of shape (1, 99999,",
    ),
    "chunks of 0": refused(
        "m.zarr",
        in_map_of_store('"chunk_shape":[1,96,96]', '"chunk_shape":[0,96,96]'),
        "cannot be read: ",
    ),
    "a store of bool": refused(
        "m.zarr",
        in_map_of_store('"data_type":"float32"', '"data_type":"bool"'),
        "array of type bool: expected real",
    ),
    "a store in degrees": refused(
        "m.zarr",
        store("x/zarr.json", lambda text: text.replace('"arcmin"', '"deg"')),
        "units of array 'x' = 'deg': expected arcmin",
    ),
    "a FIFO in a store": refused(
        "m.zarr", with_fifo, "compton_y/zarr.json is a FIFO: expected files and folders"
    ),
    "no store": refused("m.zarr", os.mkdir, "no Zarr group can be opened here"),
    # what is no file
    "a folder named .npy": refused("m.npy", os.mkdir, "is a folder: expected a regular file"),
    "a folder without maps": refused("maps", os.mkdir, "no file in it ends in .fit, .fits, "),
    "FIFO": refused("m.npy", os.mkfifo, "is a FIFO: expected a regular file"),
    "FIFO of FITS": refused("m.fits", os.mkfifo, "is a FIFO: expected a regular file"),
    "FIFO of Zarr": refused("m.zarr", os.mkfifo, "is a file: expected the folder of a store"),
    "a device": refused(
        "m.h5", lambda path: path.symlink_to("/dev/zero"), "is a device: expected a regular"
    ),
    "a dangling link": refused("m.h5", lambda path: path.symlink_to("nowhere"), "not found"),
    "no file": Odd(f"none.npy good.fits {REDSHIFT}", "none.npy: not found", masses=1),
    "another ending": refused("map.txt", b"1 2 3", "expected a file that ends in .fit, .fits, "),
    # tables of files
    "no column redshift": table("file\na.npy\n", "no column 'redshift'; it has file"),
    "semicolons": table("file;redshift\na.npy;0.3\n", "no column 'file'; it has file;redshift"),
    "a table of nothing": table("", "no column 'file'; it has none"),
    "a table without rows": table("file,redshift\n", "no rows: expected a row a map"),
    "a column twice": table(
        "file,redshift,redshift \na.npy,0.3,0.4\n", "'redshift' stands 2 times"
    ),
    "a column twice, in another case": table(
        "file,Redshift,redshift\na.npy,0.3,0.4\n", "column 'redshift' stands 2 times: expected it"
    ),
    "decimal commas": table(
        "file,redshift\na.npy,0,3\n", "line 2: expected 2 cells (file, redshift"
    ),
    "a row without a redshift": table("file,redshift\na.npy\na.npy,0.3\n", "redshift missing", 1),
    "a row of text": table(
        "file,redshift\na.npy,near\na.npy,0.3\n", "redshift = 'near': expected", 1
    ),
    "a missing file in a table": table("file,redshift\nb.npy,0.3\na.npy,0.3\n", "not found", 1),
    "a name too long": table(
        f"file,redshift\n{'a' * 300}.npy,0.3\na.npy,0.3\n", "File name too long", 1
    ),
    "bytes of a table": table(
        b"file,redshift\n\xff\xfe\x00,0.3\n", "cannot be read as a CSV table"
    ),
    "a table in gzip": table(
        gzip.compress(b"file,redshift\na.npy,0.3\n"), "cannot be read as a CSV table"
    ),
    "FIFO of a table": table(os.mkfifo, "is a FIFO: expected a regular file"),
    # maps of the sky, and catalogues
    "Nside 512": on_sky(
        "NSIDE = 512: expected pixels of at most 2.5'",
        sky=healpix({"FULL": [0.0] * 4}, NSIDE=512, ORDERING="RING"),
    ),
    "no order of pixels": on_sky(
        "ORDERING = '': expected RING or NESTED",
        sky=healpix({"FULL": [0.0] * 4}, NSIDE=2048),
    ),
    "another order of pixels": on_sky(
        "ORDERING = 'HILBERT': expected RING or NESTED",
        sky=healpix({"FULL": [0.0] * 4}, NSIDE=2048, ORDERING="HILBERT"),
    ),
    "a part of the sky": on_sky(
        "INDXSCHM = 'EXPLICIT': expected IMPLICIT, a map of the whole sky",
        sky=healpix(
            {"PIXEL": [1, 2, 3, 4], "Y": [0.0] * 4},
            NSIDE=2048,
            ORDERING="NESTED",
            INDXSCHM="EXPLICIT",
        ),
    ),
    "ecliptic positions": on_sky(
        "COORDSYS = 'E': expected GALACTIC or CELESTIAL",
        sky=healpix({"FULL": [0.0] * 4}, NSIDE=2048, ORDERING="RING", COORDSYS="E"),
    ),
    "another unit of the sky": on_sky(
        "BUNIT = 'Jy/beam': expected a map of Compton y",
        sky=fits_bytes(WIDE, **WCS, BUNIT="Jy/beam"),
    ),
    "no WCS": on_sky("expected a WCS of the sky", sky=fits_bytes(WIDE, CTYPE1="FREQ")),
    "ecliptic projection": on_sky(
        "CTYPE1 = 'ELON-TAN': expected RA or GLON",
        sky=fits_bytes(WIDE, **WCS | {"CTYPE1": "ELON-TAN", "CTYPE2": "ELAT-TAN"}),
    ),
    "coarse pixels of the sky": on_sky(
        "pixels of 6': expected at most 2.5', a quarter of the beam",
        sky=fits_bytes(WIDE, **WCS | {"CDELT1": -0.1, "CDELT2": 0.1}),
    ),
    "an empty catalogue": on_sky(
        "the catalogue is empty: expected a row a cluster", {name: [] for name in CLUSTERS}
    ),
    "a cluster off the map": on_sky(
        "c.fits, row 1 (B): not on the map",
        {"NAME": ["A", "B"], "RA": [30.0, 200.0], "DEC": [10.0, 10.0], "REDSHIFT": [0.3, 0.3]},
        masses=1,
    ),
    "RA in hours": on_sky("TUNIT2 = 'h': expected RA in deg", CLUSTERS, units={"RA": "h"}),
    "RA in hours, unsaid": on_sky("not on the map", CLUSTERS | {"RA": [2.0]}),
    "RA in radians": on_sky("TUNIT2 = 'rad': expected RA in deg", CLUSTERS, units={"RA": "rad"}),
    "sexagesimal": on_sky("column 'RA': expected a number a row", CLUSTERS | {"RA": ["02:00:00"]}),
    "GLON and GLAT exchanged": on_sky(
        "GLAT = 150: expected -90 to 90 degrees",
        {"NAME": ["A"], "GLON": [-60.0], "GLAT": [150.0], "REDSHIFT": [0.3]},
    ),
    "DEC of NaN": on_sky("DEC = nan: expected -90 to 90 degrees", CLUSTERS | {"DEC": [np.nan]}),
    "complex redshifts": on_sky(
        "column 'REDSHIFT': expected a number", CLUSTERS | {"REDSHIFT": [0.3j]}
    ),
    "unknown redshift": on_sky("redshift missing", CLUSTERS | {"REDSHIFT": [-1.0]}),
    "no position": on_sky(
        "no column 'GLON'; it has NAME, REDSHIFT", {"NAME": ["A"], "REDSHIFT": [0.3]}
    ),
    "a column of a catalogue twice": on_sky(
        "'REDSHIFT' stands 2 times", CATALOGUE.replace(b"'OTHER   '", b"'redshift'")
    ),
    "2e9 columns": on_sky(
        "TFIELDS = 2000000000", CATALOGUE.replace(f"{5:20d}".encode(), f"{2 * 10**9:20d}".encode())
    ),
    "a cut catalogue": on_sky("is cut short", CATALOGUE[:-2880]),
    "a cut catalogue in gzip": on_sky(
        "is cut short", gzip.compress(CATALOGUE[:-2880]), name="c.fits.gz"
    ),
    "columns of no type": on_sky(
        "cannot be read", CATALOGUE.replace(b"TFORM2  = 'E ", b"TFORM2  = 'Q ")
    ),
    "zero bytes of a catalogue": on_sky("is empty (0 bytes)", b""),
    # options
    "two ways at once": Odd(
        "good.fits --table t.csv", "expected one of: FILE... --redshift Z, --table T.csv"
    ),
    "a place that is none": Odd(
        "good.fits --centre here", "centre = 'here': expected X,Y in pixels"
    ),
    "a place off the map": Odd(
        "good.fits --centre 2,30", "around column 2.0, row 30.0 is not within"
    ),
    "a prior misspelt": Odd("good.fits --prior psz", "prior 'psz': expected psz2, flat, training"),
    "a gas misspelt": Odd("good.fits --gas magnetcum", "did you mean magneticum?"),
    "another ending of the table": Odd("good.fits --out m.txt", "m.txt: expected a name that ends"),
    "a record of zero bytes": Odd("good.fits --models r.npz", "r.npz: ", {"r.npz": b""}),
}
WEIGHED = {
    "no unit, no size": weighed("m.npy", PLAIN["a.npy"], "of unstated size, no unit, taken as y"),
    "float64 of other byte order": weighed("m.npy", npy_bytes(MAP.astype(">f8")), "taken as y"),
    "order of Fortran": weighed("m.npy", npy_bytes(np.asfortranarray(MAP)), "taken as y"),
    "three maps": weighed("m.npy", npy_bytes(np.stack([MAP] * 3)), "m.npy, row 2", masses=3),
    "--pixel-arcmin": weighed("m.npy", PLAIN["a.npy"], "(given)", f"{REDSHIFT} --pixel-arcmin 1.7"),
    "junk behind": weighed("m.fits", fits_bytes(MAP) + b"junk" * 1000, "no unit, taken as y"),
    "zeros behind": weighed("m.fits", fits_bytes(MAP) + bytes(2880), "no unit, taken as y"),
    "a card that nobody needs": weighed(
        "m.fits", fits_bytes(MAP, OTHER=b"OTHER   = 1 2 'x"), "no unit, taken as y"
    ),
    "1e-6": weighed(
        "m.fits", fits_bytes(MAP * 1e6, BUNIT="1e-6"), "multiplied by 1e-06 (BUNIT = '1e-6')"
    ),
    "10**-6 y": weighed(
        "m.fits",
        fits_bytes(MAP * 1e6, BUNIT="10**-6 y"),
        "multiplied by 1e-06 (BUNIT = '10**-6 y')",
    ),
    "Compton-y": weighed("m.fits", fits_bytes(MAP, BUNIT="Compton-y"), "unit 'Compton-y' (BUNIT)"),
    "1": weighed("m.fits", fits_bytes(MAP, BUNIT="1"), "unit '1' (BUNIT)"),
    "an empty unit": weighed("m.fits", fits_bytes(MAP, BUNIT=""), "no unit, taken as y"),
    "the second image": weighed(
        "m.fits",
        parts_bytes(fits.PrimaryHDU(MAP[:4]), fits.ImageHDU(MAP, name="Y")),
        "HDU 1 (Y), the only square image of 2",
    ),
    "an image behind a table": weighed(
        "m.fits",
        parts_bytes(fits.PrimaryHDU(), fits_table(CLUSTERS), fits.ImageHDU(MAP, name="Y")),
        "HDU 2 (Y)",
    ),
    "an image by its name": weighed("m.fits", TWO, "as --hdu says", f"{REDSHIFT} --hdu primary"),
    "pixels in the first header": weighed(
        "m.fits",
        beside_primary(**PIXELS, CTYPE1="RA---TAN", CRPIX1=48.5),
        "pixels of 1.7' (CDELT)",
    ),
    "plate carree near the equator": weighed(
        "m.fits", fits_bytes(MAP, **PLATE_CARREE, CRPIX2=100.0), "pixels of 1.7' (CDELT)"
    ),
    "NAXIS 3 of one Stokes parameter": weighed(
        "m.fits", fits_bytes(MAP[None], CTYPE3="STOKES"), "taken as y"
    ),
    "NAXIS 3 of two maps": weighed(
        "m.fits", fits_bytes(np.stack([MAP, MAP])), "m.fits, row 1", masses=2
    ),
    "CD": weighed("m.fits", fits_bytes(MAP, CD1_1=-STEP, CD2_2=STEP), "pixels of 1.7' (CD)"),
    "CD that turns": weighed(
        "m.fits",
        fits_bytes(MAP, **{f"CD{place}": value for place, value in TURNED.items()}),
        "pixels of 1.7' (CD)",
    ),
    "PC that turns": weighed(
        "m.fits",
        fits_bytes(
            MAP, CDELT1=1.0, CDELT2=1.0, **{f"PC{place}": one for place, one in TURNED.items()}
        ),
        "pixels of 1.7' (CDELT)",
    ),
    "pixels of half the size": weighed(
        "m.fits",
        fits_bytes(np.kron(MAP, np.ones((2, 2))), CDELT1=-STEP / 2, CDELT2=STEP / 2),
        "pixels of 0.85' (CDELT)",
        within=0.05,
    ),
    "NaN at a margin, filled": weighed(
        "m.npy",
        npy_bytes(NAN_MARGIN),
        "384 pixels without data filled with noise",
        f"{REDSHIFT} --fill-nan",
        within=0.1,
    ),
    "another redshift in the header": weighed(
        "m.fits",
        fits_bytes(MAP, REDSHIFT=0.5),
        "redshift 0.3 (--redshift) is used, but the file says 0.5 (REDSHIFT)",
    ),
    "Z in the header": weighed("m.fits", fits_bytes(MAP, Z=0.3), "redshift (Z)", words=""),
    "two redshifts in the header": weighed(
        "m.fits", fits_bytes(MAP, REDSHIFT=0.25, Z=0.3), "redshift 0.3 (--redshift)"
    ),
    "FITS in gzip": weighed("m.fits.gz", PACKED, "HDU 0 (PRIMARY)"),
    "HDF5 with other datasets": weighed("m.h5", beside_map(noise=MAP), "dataset 'compton_y'"),
    "HDF5 of millionths": weighed(
        "m.h5",
        hdf5(lambda file: file.update({"compton_y": MAP * 1e6}) or file.attrs.update(units="1e-6")),
        "multiplied by 1e-06 (units = '1e-6')",
    ),
    "blanks in a table": table("file , redshift\na.npy , 0.3\n", "taken as y", 1),
    "other columns in a table": table(
        "File,REDSHIFT,snr\na.npy,0.3,4\n",
        "columns that are not used: snr; those used are file, redshift",
        1,
    ),
    "a file twice in a table": table("file,redshift\na.npy,0.3\na.npy,0.3\n", "taken as y", 2),
    "a map of the sky": on_sky("no unit, taken as y", masses=1),
    "a catalogue in gzip": on_sky(
        "no unit, taken as y", gzip.compress(CATALOGUE), name="c.fits.gz", masses=1
    ),
    "duplicate names": on_sky(
        "no unit, taken as y", {name: values * 2 for name, values in CLUSTERS.items()}, masses=2
    ),
    "a catalogue in degrees": on_sky("taken as y", units={"RA": "deg", "DEC": "deg"}, masses=1),
}


@pytest.fixture(scope="module")
def plain_mass() -> float:
    """M500c in Msun of the example at redshift 0.3."""
    return float(szmass.weigh(MAP, 0.3).m500_msun[0])


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Odd], tuple[list[float], list[str], list[str]]]:
    """Runs the command; returns masses in Msun, lines that refuse maps, and what is said."""
    monkeypatch.chdir(tmp_path)

    def weigh(odd: Odd) -> tuple[list[float], list[str], list[str]]:
        for name, content in {**PLAIN, **odd.files}.items():
            if isinstance(content, bytes):
                Path(name).write_bytes(content)
            else:
                content(Path(name))
        before, ending = monotonic(), ""
        try:
            main(["predict", "--json", "--verbose", *shlex.split(odd.words)])
        except SystemExit as ended:
            ending = str(ended).removeprefix("szmass: ")
        assert monotonic() - before < AT_ONCE_S
        told = capsys.readouterr()
        answer = json.loads(told.out) if told.out else {"clusters": [], "notes": []}
        masses = [cluster["m500_msun"] for cluster in answer["clusters"]]
        lines = [line for line in ending.splitlines() if line not in HEADINGS]
        return masses, lines, answer["notes"] + told.err.splitlines()

    return weigh


Run = Callable[[Odd], tuple[list[float], list[str], list[str]]]


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_weighed_is_one_line(run: Run, plain_mass: float, case: str) -> None:
    odd = REFUSED[case]
    masses, (line,), _ = run(odd)
    assert odd.says in line
    assert line.startswith(tuple(odd.files)) or not odd.files
    assert masses == pytest.approx([plain_mass] * odd.masses, rel=1e-3)


@pytest.mark.parametrize("case", WEIGHED)
def test_what_is_guessed_is_said(run: Run, plain_mass: float, case: str) -> None:
    odd = WEIGHED[case]
    masses, lines, said = run(odd)
    assert lines == []
    assert any(odd.says in line for line in said), said
    assert masses == pytest.approx([plain_mass] * odd.masses, rel=odd.within)
