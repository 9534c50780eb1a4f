"""Maps as Python has them: arrays, NDData, tables of files, and names of files."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.command import PredictionError
from szmass.predict.files.centres import Centre
from szmass.predict.files.headers import REDSHIFT_KEYS, header_pixel, header_redshift
from szmass.predict.files.map_tables import (
    FILE,
    NAME,
    REDSHIFT,
    known_column,
    read_table,
    unused_columns,
)
from szmass.predict.files.map_units import Signal, Y, unit_in_words
from szmass.predict.files.user_maps import UserMap, read_user_maps

if TYPE_CHECKING:
    from astropy.nddata import NDData
    from astropy.table import Table

    Maps = np.ndarray | NDData | Table | str | Path | Sequence[str | Path | NDData]
    """What `szmass.weigh` takes as maps."""

TABLE_ENDING = ".csv"


def maps_of(
    maps: Any, *, hdu: str | None, centre: Centre | None, signal: Signal = Y
) -> Iterator[UserMap]:
    """The maps of an array, an NDData, a table of files, a file, or a sequence of these.

    Args:
        maps: as `szmass.weigh` takes them.
        hdu: number or name of the part of FITS files that has the map.
        centre: where the cluster is in each map; None: at its centre.
        signal: what the maps show.

    Raises:
        PredictionError: it is none of these, or a row of a table has no map.
        UserFileError: a file cannot be read.
    """
    if isinstance(maps, str | Path):
        yield from _of_path(Path(maps), hdu, centre, signal)
    elif _is_of("astropy.table", "Table", maps):
        yield from _of_table(maps, hdu, centre, signal)
    elif _is_of("astropy.nddata", "NDData", maps):
        yield from _of_nddata("map", maps, hdu, centre, signal)
    elif isinstance(maps, Sequence) and any(_is_named(one) for one in maps):
        for number, one in enumerate(maps):
            if isinstance(one, str | Path):
                yield from _of_path(Path(one), hdu, centre, signal)
            elif _is_named(one):
                yield from _of_nddata(f"map {number}", one, hdu, centre, signal)
            else:
                raise PredictionError(
                    f"map {number} is a {type(one).__name__}: expected a file or an NDData"
                )
    elif isinstance(maps, Sequence) and not maps:
        return
    else:
        yield from _of_array(maps, hdu, centre, signal)


def _is_named(one: object) -> bool:
    return isinstance(one, str | Path) or _is_of("astropy.nddata", "NDData", one)


def _is_of(module: str, name: str, one: object) -> bool:
    """Whether an object is of a class of a module that is imported; else it cannot be."""
    found = sys.modules.get(module)
    return found is not None and isinstance(one, getattr(found, name))


def _of_path(
    path: Path, hdu: str | None, centre: Centre | None, signal: Signal
) -> Iterator[UserMap]:
    """The maps of a file, or of the files that a CSV table names."""
    if path.suffix.lower() != TABLE_ENDING:
        yield from read_user_maps(path, hdu=hdu, centre=centre, signal=signal)
        return
    table = read_table(path)
    for row in table.rows:
        if row.problem:
            raise PredictionError(f"{row.label}: {row.problem}")
        found = read_user_maps(row.file, hdu=hdu, centre=centre, signal=signal)
        yield from _of_row(found, row.name, row.redshift, path, table.warnings)


def _of_table(
    table: Table, hdu: str | None, centre: Centre | None, signal: Signal
) -> Iterator[UserMap]:
    columns = {known_column(name): table[name] for name in table.colnames}
    if FILE not in columns:
        raise PredictionError(f"the table has no column {FILE!r}; it has {', '.join(columns)}")
    warnings = tuple(unused_columns("the table", columns))

    def value(name: str, row: int) -> Any:
        found = columns[name][row] if name in columns else None
        return None if np.ma.is_masked(found) else found

    for row in range(len(table)):
        found = read_user_maps(Path(str(value(FILE, row))), hdu=hdu, centre=centre, signal=signal)
        yield from _of_row(
            found, str(value(NAME, row) or ""), value(REDSHIFT, row), "the table", warnings
        )


def _of_row(
    maps: Iterator[UserMap],
    name: str,
    redshift: object,
    table: Path | str,
    warnings: Sequence[str],
) -> Iterator[UserMap]:
    """The maps of a row of a table, with its name and its redshift."""
    for found in maps:
        told = found.with_redshift(redshift, f"column {REDSHIFT} of {table}")
        yield replace(told, label=name or found.label, warnings=(*told.warnings, *warnings))


def _of_nddata(
    label: str, data: NDData, hdu: str | None, centre: Centre | None, signal: Signal
) -> Iterator[UserMap]:
    """The maps of an NDData or CCDData, with what its unit, WCS and header say."""
    from astropy.io import fits

    try:
        header = None if data.wcs is None else _wcs_header(data.wcs)
        shape = np.shape(data.data)
        place = None if centre is None else centre.pixel(header)
        pixel_arcmin, key = (None, "")
        if header is not None:
            pixel_arcmin, key = header_pixel(header, shape, place)
        stated = {str(name).upper(): value for name, value in (data.meta or {}).items()}
        known = {name: stated[name] for name in REDSHIFT_KEYS if name in stated}
        redshift, redshift_key = header_redshift(fits.Header(known))
    except SzmassError as error:
        raise PredictionError(f"{label}: {error}") from error
    images = data.data if data.mask is None else np.ma.array(data.data, mask=data.mask)
    for found in _of_array(images, hdu, None, signal, data.unit, label):
        yield replace(
            found,
            pixel_arcmin=pixel_arcmin,
            pixel_key=key,
            redshift=redshift,
            redshift_key=redshift_key,
            centre=place,
        )


def _wcs_header(wcs: Any) -> Any:
    """The FITS header of a WCS of astropy's, of whatever NDData has wrapped it in."""
    plain = getattr(wcs, "low_level_wcs", wcs)
    if not hasattr(plain, "to_header"):
        raise SzmassError(f"wcs is a {type(plain).__name__}: expected an astropy.wcs.WCS")
    return plain.to_header()


def _of_array(
    maps: Any,
    hdu: str | None,
    centre: Centre | None,
    signal: Signal,
    unit: object = None,
    label: str = "",
) -> Iterator[UserMap]:
    """The maps of an array; its unit is that of a Quantity or of a DataArray, if none is given."""
    if hdu is not None:
        raise PredictionError(f"HDU {hdu!r}: expected a FITS file")
    if unit is None:  # which numpy would drop
        unit = getattr(maps, "unit", None) or getattr(maps, "attrs", {}).get("units")
    images, notes = signal.converts(np.ma.asanyarray(getattr(maps, "value", maps)), "unit", unit)
    if images.ndim not in {2, 3}:
        raise PredictionError(
            f"maps of shape {images.shape}: expected (pixels, pixels) or (n, pixels, pixels)"
        )
    place = None if centre is None else centre.pixel(None)
    one_label = label if label and images.ndim == 2 else ""
    for row, image in enumerate(images if images.ndim == 3 else images[None]):
        yield UserMap(
            one_label or (f"{label}, row {row}" if label else f"map {row}"),
            image,
            None,
            None,
            notes=notes,
            read=("array", unit_in_words("unit", unit, signal)),
            centre=place,
        )
