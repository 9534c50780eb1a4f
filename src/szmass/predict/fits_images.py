"""The map in a FITS file, or an error where it is not plain which image that is."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.headers import FileContent, header_pixel, header_redshift, in_y, stated_value
from szmass.predict.limits import (
    LARGEST_FILE_BYTES,
    plain_fits,
    require_chunk,
    require_maps,
)

MOST_PARTS = 100
"""A FITS file has few; a damaged one may seem to have a hundred thousand."""
MOST_CLAIMED = 999
"""Axes of an image, and columns of a table, in the FITS standard."""
AS_READ = np.dtype(np.float64)
"""What the pixels become, at most, when BSCALE and BZERO are applied."""


def read_fits_image(path: Path) -> FileContent:
    """The map, or row of maps, of a FITS file, `.gz` or not.

    The pixels' side comes from CDELT (and PC) or CD, the redshift from REDSHIFT or Z, the unit
    from BUNIT. What lies behind the last part that can be read is not looked at.

    Raises:
        UserFileError: the file is damaged or too large, no image or more than one can be the map,
            or what the header says cannot be used.
    """
    from astropy.io import fits

    with plain_fits(path, largest_bytes=LARGEST_FILE_BYTES) as plain, ExitStack() as stack:
        readable_header(path, plain, 0)
        file = stack.enter_context(plain.open("rb"))  # astropy leaves it open when it fails
        opened = stack.enter_context(fits.open(file, memmap=False))
        part, notes = _map_part(_whole_parts(path, plain, opened))
        require_maps(path, part.shape, AS_READ)
        if isinstance(part, fits.CompImageHDU):
            require_chunk(path, part.tile_shape, AS_READ.itemsize)
        if part.verify_datasum() == 0:
            raise SzmassError("DATASUM is not that of the pixels: the file is damaged")
        header = part.header
        pixel_arcmin, scale = header_pixel(header)
        if pixel_arcmin is not None:
            notes += (f"pixels of {pixel_arcmin:.4g}' ({scale})",)
        redshift, key = header_redshift(header)
        data = np.asarray(part.data)
        native = data.astype(data.dtype.newbyteorder("="), copy=False)
        images, conversion = in_y(native, "BUNIT", stated_value(header, "BUNIT"))
    return FileContent(images, pixel_arcmin, redshift, key, notes + conversion)


def readable_header(path: Path, plain: Path, start: int) -> Mapping[str, Any] | None:
    """The header at a byte of a FITS file, once it claims nothing that astropy would choke on.

    astropy makes a list of as many axes and columns as a header claims, and to find the next part
    goes to the end of this one, which beyond what a file can have is an `Invalid argument`.

    Args:
        path: what the user calls the file.
        plain: the file, without compression.
        start: of the header.

    Returns:
        The header; None where there is none, as behind the last part.

    Raises:
        SzmassError: it claims more than FITS allows, or an image above the limits.
    """
    from astropy.io import fits

    with plain.open("rb") as file:
        file.seek(start)
        try:
            header = fits.Header.fromfile(file)
        except (OSError, ValueError, EOFError):
            return None
    for key in ("NAXIS", "TFIELDS"):
        count = header.get(key, 0)
        if not isinstance(count, int) or not 0 <= count <= MOST_CLAIMED:
            raise SzmassError(f"{key} = {count!r}: expected 0 to {MOST_CLAIMED}")
    shape = [header.get(f"NAXIS{axis}") for axis in range(header.get("NAXIS", 0), 0, -1)]
    is_image = str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE"
    is_counted = all(isinstance(length, int) and length > 0 for length in shape)
    if is_image and is_counted and len(shape) in {2, 3}:
        require_maps(path, shape, AS_READ)
    return header


def part_end(part: Any) -> int:
    """The byte behind a part of an open FITS file, as its header claims."""
    where = part.fileinfo()
    return int(where["datLoc"] + where["datSpan"])


def _whole_parts(path: Path, plain: Path, opened: Any) -> list[Any]:
    """The parts of an open FITS file, each of which lies in the file; astropy only warns."""
    parts: list[Any] = []
    size = plain.stat().st_size
    for part in opened:
        if len(parts) == MOST_PARTS:
            raise SzmassError(f"more than {MOST_PARTS} parts: expected a file with one image")
        end = part_end(part)
        if size < end:
            raise SzmassError(
                f"damaged or cut short: HDU {len(parts)} ends at byte {end}, the file at {size}"
            )
        parts.append(part)
        readable_header(path, plain, end)  # before astropy reads it
    return parts


def _map_part(parts: list[Any]) -> tuple[Any, tuple[str, ...]]:
    """The part that is the map, and a note where it was chosen among several images."""
    images = [
        (number, part)
        for number, part in enumerate(parts)
        if part.is_image and part.shape and min(part.shape) > 0
    ]
    if not images:
        raise SzmassError("no image in it (a full-sky map is given as --ymap)")
    if len(images) == 1:
        return images[0][1], ()
    square = [(number, part) for number, part in images if _is_square(part.shape)]
    if len(square) == 1:
        ((number, part),) = square
        return part, (f"HDU {number} ({part.name}), the only square image of {len(images)}",)
    listed = ", ".join(
        f"HDU {number} {part.name} ({' x '.join(map(str, part.shape))})" for number, part in images
    )
    raise SzmassError(
        f"{len(images)} images, {len(square)} of them square: {listed}: expected one that can be "
        "the map; save it alone"
    )


def _is_square(shape: tuple[int, ...]) -> bool:
    return len(shape) in {2, 3} and shape[-1] == shape[-2]
