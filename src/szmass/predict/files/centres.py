"""Where the cluster is in a map, where that is not the map's centre."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.files.headers import number, stated_value

CRPIX = "crpix"
DEGREES = "d"
"""What ends each coordinate that is in degrees."""
EXPECTED = (
    "expected X,Y in pixels from 0 (120,88), degrees of the header's WCS (194.95d,27.98d), or "
    f"{CRPIX}"
)

Pixel = tuple[float, float]
"""Column and row in an array, from 0."""


@dataclass(frozen=True)
class Centre:
    """A place in a map: a pixel, a place on the sky, or the header's reference pixel."""

    text: str
    """As it was given."""
    values: tuple[float, float] | None
    """Column and row, or degrees; None for the header's reference pixel."""
    in_degrees: bool = False

    @classmethod
    def of(cls, given: str | Sequence[float]) -> Centre:
        """The place that a text or a pair of numbers names.

        Args:
            given: column and row from 0; longitude and latitude, each with a `d` behind it, in the
                frame of the header's WCS; or `crpix`.

        Raises:
            SzmassError: it names none.
        """
        text = given if isinstance(given, str) else ",".join(map(str, given))
        if text.strip().lower() == CRPIX:
            return cls(text, None)
        words = [word.strip() for word in text.split(",")]
        in_degrees = all(word.endswith(DEGREES) for word in words)
        try:
            first, second = (float(w.removesuffix(DEGREES) if in_degrees else w) for w in words)
        except ValueError:
            first = second = math.nan
        if not (math.isfinite(first) and math.isfinite(second)):
            raise SzmassError(f"centre = {text!r}: {EXPECTED}")
        return cls(text, (first, second), in_degrees)

    def pixel(self, header: Mapping[str, Any] | None) -> Pixel:
        """Column and row of the place.

        Args:
            header: of the FITS image; None for other maps, which have no WCS.

        Raises:
            SzmassError: the header does not say where the place is, or it is on no pixel.
        """
        if self.values is not None and not self.in_degrees:
            return self.values
        if header is None:
            raise SzmassError(f"centre = {self.text!r}: the map has no WCS: {EXPECTED}")
        if self.values is None:
            keys = ("CRPIX1", "CRPIX2")
            column, row = (number(key, stated_value(header, key)) - 1.0 for key in keys)
            return column, row
        return self._on_sky(header)

    def _on_sky(self, header: Mapping[str, Any]) -> Pixel:
        from astropy.wcs import WCS, NoConvergence

        wcs = WCS(header)
        if not wcs.has_celestial:
            raise SzmassError(f"centre = {self.text!r}: the header has no WCS of the sky (CTYPE)")
        try:
            ((column, row),) = wcs.celestial.all_world2pix(np.array([self.values]), 0)
        except (NoConvergence, ValueError):
            column = row = math.nan
        if not (math.isfinite(column) and math.isfinite(row)):
            raise SzmassError(f"centre = {self.text!r}: no pixel of the map's projection is there")
        return float(column), float(row)

    def note(self, pixel: Pixel) -> str:
        """What was taken for the centre, for people."""
        column, row = pixel
        return f"centre at column {column:.2f}, row {row:.2f} ({self.text})"
