"""A user's own y-maps, from the kinds of file that they come in."""

from __future__ import annotations

import csv
import json
import math
import warnings
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass.planck.files import column, open_table, read_map
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels
from szmass.storage.store import MapStore

MAP_ARRAY, REDSHIFT_ARRAY = "compton_y", "redshift"
TABLE_COLUMNS = ("file", "redshift")
POSITIONS = {"GLON": (0.0, 360.0), "GLAT": (-90.0, 90.0)}
"""Columns of a catalogue, and where on the sky they end, in degrees."""
SQUARE = 1e-3
"""By how much the sides of a square pixel may differ, relatively."""
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
    problem: str = ""
    """What keeps the row from having a map."""


def read_user_maps(path: Path) -> Iterator[UserMap]:
    """The maps of one file: `.npy`, FITS image (`.gz` too), HDF5, or a Zarr store of szmass.

    An array of two dimensions is one map, of three a row of maps. HDF5 has them in the dataset
    `compton_y`, with `redshift` beside it if known and an attribute `pixel_arcmin`; a FITS image
    states its square pixels in degrees, as CDELT with PC if it has it, or as CD, and may have a
    keyword REDSHIFT.

    Raises:
        UserFileError: there is no such file, or it cannot be read as one of these.
    """
    readers = {".npy": _npy, ".fits": _fits, ".fit": _fits, ".h5": _hdf5, ".hdf5": _hdf5}
    readers |= {".zarr": _zarr, ".fits.gz": _fits}
    name = path.name.lower()
    reader = next((read for ending, read in readers.items() if name.endswith(ending)), None)
    if reader is None:
        raise UserFileError(f"{path}: expected a file that ends in {', '.join(sorted(readers))}")
    if not path.exists():
        raise UserFileError(f"{path}: not found")
    try:
        images, pixel_arcmin, redshifts = reader(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise UserFileError(f"{path}: cannot be read: {reason}") from error
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
        except (OSError, zlib.error) as error:
            raise ValueError(f"not a FITS file: {str(error).partition('.')[0]}") from error
        if not images:
            raise ValueError("no image in it (a full-sky map is given as --ymap)")
        header, data = images[0].header, np.array(images[0].data)
    native = data.astype(data.dtype.newbyteorder("="))
    return native, _pixel_arcmin(header), header.get("REDSHIFT")


def _pixel_arcmin(header: Mapping[str, Any]) -> float | None:
    """Side of the square pixels of a FITS image; None where the header does not say.

    Read without astropy.wcs: its import takes as long as that of astropy.io.fits, and a side that
    the header leaves out would be 1 degree.
    """
    sides = []
    for axis in (1, 2):
        unit = str(header.get(f"CUNIT{axis}", "deg")).strip()
        if unit != "deg":
            raise ValueError(f"CUNIT{axis} = {unit!r}: expected deg")
        turned = [header.get(f"CD{row}_{axis}") for row in (1, 2)]
        if turned == [None] * 2 and f"CDELT{axis}" in header:
            turned = [
                header.get(f"PC{row}_{axis}", row == axis) * header.get(f"CDELT{row}", 0.0)
                for row in (1, 2)
            ]
        if any(step is not None for step in turned):
            sides.append(math.hypot(*(float(step or 0.0) for step in turned)) * 60.0)
    if sides and not abs(sides[0] - sides[-1]) < SQUARE * sides[-1]:
        raise ValueError(f"pixels of {sides[0]:.4g}' x {sides[-1]:.4g}': expected square ones")
    return sides[-1] if sides else None


def _hdf5(path: Path) -> _Read:
    import h5py

    with h5py.File(path) as file:
        if MAP_ARRAY not in file:
            raise ValueError(f"no dataset {MAP_ARRAY!r}; it has {', '.join(file) or 'none'}")
        maps = file[MAP_ARRAY]
        pixel_arcmin = maps.attrs.get("pixel_arcmin", file.attrs.get("pixel_arcmin"))
        redshift = file[REDSHIFT_ARRAY][()] if REDSHIFT_ARRAY in file else None
        images = np.array(maps)
    return images, None if pixel_arcmin is None else float(pixel_arcmin), redshift


def _zarr(path: Path) -> _Read:
    group = path / "zarr.json"
    content = json.loads(group.read_text()) if group.is_file() else {}
    store = MapStore(path, content.get("attributes", {}).get("title", ""))
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
    problem: str
    """What keeps the row from being read; "" if nothing."""


def read_table(path: Path) -> list[TableRow]:
    """Reads a CSV table with the columns file, redshift and, if there is one, name.

    A relative file lies beside the table.

    Raises:
        UserFileError: the table cannot be read, lacks a column, or is empty.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserFileError(f"{path}: cannot be read as a CSV table: {error}") from error
    for name in TABLE_COLUMNS:
        if name not in header:
            raise UserFileError(f"{path}: no column {name!r}; it has {', '.join(header) or 'none'}")
    if not rows:
        raise UserFileError(f"{path}: no rows: expected a row a map")
    return [
        TableRow(
            f"{path}, line {number}",
            path.parent / row["file"].strip(),
            row["redshift"].strip(),
            row.get("name", "").strip(),
            # a decimal comma makes one too many
            f"expected {len(header)} cells ({', '.join(header)})" if None in row else "",
        )
        for number, row in rows
    ]


def cut_catalogue(
    ymap: Path, catalogue: Path, *, nside: int, grid: PixelGrid
) -> Iterator[tuple[str, UserMap]]:
    """Cutouts of a full-sky y-map at the clusters of a catalogue, each with its name.

    Args:
        ymap: HEALPix map in the layout of Planck's, column FULL.
        catalogue: FITS table with the columns NAME, GLON, GLAT in degrees, and REDSHIFT.
        nside: of the map.
        grid: of the cutouts.

    Raises:
        PlanckFilesError, UserFileError: one of the files cannot be read, or is not what is
            expected.
    """
    names, clusters = _read_catalogue(catalogue)
    frame = str(open_table(ymap)[0].get("COORDSYS", "GALACTIC")).strip()
    if not frame.upper().startswith("G"):
        raise UserFileError(f"{ymap}: COORDSYS = {frame!r}: expected GALACTIC")
    sky = read_map(ymap, "FULL", nside)
    problems = _position_problems(clusters)
    placed = np.flatnonzero(problems == "")
    for start in range(0, len(names), CUTOUTS_AT_ONCE):
        rows = range(start, min(start + CUTOUTS_AT_ONCE, len(names)))
        here = placed[(placed >= rows.start) & (placed < rows.stop)]
        pixels = gnomonic_pixels(nside, clusters["GLON"][here], clusters["GLAT"][here], grid)
        cutouts = dict(zip(here.tolist(), sky[pixels], strict=True))
        for row in rows:
            redshift = float(clusters["REDSHIFT"][row])
            yield (
                names[row],
                UserMap(
                    f"{catalogue}, row {row} ({names[row]})",
                    cutouts.get(row, np.empty((0, 0))),
                    grid.pixel_arcmin,
                    None if redshift == -1 else redshift,  # PSZ2 has -1 where it is unknown
                    problems[row],
                ),
            )


def _read_catalogue(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of a catalogue's clusters, and the columns that say where they are."""
    _, rows = open_table(path)
    names = [str(name).strip() for name in column(path, rows, "NAME")]
    if not names:
        raise UserFileError(f"{path}: the catalogue is empty: expected a row a cluster")
    columns = {}
    for name in (*POSITIONS, "REDSHIFT"):
        values = column(path, rows, name)
        if values.ndim != 1 or not np.issubdtype(values.dtype, np.number):
            raise UserFileError(f"{path}: column {name!r}: expected a number a row")
        columns[name] = values.astype(np.float64)
    return names, columns


def _position_problems(clusters: Mapping[str, np.ndarray]) -> np.ndarray:
    """What is wrong with the position of each cluster; "" if nothing."""
    problems = np.full(len(clusters["GLON"]), "", dtype=object)
    for name, (low, high) in POSITIONS.items():
        values = clusters[name]
        for row in np.flatnonzero(~((values >= low) & (values <= high))):
            problems[row] = f"{name} = {values[row]:g}: expected {low:g} to {high:g} degrees"
    return problems
