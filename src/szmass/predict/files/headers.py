"""What a file says of its maps besides their pixels: the pixels' side, the redshift, the unit."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from szmass.errors import SzmassError

REDSHIFT_KEYS = ("REDSHIFT", "Z")
UNIT_KEYS = ("BUNIT", "UNITS", "UNIT")
SQUARE = 1e-3
"""By how much the sides of a square pixel may differ, relatively."""
FARTHEST_DEG = 5.0
"""Largest distance between a map's centre and the centre of its projection. Beyond it the pixels of
a plate carrée, for example, are more than half a percent narrower than the header says."""


@dataclass(frozen=True)
class FileContent:
    """The maps of a file, and what the file says of them."""

    images: np.ndarray
    """One map, or a row of them."""
    pixel_arcmin: float | None
    """None where the file does not say."""
    redshift: Any = None
    """One, or one a map; None where the file does not say."""
    redshift_key: str = ""
    """Where the file says it."""
    notes: tuple[str, ...] = ()
    """What was taken from the file beside the maps, for people."""
    part: str = "array"
    """The part of the file that has the maps."""
    pixel_key: str = ""
    """Where the file says the pixels' side."""
    unit: str = ""
    """The unit that the file states and where, in words."""
    centre: tuple[float, float] | None = None
    """Column and row of the cluster, where it is not at the maps' centre."""


def header_redshift(header: Mapping[str, Any]) -> tuple[object, str]:
    """The redshift in a FITS header, and its keyword; None where there is none.

    Keywords that contradict each other give a text that is no redshift and says so.
    """
    stated = {key: stated_value(header, key) for key in REDSHIFT_KEYS}
    values = {key: value for key, value in stated.items() if value is not None}
    if len(values) > 1 and len(set(map(str, values.values()))) > 1:
        return " or ".join(f"{value} ({key})" for key, value in values.items()), ""
    return next(((value, key) for key, value in values.items()), (None, ""))


def header_unit(header: Mapping[str, Any]) -> tuple[object, str]:
    """The unit that a FITS header states, and its keyword; None where there is none."""
    stated = ((stated_value(header, key), key) for key in UNIT_KEYS)
    return next((found for found in stated if found[0] is not None), (None, ""))


def stated_value(header: Any, key: str) -> Any:
    """The value of a keyword of a FITS header; None where it is absent or empty.

    Raises:
        SzmassError: there are several values that differ.
    """
    from astropy.io.fits.card import Undefined

    values = [header[key, place] for place in range(header.count(key) if key in header else 0)]
    if any(value != values[0] for value in values):
        raise SzmassError(f"{key} stands {len(values)} times: {values}: expected one value")
    return None if not values or isinstance(values[0], Undefined) else values[0]


def number(key: str, value: object) -> float:
    """A finite real number as a file has it; an array of one number is it.

    Raises:
        SzmassError: it is none.
    """
    plain = (
        value.item() if isinstance(value, np.ndarray | np.generic) and value.size == 1 else value
    )
    is_real = isinstance(plain, numbers.Real) and not isinstance(plain, bool)
    if not is_real or not math.isfinite(plain):  # type: ignore[arg-type]
        raise SzmassError(f"{key} = {value!r}: expected a number")
    return float(plain)  # type: ignore[arg-type]


def header_pixel(
    header: Mapping[str, Any],
    shape: tuple[int, ...],
    centre: tuple[float, float] | None = None,
) -> tuple[float | None, str]:
    """Side in arcmin of the square pixels of a FITS image, and where the header says it.

    It is that of astropy.wcs, given what states a scale and nothing else: what a header leaves
    out would be 1 degree there, and near its reference point the projection does not matter.

    Args:
        header: that may say it.
        shape: of the image, `(..., rows, columns)`.
        centre: column and row of the cluster, from 0; None: the image's centre.

    Returns:
        The side and CDELT or CD; None and an empty text where the header does not say.

    Raises:
        SzmassError: one axis alone has a scale, a unit is not degrees, a value is no number, the
            pixels are not square, or the centre is far from the projection's reference point.
    """
    for axis in (1, 2):
        unit = str(stated_value(header, f"CUNIT{axis}") or "deg").strip()
        if unit != "deg":
            raise SzmassError(f"CUNIT{axis} = {unit!r}: expected deg")
    matrix = [f"{row}_{axis}" for row in (1, 2) for axis in (1, 2)]
    places = {"CDELT": ["1", "2"], "PC": matrix, "CD": matrix}
    stated = {
        kind: {
            f"{kind}{place}": value
            for place in places[kind]
            if (value := stated_value(header, f"{kind}{place}")) is not None
        }
        for kind in places
    }
    scale = "CD" if stated["CD"] else "CDELT"
    if not stated[scale]:
        return None, ""
    if stated["CD"] and stated["PC"]:
        raise SzmassError("both a CD and a PC matrix: expected one of them")
    for ending in ("1", "2"):
        if not any(key.endswith(ending) for key in stated[scale]):
            raise SzmassError(
                f"{scale} of one axis alone ({', '.join(stated[scale])}): expected that of both"
            )
    used = stated["CD"] or stated["CDELT"] | stated["PC"]
    side_arcmin = _square_side_arcmin({key: number(key, value) for key, value in used.items()})
    if centre is None:
        centre = (shape[-1] - 1) / 2.0, (shape[-2] - 1) / 2.0
    _require_near_reference(header, centre, side_arcmin)
    return side_arcmin, scale


def _require_near_reference(
    header: Mapping[str, Any], centre: tuple[float, float], side_arcmin: float
) -> None:
    projection = str(stated_value(header, "CTYPE1") or "").strip()
    if "-" not in projection:
        return
    away = [
        place + 1.0 - number(f"CRPIX{axis}", stated_value(header, f"CRPIX{axis}") or 0.0)
        for axis, place in enumerate(centre, start=1)
    ]
    away_deg = math.hypot(*away) * side_arcmin / 60.0
    if away_deg > FARTHEST_DEG:
        raise SzmassError(
            f"the map's centre is {away_deg:.4g} degrees from CRPIX, where its pixels "
            f"({projection}) have another size: expected at most {FARTHEST_DEG:g}; project it "
            "about the cluster"
        )


def _square_side_arcmin(values: Mapping[str, float]) -> float:
    # as in astropy.wcs, whose import takes a third of a second
    kind = "CD" if any(key.startswith("CD") and "_" in key for key in values) else "PC"
    left_out = np.eye(2) if kind == "PC" else np.zeros((2, 2))
    matrix = np.array(
        [
            [values.get(f"{kind}{row}_{axis}", left_out[row - 1, axis - 1]) for axis in (1, 2)]
            for row in (1, 2)
        ]
    )
    matrix *= np.array([[values.get("CDELT1", 1.0)], [values.get("CDELT2", 1.0)]])
    sides_arcmin = 60.0 * np.sqrt(np.sum(matrix**2, axis=0))
    area_arcmin2 = 3600.0 * abs(np.linalg.det(matrix))
    first, second = map(float, sides_arcmin)
    if not abs(first - second) < SQUARE * second:
        raise SzmassError(f"pixels of {first:.4g}' x {second:.4g}': expected square ones")
    if not abs(first * second - area_arcmin2) < SQUARE * area_arcmin2:
        raise SzmassError(f"pixels of {first:.4g}' that are no rectangles: expected square ones")
    return second
