"""Maps of the sky, HEALPix or a FITS image in any projection, and cutouts of them.

A cutout is gnomonic about its centre, north up and east to the left, whatever the map's projection.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from szmass.planck.files import open_table, read_map
from szmass.predict.files.fits_images import whole_headers
from szmass.predict.files.headers import header_unit, stated_value
from szmass.predict.files.limits import LARGEST_SKY_BYTES, UserFileError, plain_fits
from szmass.predict.files.map_units import Signal, unit_in_words
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import gnomonic_pixels
from szmass.units import ARCMIN_RAD

GALACTIC, ICRS = "galactic", "icrs"
"""Frames of positions, as astropy names them."""
FRAMES = {"G": GALACTIC, "C": ICRS}
"""By the first letter of COORDSYS; without it a map is galactic, as Planck's are."""
FULL = "FULL"
"""Column of Planck's y-maps."""
UNSEEN = 1e30
"""Values this large, of either sign, are HEALPix' mark of a pixel without data."""
FINEST_NSIDE = 8192
"""Whose pixels have numbers of 32 bits."""
NODES = 9
"""Along a side of a cutout, at which its projection is computed; splines in between."""
ORDER = 5
"""Of the splines through a map's pixels: 4e-4 of a spot's height are lost, of cubic ones 4e-3, with
three pixels a beam."""
MARGIN = 12
"""Pixels about a cutout that are read too: a spline's coefficient has no effect farther away."""
MOST_EMPTY = 0.02
"""Share of pixels that are exactly 0 in a cutout that is within the footprint."""


class SkyMap(Protocol):
    """A map of the sky, or of a part of it."""

    @property
    def frame(self) -> str:
        """Of its positions, `GALACTIC` or `ICRS`."""

    @property
    def pixel_arcmin(self) -> float:
        """Side of a pixel, or what a square of its area has."""

    @property
    def jitter_arcmin(self) -> float:
        """How far beside a cutout's pixel, along x and y, the map is read (standard deviation)."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was done for its unit, for people."""

    @property
    def read(self) -> tuple[str, ...]:
        """What was read, and its unit, in words."""

    def cutouts(self, lon_deg: np.ndarray, lat_deg: np.ndarray, grid: PixelGrid) -> np.ndarray:
        """Cutouts about positions in its frame, `(n, pixels, pixels)`; NaN without data."""

    def places(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Random positions on it, in degrees, `(count,)` each."""


@dataclass(frozen=True)
class HealpixMap:
    """A full-sky map in RING order."""

    values: np.ndarray
    nside: int
    frame: str
    notes: tuple[str, ...]
    read: tuple[str, ...]

    @property
    def pixel_arcmin(self) -> float:
        """Side of a square of a pixel's area."""
        return float(np.sqrt(4.0 * np.pi / (12 * self.nside**2)) / ARCMIN_RAD)

    @property
    def jitter_arcmin(self) -> float:
        """Of places anywhere in a square pixel, whose value is that of its centre."""
        return self.pixel_arcmin / float(np.sqrt(12.0))

    def cutouts(self, lon_deg: np.ndarray, lat_deg: np.ndarray, grid: PixelGrid) -> np.ndarray:
        """The pixels nearest to those of the cutouts, as `healpy.gnomview` has them."""
        return self.values[gnomonic_pixels(self.nside, lon_deg, lat_deg, grid)]

    def places(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Uniform on the sphere."""
        latitude = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count)))
        return rng.uniform(0.0, 360.0, count), latitude


@dataclass(frozen=True)
class ProjectedMap:
    """A FITS image of the sky: plate carrée as ACT and SO publish, zenithal as SPT, gnomonic."""

    values: np.ndarray
    """`(rows, columns)`, on disk until it is cut."""
    wcs: Any
    """`astropy.wcs.WCS` of its two axes."""
    frame: str
    notes: tuple[str, ...]
    read: tuple[str, ...]
    scale: float = 1.0
    """What its values are multiplied by to be in the survey's unit."""
    around: float | None = field(default=None)
    """Columns of a whole turn in longitude, of cylindrical projections."""

    @property
    def pixel_arcmin(self) -> float:
        """Side of a square of a pixel's area, at the projection's reference point."""
        return float(np.sqrt(self.wcs.proj_plane_pixel_area().to_value("arcmin2")))

    @property
    def jitter_arcmin(self) -> float:
        """None: cutouts are interpolated."""
        return 0.0

    def cutouts(self, lon_deg: np.ndarray, lat_deg: np.ndarray, grid: PixelGrid) -> np.ndarray:
        """Splines through the map's pixels, at those of the cutouts."""
        nodes = np.linspace(grid.axis_arcmin[0], grid.axis_arcmin[-1], NODES)
        x_arcmin, y_arcmin = np.meshgrid(nodes, nodes)
        images = np.empty((len(lon_deg), grid.pixels, grid.pixels), dtype=np.float32)
        # wcslib is not safe for threads
        places = [
            self._pixels_at(*_gnomonic(lon, lat, x_arcmin, y_arcmin))
            for lon, lat in zip(lon_deg.tolist(), lat_deg.tolist(), strict=True)
        ]

        def cut(number: int) -> None:
            images[number] = self._cut(*places[number], nodes, grid)

        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as workers:
            list(workers.map(cut, range(len(images))))
        return images

    def places(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Random pixels that have data, as far as they can be found."""
        rows, columns = self.values.shape
        row, column = rng.uniform(0, rows - 1, count), rng.uniform(0, columns - 1, count)
        there = np.array([self.values[int(y), int(x)] for y, x in zip(row, column, strict=True)])
        kept = np.isfinite(there) & (there != 0.0)
        lon, lat = self.wcs.all_pix2world(column[kept], row[kept], 0)
        on_sky = np.isfinite(lon) & np.isfinite(lat)
        return np.asarray(lon)[on_sky], np.asarray(lat)[on_sky]

    def _pixels_at(self, lon_deg: np.ndarray, lat_deg: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns and rows of positions, NaN where the projection has none."""
        try:
            column, row = self.wcs.all_world2pix(lon_deg, lat_deg, 0)
        except ValueError:
            return np.full(lon_deg.shape, np.nan), np.full(lon_deg.shape, np.nan)
        if self.around is not None:
            middle = column[NODES // 2, NODES // 2]
            column = column - self.around * np.round((column - middle) / self.around)
        return column, row

    def _cut(
        self, column: np.ndarray, row: np.ndarray, nodes: np.ndarray, grid: PixelGrid
    ) -> np.ndarray:
        from scipy.interpolate import RectBivariateSpline
        from scipy.ndimage import map_coordinates

        empty = np.full((grid.pixels, grid.pixels), np.nan, dtype=np.float32)
        if not (np.isfinite(column).all() and np.isfinite(row).all()):
            return empty
        axis = grid.axis_arcmin
        columns, rows = (
            RectBivariateSpline(nodes, nodes, place)(axis, axis) for place in (column, row)
        )
        left, bottom = (int(np.floor(place.min())) - MARGIN for place in (columns, rows))
        right, top = (int(np.ceil(place.max())) + MARGIN + 1 for place in (columns, rows))
        stamp = self._stamp(slice(bottom, top), slice(left, right))
        if stamp is None or np.mean(stamp == 0.0) > MOST_EMPTY:
            return empty
        missing, where = ~np.isfinite(stamp), [rows - bottom, columns - left]
        stamp[missing] = 0.0
        image = map_coordinates(stamp, where, order=ORDER, mode="nearest").astype(np.float32)
        if missing.any():
            image[map_coordinates(missing.astype(float), where, order=1) > 0.0] = np.nan
        return image * np.float32(self.scale)

    def _stamp(self, rows: slice, columns: slice) -> np.ndarray | None:
        """A part of the map as float64; None where it is not all on the map."""
        height, width = self.values.shape
        # what lies within the margin alone may be off the map
        inner = rows.start + MARGIN, rows.stop - MARGIN
        if inner[0] < 0 or inner[1] > height:
            return None
        taken = np.clip(np.arange(rows.start, rows.stop), 0, height - 1)
        across = np.arange(columns.start, columns.stop)
        if self.around is not None and width >= round(self.around):
            across %= round(self.around)
        elif columns.start + MARGIN < 0 or columns.stop - MARGIN > width:
            return None
        else:
            across = np.clip(across, 0, width - 1)
        if across[-1] - across[0] == len(across) - 1:
            part = self.values[taken[0] : taken[-1] + 1, across[0] : across[-1] + 1]
            part = part[taken - taken[0]]
        else:
            part = self.values[taken[0] : taken[-1] + 1][taken - taken[0]][:, across]
        return np.array(part, dtype=float)


def _gnomonic(
    lon_deg: float, lat_deg: float, x_arcmin: np.ndarray, y_arcmin: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of places on the plane that touches the sphere at a position.

    Args:
        lon_deg: of the position.
        lat_deg: likewise.
        x_arcmin: on the plane, to the right, which is west.
        y_arcmin: on the plane, north.
    """
    lon, lat = np.radians(lon_deg), np.radians(lat_deg)
    west, north = x_arcmin * ARCMIN_RAD, y_arcmin * ARCMIN_RAD
    outward = np.cos(lat) - north * np.sin(lat)
    up = np.sin(lat) + north * np.cos(lat)
    found_lon = lon - np.arctan2(west, outward)
    found_lat = np.arctan2(up, np.hypot(outward, west))
    return np.degrees(found_lon) % 360.0, np.degrees(found_lat)


@contextmanager
def open_sky(
    path: Path,
    signal: Signal,
    *,
    coarsest_arcmin: float,
    nside: int | None = None,
    hdu: str | None = None,
) -> Iterator[SkyMap]:
    """Opens a map of the sky: HEALPix in a FITS table, or a FITS image in any projection.

    Of an image only what is cut is read.

    Args:
        path: of the file, `.gz` or not.
        signal: what it shows.
        coarsest_arcmin: largest side of a pixel.
        nside: that a HEALPix map must have; without, any that is fine enough.
        hdu: number or name of the image; None: the first of the sky.

    Raises:
        PlanckFilesError, UserFileError: the file is damaged or too large, is no map of the sky, or
            has other pixels or another unit.
    """
    from astropy.io import fits

    with plain_fits(path, largest_bytes=LARGEST_SKY_BYTES) as plain:
        headers = whole_headers(path, plain, cut_table=True, of_sky=True)
        if not any(_is_image(header) for header in headers):
            if hdu is not None:
                raise UserFileError(f"{path}: HDU {hdu!r}: expected none, for a HEALPix map")
            yield _healpix(path, plain, signal, nside=nside, coarsest_arcmin=coarsest_arcmin)
            return
        with (
            plain.open("rb") as file,
            fits.open(file, memmap=True, disable_image_compression=True) as opened,
        ):
            sky = _projected(path, plain, list(opened), signal, hdu)
            if not sky.pixel_arcmin <= coarsest_arcmin:
                raise UserFileError(
                    f"{path}: pixels of {sky.pixel_arcmin:.3g}': expected at most "
                    f"{coarsest_arcmin:.3g}', a quarter of the beam"
                )
            yield sky


def _is_image(header: Any) -> bool:
    kind = str(header.get("XTENSION", "IMAGE")).strip()
    return kind == "IMAGE" and isinstance(header.get("NAXIS"), int) and header["NAXIS"] >= 2


def _healpix(
    path: Path, plain: Path, signal: Signal, *, nside: int | None, coarsest_arcmin: float
) -> HealpixMap:
    """A map as Planck's are: column FULL, or the first, of the first table; NaN without data."""
    require_columns_once(path, plain, [FULL])
    header, rows = open_table(plain)
    names = list(rows.dtype.names or ())
    name = FULL if FULL in names or nside is not None or not names else names[0]
    frame = str(header.get("COORDSYS", "GALACTIC")).strip().upper()
    if frame[:1] not in FRAMES:
        raise UserFileError(f"{path}: COORDSYS = {frame!r}: expected GALACTIC or CELESTIAL (C)")
    scheme = str(header.get("INDXSCHM", "IMPLICIT")).strip().upper()
    if scheme != "IMPLICIT":
        raise UserFileError(
            f"{path}: INDXSCHM = {scheme!r}: expected IMPLICIT, a map of the whole sky"
        )
    if nside is None:
        nside = _fine_nside(path, header.get("NSIDE"), coarsest_arcmin)
    sky = read_map(plain, name, nside)
    sky[np.abs(sky) >= UNSEEN] = np.nan
    key = unit_key(header, name)
    values, notes = signal.converts(sky, key, header.get(key))
    read = f"column {name} of {path}", unit_in_words(key, header.get(key), signal)
    return HealpixMap(values, nside, FRAMES[frame[:1]], notes, read)


def _fine_nside(path: Path, stated: object, coarsest_arcmin: float) -> int:
    """The Nside that a header states, of pixels that cutouts can be made from."""
    if isinstance(stated, int) and FINEST_NSIDE >= stated > 0:
        side_arcmin = np.sqrt(4.0 * np.pi / (12 * stated**2)) / ARCMIN_RAD
        if side_arcmin <= coarsest_arcmin:
            return stated
    raise UserFileError(
        f"{path}: NSIDE = {stated!r}: expected pixels of at most {coarsest_arcmin:g}', as NSIDE = "
        f"2048 has of 1.7', and at most {FINEST_NSIDE}"
    )


def unit_key(header: Mapping[str, Any], name: str) -> str:
    """The keyword of a column's unit; the first column's where it is not among TTYPE."""
    columns = {
        str(value).strip().upper(): key.removeprefix("TTYPE")
        for key, value in header.items()
        if key.startswith("TTYPE")
    }
    return f"TUNIT{columns.get(name.upper(), '1')}"


def require_columns_once(path: Path, plain: Path, names: Iterable[str]) -> None:
    """Requires columns once in the first table; upper and lower case are one in FITS."""
    headers = whole_headers(path, plain, cut_table=True)
    table = headers[1] if len(headers) > 1 else {}
    counts = Counter(str(table[key]).strip().upper() for key in table if key.startswith("TTYPE"))
    for name in names:
        if counts[name] > 1:
            raise UserFileError(
                f"{path}: column {name!r} stands {counts[name]} times: expected it once"
            )


def _projected(
    path: Path, plain: Path, parts: list[Any], signal: Signal, hdu: str | None
) -> ProjectedMap:
    number, part = _image(path, parts, hdu)
    wcs, frame = _wcs(path, part.header)
    unit, key = header_unit(part.header)
    scale, notes = signal.converts(1.0, key, unit)
    shape = part.shape[-2:]
    if {"BSCALE", "BZERO"} & set(part.header):
        values = np.asarray(part.data).reshape(shape)  # astropy reads a scaled image whole
    else:
        bits = int(part.header["BITPIX"])
        dtype = np.dtype(f">{'f' if bits < 0 else 'i'}{abs(bits) // 8}")
        offset = part.fileinfo()["datLoc"]
        values = np.memmap(plain, dtype, mode="r", offset=offset, shape=shape)
    return ProjectedMap(
        values=values,
        wcs=wcs,
        frame=frame,
        notes=notes,
        read=(f"HDU {number} of {path}", unit_in_words(key, unit, signal)),
        scale=float(scale),
        around=_around(wcs),
    )


def _image(path: Path, parts: list[Any], hdu: str | None) -> tuple[int, Any]:
    """Number and part of the map: a plane, or a cube of one plane, or of I, Q and U the first."""
    images = [
        (number, part)
        for number, part in enumerate(parts)
        if part.is_image and len(part.shape) >= 2 and np.prod(part.shape[:-2], dtype=int) == 1
    ]
    if hdu is not None:
        named = {str(hdu).strip().upper()}
        images = [(n, p) for n, p in images if {str(n), p.name.upper()} & named]
    if not images:
        shapes = ", ".join(f"HDU {n} {p.shape}" for n, p in enumerate(parts) if p.is_image)
        raise UserFileError(f"{path}: {shapes or 'no image'}: expected an image of the sky")
    return images[0]


def _wcs(path: Path, header: Any) -> tuple[Any, str]:
    """The projection of a header, and the frame of its positions."""
    from astropy.wcs import WCS, WcsError

    ctype = stated_value(header, "CTYPE1"), stated_value(header, "CTYPE2")
    expected = f"CTYPE1, CTYPE2 = {ctype}: expected a WCS of the sky, as RA---CAR, DEC--CAR"
    try:
        wcs = WCS(header)
    except (WcsError, ValueError) as error:
        raise UserFileError(f"{path}: {expected} ({error})") from error
    if not wcs.has_celestial:
        raise UserFileError(f"{path}: {expected}")
    wcs = wcs.celestial
    kind = str(wcs.wcs.lngtyp).strip().upper()
    if kind not in {"RA", "GLON"}:
        raise UserFileError(f"{path}: CTYPE1 = {wcs.wcs.ctype[0]!r}: expected RA or GLON")
    return wcs, GALACTIC if kind == "GLON" else ICRS


def _around(wcs: Any) -> float | None:
    """Columns of 360 degrees, where longitude is even along a row (plate carrée, Mercator, ...)."""
    if str(wcs.wcs.ctype[0])[-3:] not in {"CAR", "CEA", "MER", "CYP"}:
        return None
    return float(360.0 / abs(wcs.pixel_scale_matrix[0, 0]))
