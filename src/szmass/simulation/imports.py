"""A user's own y-maps, from the kinds of file that they come in."""

from __future__ import annotations

import csv
import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass.simulation.planck_files import read_map
from szmass.simulation.psz2_catalogue import read_psz2
from szmass.simulation.store import MapStore
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels

MAP_ARRAY, REDSHIFT_ARRAY = "compton_y", "redshift"
TABLE_COLUMNS = ("file", "redshift")
CUTOUTS_AT_ONCE = 64


class UserFileError(ValueError):
    """A file of maps cannot be read."""


@dataclass(frozen=True)
class UserMap:
    """A map as a file has it, unchecked."""

    label: str
    """The file, and the row where it has several maps."""
    image: np.ndarray
    pixel_arcmin: float | None
    """None where the file does not say."""
    redshift: object
    """None where the file does not say."""


def read_user_maps(path: Path) -> Iterator[UserMap]:
    """The maps of one file: `.npy`, FITS image, HDF5, or a Zarr store of szmass.

    An array of two dimensions is one map, of three a row of maps. HDF5 has them in the dataset
    `compton_y`, with `redshift` beside it if known and an attribute `pixel_arcmin`; a FITS image
    states its pixels as CDELT2 or CD2_2 in degrees, and may have a keyword REDSHIFT.

    Raises:
        UserFileError: there is no such file, or it cannot be read as one of these.
    """
    readers = {".npy": _npy, ".fits": _fits, ".fit": _fits, ".h5": _hdf5, ".hdf5": _hdf5}
    readers[".zarr"] = _zarr
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UserFileError(f"{path}: expected a file that ends in {', '.join(sorted(readers))}")
    if not path.exists():
        raise UserFileError(f"{path}: not found")
    try:
        images, pixel_arcmin, redshifts = reader(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserFileError(f"{path}: cannot be read: {error}") from error
    if images.ndim == 2:
        yield UserMap(str(path), images, pixel_arcmin, redshifts)
        return
    if images.ndim != 3 or len(images) == 0:
        raise UserFileError(
            f"{path}: array of shape {images.shape}: expected a map, or some of one size"
        )
    of_row = np.full(len(images), None) if redshifts is None else np.ravel(redshifts)
    if len(of_row) not in {1, len(images)}:
        raise UserFileError(f"{path}: {len(of_row)} redshifts of {len(images)} maps")
    for row, image in enumerate(images):
        redshift = of_row[row if len(of_row) > 1 else 0]
        yield UserMap(f"{path}, row {row}", image, pixel_arcmin, redshift)


_Read = tuple[np.ndarray, float | None, Any]
"""Images, side of a pixel in arcmin, redshift or redshifts."""


def _npy(path: Path) -> _Read:
    return np.load(path, allow_pickle=False), None, None


def _fits(path: Path) -> _Read:
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("error", AstropyWarning)
        try:
            parts = fits.open(file, memmap=False)
            images = [part for part in parts if part.is_image and part.data is not None]
        except AstropyWarning as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(f"damaged or cut short: {reason}") from error
        if not images:
            raise ValueError("no image in it")
        header, data = images[0].header, np.array(images[0].data)
    step_deg = header.get("CDELT2", header.get("CD2_2"))
    pixel_arcmin = abs(float(step_deg)) * 60.0 if step_deg is not None else None
    return data.astype(data.dtype.newbyteorder("=")), pixel_arcmin, header.get("REDSHIFT")


def _hdf5(path: Path) -> _Read:
    import h5py

    with h5py.File(path) as file:
        maps = file[MAP_ARRAY]
        pixel_arcmin = maps.attrs.get("pixel_arcmin", file.attrs.get("pixel_arcmin"))
        redshift = file[REDSHIFT_ARRAY][()] if REDSHIFT_ARRAY in file else None
        images = np.array(maps)
    return images, None if pixel_arcmin is None else float(pixel_arcmin), redshift


def _zarr(path: Path) -> _Read:
    title = json.loads((path / "zarr.json").read_text())["attributes"]["title"]
    store = MapStore(path, title)
    redshift = store.read(REDSHIFT_ARRAY) if REDSHIFT_ARRAY in store.names else None
    pixel_arcmin = float(np.diff(store.read("x")[:2])[0]) if "x" in store.names else None
    return store.read(MAP_ARRAY), pixel_arcmin, redshift


@dataclass(frozen=True)
class TableRow:
    """A row of a user's table of files."""

    label: str
    """The table and the number of the line in it."""
    file: Path
    redshift: str
    name: str


def read_table(path: Path) -> list[TableRow]:
    """Reads a CSV table with the columns file, redshift and, if there is one, name.

    A relative file lies beside the table.

    Raises:
        UserFileError: the table cannot be read, lacks a column, or is empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            header, rows = list(reader.fieldnames or []), list(reader)
    except (OSError, ValueError, csv.Error) as error:
        raise UserFileError(f"{path}: cannot be read as a CSV table: {error}") from error
    for name in TABLE_COLUMNS:
        if name not in header:
            raise UserFileError(f"{path}: no column {name!r}; it has {', '.join(header)}")
    if not rows:
        raise UserFileError(f"{path}: no rows: expected a row a map")
    return [
        TableRow(
            f"{path}, line {number}",
            path.parent / (row["file"] or "").strip(),
            (row["redshift"] or "").strip(),
            (row.get("name") or "").strip(),
        )
        for number, row in enumerate(rows, start=2)
    ]


def cut_catalogue(
    ymap: Path, catalogue: Path, *, nside: int, grid: PixelGrid
) -> Iterator[tuple[str, UserMap]]:
    """Cutouts of a full-sky y-map at the clusters of a catalogue, each with its name.

    Args:
        ymap: HEALPix map in the layout of Planck's, column FULL.
        catalogue: FITS table with the columns of PSZ2.
        nside: of the map.
        grid: of the cutouts.

    Raises:
        PlanckFilesError: one of the files cannot be read, or is not what is expected.
    """
    clusters = read_psz2(catalogue)
    sky = read_map(ymap, "FULL", nside)
    for start in range(0, len(clusters), CUTOUTS_AT_ONCE):
        block = slice(start, start + CUTOUTS_AT_ONCE)
        pixels = gnomonic_pixels(nside, clusters.glon_deg[block], clusters.glat_deg[block], grid)
        for row, cutout in enumerate(sky[pixels], start=start):
            redshift = float(clusters.redshift[row])
            label = f"{catalogue}, row {row} ({clusters.name[row]})"
            known = redshift if redshift >= 0 else None
            yield str(clusters.name[row]), UserMap(label, cutout, grid.pixel_arcmin, known)
