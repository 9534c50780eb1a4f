"""The map in a FITS file, or an error where it is not plain which image that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.files import replacing_file
from szmass.predict.files.centres import Centre
from szmass.predict.files.headers import (
    FileContent,
    header_pixel,
    header_redshift,
    header_unit,
    stated_value,
)
from szmass.predict.files.limits import LARGEST_FILE_BYTES, plain_fits, require_maps
from szmass.predict.files.map_units import Signal, Y, unit_in_words

MOST_PARTS = 100
"""A FITS file has few; a damaged one may seem to have a hundred thousand."""
BLOCK = 2880  # bytes that every part of a FITS file is a multiple of
MOST_CLAIMED = 999
"""Axes of an image, and columns of a table, in the FITS standard."""
AS_READ = np.dtype(np.float64)
"""What the pixels become, at most, when BSCALE and BZERO are applied."""


def read_fits_image(
    path: Path, hdu: str | None = None, centre: Centre | None = None, signal: Signal = Y
) -> FileContent:
    """The map, or row of maps, of a FITS file, `.gz` or not.

    The pixels' side comes from CDELT (and PC) or CD, the redshift from REDSHIFT or Z, the unit
    from BUNIT, UNITS or UNIT; what an extension does not say may stand in a first header that has
    no image of its own. What lies behind the last part that can be read is not looked at.

    Args:
        path: of the file.
        hdu: number or name of the part with the map; None: the only image, or only square one.
        centre: where the cluster is; None: at the image's centre.
        signal: what the map shows.

    Raises:
        UserFileError: the file is damaged or too large, no image or more than one can be the map,
            or what the header says cannot be used.
    """
    from astropy.io import fits

    with plain_fits(path, largest_bytes=LARGEST_FILE_BYTES) as plain, ExitStack() as stack:
        whole_headers(path, plain)
        file = stack.enter_context(plain.open("rb"))  # astropy leaves it open when it fails
        opened = stack.enter_context(fits.open(file, memmap=False, disable_image_compression=True))
        number, part, notes = _map_part(list(opened), hdu)
        require_maps(path, part.shape, AS_READ)
        if part.verify_datasum() == 0:
            raise SzmassError("DATASUM is not that of the pixels: the file is damaged")
        _require_row_of_maps(part.header)
        first = opened[0]
        headers = [part.header] if first is part or first.shape else [part.header, first.header]
        place = None if centre is None else centre.pixel(_with_wcs(headers))
        read_pixel = partial(header_pixel, shape=part.shape, centre=place)
        pixel_arcmin, scale = _said(read_pixel, headers)
        if pixel_arcmin is not None:
            notes += (f"pixels of {pixel_arcmin:.4g}' ({scale})",)
        redshift, redshift_key = _said(header_redshift, headers)
        unit, unit_key = _said(header_unit, headers)
        data = np.asarray(part.data)
        native = data.astype(data.dtype.newbyteorder("="), copy=False)
        images, conversion = signal.converts(native, unit_key, unit)
    return FileContent(
        images,
        pixel_arcmin,
        redshift,
        redshift_key,
        notes + conversion,
        part=_called(number, part),
        pixel_key=scale,
        unit=unit_in_words(unit_key, unit, signal),
        centre=place,
    )


def _with_wcs(headers: Sequence[Any]) -> Any:
    """The first header that has a reference pixel; else the image's own."""
    return next((header for header in headers if "CRPIX1" in header), headers[0])


def _said(read: Callable[[Any], tuple[Any, str]], headers: Sequence[Any]) -> tuple[Any, str]:
    """The value, and its keyword, from the first header that has it; else the last's."""
    for header in headers:
        value, key = read(header)
        if value is not None:
            break
    return value, key


def _require_row_of_maps(header: Any) -> None:
    """Requires that the planes of a cube are maps, and not frequencies or polarisations."""
    kind = str(stated_value(header, "CTYPE3") or "").strip()
    if kind and header.get("NAXIS3", 1) != 1:
        raise SzmassError(f"CTYPE3 = {kind!r}: expected one map, or a row of maps without CTYPE3")


def write_image(path: Path, image: np.ndarray, header: Mapping[str, Any]) -> None:
    """Writes a FITS file with one image.

    Args:
        path: replaced.
        image: its pixels.
        header: values by keyword, or values with a comment.
    """
    from astropy.io import fits

    part = fits.PrimaryHDU(image)
    part.header.update(header)
    with replacing_file(path) as unfinished:
        part.writeto(unfinished, overwrite=True)


def header_number(path: Path, key: str) -> float:
    """A number in the first header of a FITS file that szmass wrote."""
    from astropy.io import fits

    return float(fits.getval(path, key))


def whole_headers(
    path: Path, plain: Path, *, cut_table: bool = False, of_sky: bool = False
) -> list[Any]:
    """The headers of a FITS file, of parts that lie in it and claim what can be read.

    astropy only warns of a file that is cut short, makes a list of as many axes and columns as a
    header claims, and to find the next part goes to the end of this one wherever that would be.

    Args:
        path: what the user calls the file.
        plain: the file, without compression.
        cut_table: a table at the end may be cut short, of which its reader says more.
        of_sky: an image is a map of the sky, whose reader takes parts of it alone.

    Returns:
        As many as can be read; what lies behind them is no part of the file.

    Raises:
        SzmassError: a part is cut short, above the limits or compressed, or there are too many.
    """
    from astropy.io import fits

    headers: list[Any] = []
    size = plain.stat().st_size
    with plain.open("rb") as file:
        while file.tell() < size:
            try:
                header = fits.Header.fromfile(file)
            except (OSError, ValueError, EOFError):
                if not headers:
                    raise
                break
            span = _data_bytes(path, header, of_sky=of_sky)
            end = file.tell() + span + -span % BLOCK
            number = len(headers)
            if size < end and not (cut_table and "TFIELDS" in header):
                raise SzmassError(
                    f"damaged or cut short: HDU {number} ends at byte {end}, the file at {size}"
                )
            if header.get("ZIMAGE", False):  # a damaged one ends astropy's decoder, and Python
                raise SzmassError(
                    f"HDU {number} is a tile-compressed image: expected a plain one, as funpack "
                    "makes it"
                )
            if number == MOST_PARTS:
                raise SzmassError(f"more than {MOST_PARTS} parts: expected a file with one image")
            headers.append(header)
            file.seek(end)
    return headers


def _data_bytes(path: Path, header: Any, *, of_sky: bool) -> int:
    """The bytes that the pixels or rows of a part take, |BITPIX| GCOUNT (PCOUNT + N1 N2 ...) / 8.

    An image among them is within the limits, unless it is one of the sky.
    """
    axes = _whole_number(header, "NAXIS", lowest=0, highest=MOST_CLAIMED)
    _whole_number(header, "TFIELDS", absent=0, lowest=0, highest=MOST_CLAIMED)
    shape = [_whole_number(header, f"NAXIS{axis}", lowest=0) for axis in range(axes, 0, -1)]
    if not shape:
        return 0
    is_image = str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE"
    if is_image and not of_sky and len(shape) in {2, 3} and min(shape) > 0:
        require_maps(path, shape, AS_READ)
    bits = abs(_whole_number(header, "BITPIX"))
    groups = _whole_number(header, "GCOUNT", absent=1, lowest=0)
    return (
        bits
        * groups
        * (_whole_number(header, "PCOUNT", absent=0, lowest=0) + math.prod(shape))
        // 8
    )


def _whole_number(
    header: Any,
    key: str,
    *,
    absent: int | None = None,
    lowest: float = -math.inf,
    highest: float = math.inf,
) -> int:
    """A whole number that a header states, or has to state where `absent` is None."""
    stated = stated_value(header, key)
    value = absent if stated is None else stated
    if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
        bounds = "" if lowest == -math.inf else f" from {lowest:g} to {highest:g}"
        raise SzmassError(f"{key} = {value!r}: expected a whole number{bounds}")
    return value


def _map_part(parts: list[Any], hdu: str | None) -> tuple[int, Any, tuple[str, ...]]:
    """Number and part of the map, and a note where it was chosen among several images."""
    images = [
        (number, part)
        for number, part in enumerate(parts)
        if part.is_image and part.shape and min(part.shape) > 0
    ]
    if hdu is not None:
        number, part = _named_part(parts, images, hdu)
        return number, part, (f"{_called(number, part)}, as --hdu says",)
    if not images:
        raise SzmassError("no image in it (a full-sky map is given as --ymap)")
    if len(images) == 1:
        return *images[0], ()
    square = [(number, part) for number, part in images if _is_square(part.shape)]
    if len(square) == 1:
        ((number, part),) = square
        note = f"{_called(number, part)}, the only square image of {len(images)}"
        return number, part, (note,)
    raise SzmassError(
        f"{len(images)} images, {len(square)} of them square: {_listed(images)}: expected one that "
        "can be the map; name it: --hdu N or NAME"
    )


def _named_part(parts: list[Any], images: list[tuple[int, Any]], hdu: str) -> tuple[int, Any]:
    """The image of a number, or of a name in any case."""
    name = hdu.strip()
    named = [
        (number, part)
        for number, part in enumerate(parts)
        if name == str(number) or name.upper() == part.name.upper()
    ]
    found = [one for one in images if one in named]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} images" if found else "no image" if named else "not there"
    has = _listed(images) or "no image"
    raise SzmassError(f"HDU {hdu!r}: {what}: expected one; the file has {has}")


def _listed(images: list[tuple[int, Any]]) -> str:
    return ", ".join(
        f"HDU {number} {part.name} ({' x '.join(map(str, part.shape))})" for number, part in images
    )


def _called(number: int, part: Any) -> str:
    """A part for people."""
    return f"HDU {number} ({part.name})" if part.name else f"HDU {number}"


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) in {2, 3} and shape[-1] == shape[-2]
