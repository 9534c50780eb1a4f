"""Cutouts of a user's map of the sky at the clusters of a catalogue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from szmass.planck.files import column, open_table
from szmass.predict.cutouts import COARSEST, PLANCK_BEAM_ARCMIN
from szmass.predict.files.limits import LARGEST_FILE_BYTES, UserFileError, plain_fits
from szmass.predict.files.map_units import Signal, Y
from szmass.predict.files.sky_maps import (
    GALACTIC,
    ICRS,
    open_sky,
    require_columns_once,
    unit_key,
)
from szmass.predict.files.user_maps import UserMap
from szmass.sky.grid import PixelGrid

POSITIONS = {
    GALACTIC: {"GLON": (0.0, 360.0), "GLAT": (-90.0, 90.0)},
    ICRS: {"RA": (0.0, 360.0), "DEC": (-90.0, 90.0)},
}
"""Columns of a catalogue by the frame of their positions, and where on the sky they end, in
degrees."""
NAMES = ("NAME", "ID")
REDSHIFTS = ("REDSHIFT", "Z")
DEGREES = ("", "deg", "degree", "degrees")
CUTOUTS_AT_ONCE = 64
OWN = 1.02
"""Times the cutouts' own pixel, which a map's may be whatever the beam."""
OFF_THE_MAP = "not on the map (of every band), or at its edge, or where it has no data"


@dataclass(frozen=True)
class Catalogue:
    """Clusters with their positions."""

    names: list[str]
    frame: str
    lon_deg: np.ndarray
    lat_deg: np.ndarray
    redshift: np.ndarray
    problems: np.ndarray
    """What is wrong with the position of each; "" if nothing."""
    redshift_key: str

    def positions(self, frame: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Longitudes and latitudes of some of the clusters, in degrees of a frame."""
        lon, lat = self.lon_deg[rows], self.lat_deg[rows]
        if frame == self.frame or not len(rows):
            return lon, lat
        from astropy.coordinates import SkyCoord

        there = SkyCoord(lon, lat, unit="deg", frame=self.frame).transform_to(frame)
        return there.spherical.lon.deg, there.spherical.lat.deg


def cut_catalogue(
    skies: Sequence[Path],
    catalogue: Path,
    *,
    nside: int | None,
    grid: PixelGrid,
    beam_fwhm_arcmin: float = PLANCK_BEAM_ARCMIN,
    signal: Signal = Y,
    hdu: str | None = None,
) -> Iterator[tuple[str, UserMap]]:
    """Cutouts of maps of the sky at the clusters of a catalogue, each with its name.

    Args:
        skies: one a band; HEALPix map in the layout of Planck's, or an image in any projection;
            `.gz` or not. Of several, a cluster's map is `(bands, pixels, pixels)`.
        catalogue: FITS table with the columns GLON and GLAT, or RA and DEC, in degrees, REDSHIFT
            and NAME; likewise.
        nside: that a HEALPix map must have; without, any with pixels that are fine enough.
        grid: of the cutouts.
        beam_fwhm_arcmin: of the map, whose pixels are at most `COARSEST` of it.
        signal: what the map shows.
        hdu: number or name of the map, where a file has several.

    Raises:
        PlanckFilesError, UserFileError: one of the files cannot be read, or is not what is
            expected.
    """
    clusters = read_catalogue(catalogue)
    placed = np.flatnonzero(clusters.problems == "")
    count, empty = len(clusters.names), 0
    coarsest = max(COARSEST * beam_fwhm_arcmin, OWN * grid.pixel_arcmin)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(
                open_sky(path, signal, coarsest_arcmin=coarsest, nside=nside, hdu=hdu)
            )
            for path in skies
        ]
        for start in range(0, count, CUTOUTS_AT_ONCE):
            rows = range(start, min(start + CUTOUTS_AT_ONCE, count))
            here = placed[(placed >= rows.start) & (placed < rows.stop)]
            bands = [sky.cutouts(*clusters.positions(sky.frame, here), grid) for sky in opened]
            cut = bands[0] if len(bands) == 1 else np.stack(bands, axis=1)
            cutouts = dict(zip(here.tolist(), cut, strict=True))
            equatorial = np.stack(clusters.positions(ICRS, here), axis=1).tolist()
            places = {
                row: (ra, dec) for row, (ra, dec) in zip(here.tolist(), equatorial, strict=True)
            }
            for row in rows:
                name, redshift = clusters.names[row], float(clusters.redshift[row])
                image, problem = cutouts.get(row, np.empty((0, 0))), clusters.problems[row]
                if image.size and np.isnan(image).all(axis=(-2, -1)).any():
                    empty += 1
                    problem = OFF_THE_MAP
                    if empty == count and count > 1:
                        problem += _other_frame(clusters)
                yield (
                    name or f"row {row}",
                    UserMap(
                        f"{catalogue}, row {row} ({name})",
                        image,
                        grid.pixel_arcmin,
                        None if redshift == -1 else redshift,  # PSZ2 has -1 where it is unknown
                        f"column {clusters.redshift_key}",
                        opened[0].notes,
                        problem=problem,
                        read=opened[0].read,
                        pixel_key="of the cutout",
                        position_deg=places.get(row),
                    ),
                )


def _other_frame(clusters: Catalogue) -> str:
    """A hint where no cluster is on the map: the positions may be in the other frame."""
    columns = ", ".join(POSITIONS[clusters.frame])
    other = ICRS if clusters.frame == GALACTIC else GALACTIC
    return f"; none of the catalogue is: are {columns} in truth {other}?"


def read_catalogue(path: Path) -> Catalogue:
    """The clusters of a FITS table.

    Raises:
        PlanckFilesError, UserFileError: it cannot be read, or a column is missing or no number.
    """
    with plain_fits(path, largest_bytes=LARGEST_FILE_BYTES) as plain:
        known = {*NAMES, *REDSHIFTS, *(name for frame in POSITIONS.values() for name in frame)}
        require_columns_once(path, plain, sorted(known))
        header, rows = open_table(plain)
        spelt = {str(name).upper(): str(name) for name in rows.dtype.names or ()}
        frame = ICRS if set(POSITIONS[ICRS]) <= set(spelt) else GALACTIC
        if set(POSITIONS[GALACTIC]) <= set(spelt):
            frame = GALACTIC
        key = next((name for name in REDSHIFTS if name in spelt), REDSHIFTS[0])
        called = next((name for name in NAMES if name in spelt), None)
        positions = [_numbers(path, plain, header, rows, spelt, name) for name in POSITIONS[frame]]
        redshift = _numbers(path, plain, header, rows, spelt, key)
        if not len(redshift):
            raise UserFileError(f"{path}: the catalogue is empty: expected a row a cluster")
        names = [""] * len(redshift)
        if called is not None:
            names = [str(name).strip() for name in column(plain, rows, spelt[called])]
    lon, lat = positions
    return Catalogue(names, frame, lon, lat, redshift, _position_problems(frame, lon, lat), key)


def _numbers(
    path: Path,
    plain: Path,
    header: Mapping[str, Any],
    rows: Any,
    spelt: Mapping[str, str],
    name: str,
) -> np.ndarray:
    """A column of numbers, positions among them in degrees."""
    values = column(plain, rows, spelt.get(name, name))
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise UserFileError(f"{path}: column {name!r}: expected a number a row")
    key = unit_key(header, name)
    unit = str(header.get(key, "")).strip()
    if name not in REDSHIFTS and unit.lower() not in DEGREES:
        raise UserFileError(f"{path}: {key} = {unit!r}: expected {name} in deg")
    return values.astype(np.float64)


def _position_problems(frame: str, lon_deg: np.ndarray, lat_deg: np.ndarray) -> np.ndarray:
    """What is wrong with the position of each cluster; "" if nothing."""
    problems = np.full(len(lon_deg), "", dtype=object)
    ends = POSITIONS[frame].items()
    for (name, (low, high)), values in zip(ends, (lon_deg, lat_deg), strict=True):
        for row in np.flatnonzero(~((values >= low) & (values <= high))):
            problems[row] = f"{name} = {values[row]:g}: expected {low:g} to {high:g} degrees"
    return problems
