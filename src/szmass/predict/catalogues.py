"""Cutouts of a user's full-sky map at the clusters of a catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from szmass.planck.files import column, open_table, read_map
from szmass.predict.cutouts import COARSEST_ARCMIN
from szmass.predict.files.fits_images import whole_headers
from szmass.predict.files.headers import in_y, unit_in_words
from szmass.predict.files.limits import (
    LARGEST_FILE_BYTES,
    LARGEST_SKY_BYTES,
    UserFileError,
    plain_fits,
)
from szmass.predict.files.user_maps import UserMap
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels
from szmass.units import ARCMIN_RAD

POSITIONS = {"GLON": (0.0, 360.0), "GLAT": (-90.0, 90.0)}
"""Columns of a catalogue, and where on the sky they end, in degrees."""
DEGREES = ("", "deg", "degree", "degrees")
CUTOUTS_AT_ONCE = 64
UNSEEN = 1e30
"""Values this large, of either sign, are HEALPix' mark of a pixel without data."""
FINEST_NSIDE = 8192
"""Whose pixels have numbers of 32 bits."""


def cut_catalogue(
    ymap: Path, catalogue: Path, *, nside: int | None, grid: PixelGrid
) -> Iterator[tuple[str, UserMap]]:
    """Cutouts of a full-sky y-map at the clusters of a catalogue, each with its name.

    Args:
        ymap: HEALPix map in the layout of Planck's, column FULL; `.gz` or not.
        catalogue: FITS table with the columns NAME, GLON, GLAT in degrees, and REDSHIFT; likewise.
        nside: that the map must have; without, any with pixels that are fine enough.
        grid: of the cutouts.

    Raises:
        PlanckFilesError, UserFileError: one of the files cannot be read, or is not what is
            expected.
    """
    names, clusters = _read_catalogue(catalogue)
    sky, nside, notes, unit = _read_sky(ymap, nside)
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
                names[row] or f"row {row}",
                UserMap(
                    f"{catalogue}, row {row} ({names[row]})",
                    cutouts.get(row, np.empty((0, 0))),
                    grid.pixel_arcmin,
                    None if redshift == -1 else redshift,  # PSZ2 has -1 where it is unknown
                    "column REDSHIFT",
                    notes,
                    problem=problems[row],
                    read=(f"column FULL of {ymap}", unit),
                    pixel_key="of the cutout",
                ),
            )


def _read_sky(path: Path, nside: int | None) -> tuple[np.ndarray, int, tuple[str, ...], str]:
    """A map as Compton y, NaN where it has none; its Nside; what was done for it; its unit."""
    with plain_fits(path, largest_bytes=LARGEST_SKY_BYTES) as plain:
        _require_columns_once(path, plain, ["FULL"])
        header, _ = open_table(plain)
        frame = str(header.get("COORDSYS", "GALACTIC")).strip()
        if not frame.upper().startswith("G"):
            raise UserFileError(f"{path}: COORDSYS = {frame!r}: expected GALACTIC")
        if nside is None:
            nside = _fine_nside(path, header.get("NSIDE"))
        sky = read_map(plain, "FULL", nside)
        sky[np.abs(sky) >= UNSEEN] = np.nan
        key = _unit_key(header, "FULL")
        values, notes = in_y(sky, key, header.get(key))
        return values, nside, notes, unit_in_words(key, header.get(key))


def _fine_nside(path: Path, stated: object) -> int:
    """The Nside that a header states, of pixels that cutouts can be made from."""
    if isinstance(stated, int) and FINEST_NSIDE >= stated > 0:
        side_arcmin = np.sqrt(4.0 * np.pi / (12 * stated**2)) / ARCMIN_RAD
        if side_arcmin <= COARSEST_ARCMIN:
            return stated
    raise UserFileError(
        f"{path}: NSIDE = {stated!r}: expected pixels of at most {COARSEST_ARCMIN:g}', as NSIDE = "
        f"2048 has, and at most {FINEST_NSIDE}"
    )


def _unit_key(header: Mapping[str, Any], name: str) -> str:
    """The keyword of a column's unit; the first column's where it is not among TTYPE."""
    columns = {
        str(value).strip().upper(): key.removeprefix("TTYPE")
        for key, value in header.items()
        if key.startswith("TTYPE")
    }
    return f"TUNIT{columns.get(name, '1')}"


def _read_catalogue(path: Path) -> tuple[list[str], dict[str, np.ndarray]]:
    """The names of a catalogue's clusters, and the columns that say where they are."""
    with plain_fits(path, largest_bytes=LARGEST_FILE_BYTES) as plain:
        _require_columns_once(path, plain, ("NAME", *POSITIONS, "REDSHIFT"))
        header, rows = open_table(plain)
        names = [str(name).strip() for name in column(plain, rows, "NAME")]
        if not names:
            raise UserFileError(f"{path}: the catalogue is empty: expected a row a cluster")
        columns = {}
        for name in (*POSITIONS, "REDSHIFT"):
            values = column(plain, rows, name)
            if values.ndim != 1 or values.dtype.kind not in "fiu":
                raise UserFileError(f"{path}: column {name!r}: expected a number a row")
            key = _unit_key(header, name)
            unit = str(header.get(key, "")).strip()
            if name in POSITIONS and unit.lower() not in DEGREES:
                raise UserFileError(f"{path}: {key} = {unit!r}: expected {name} in deg")
            columns[name] = values.astype(np.float64)
    return names, columns


def _require_columns_once(path: Path, plain: Path, names: Iterable[str]) -> None:
    """Requires columns once in the first table; upper and lower case are one in FITS."""
    headers = whole_headers(path, plain, cut_table=True)
    table = headers[1] if len(headers) > 1 else {}
    counts = Counter(str(table[key]).strip().upper() for key in table if key.startswith("TTYPE"))
    for name in names:
        if counts[name] > 1:
            raise UserFileError(
                f"{path}: column {name!r} stands {counts[name]} times: expected it once"
            )


def _position_problems(clusters: Mapping[str, np.ndarray]) -> np.ndarray:
    """What is wrong with the position of each cluster; "" if nothing."""
    problems = np.full(len(clusters["GLON"]), "", dtype=object)
    for name, (low, high) in POSITIONS.items():
        values = clusters[name]
        for row in np.flatnonzero(~((values >= low) & (values <= high))):
            problems[row] = f"{name} = {values[row]:g}: expected {low:g} to {high:g} degrees"
    return problems
