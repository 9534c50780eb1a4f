"""Units of maps: Compton y, or temperature of the CMB, from what a file states."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from szmass.errors import SzmassError
from szmass.sky.signals import COMPTON_Y, TEMPERATURE_UK

Values = TypeVar("Values", np.ndarray, float)
NAMES_OF_Y = {"y", "comptony", "comptonyparameter", "comptonparameter", "comptonization"}
"""Units that name y, in small letters and without what stands between them."""
NO_UNIT = {"", "none", "unitless", "dimensionless"}
POWER_OF_TEN = re.compile(r"10(?:\*\*|\^)?\(?([-+]\d{1,2})\)?")
"""As FITS has them in units. astropy.units would work out 10**999999999."""
DECIMAL = re.compile(r"(?:\d{1,9}\.?\d{0,20}|\.\d{1,20})(?:[eE][-+]?\d{1,3})?")


def y_per_unit(key: str, text: object) -> float:
    """What a map is multiplied by to be Compton y, from its unit as a file states it.

    Args:
        key: where the unit stands.
        text: a name of y, a number such as 1e-6 or 10**-6 with or without one, or nothing.

    Raises:
        SzmassError: it is a unit of something else, or of nothing that is known.
    """
    words = "" if text is None else str(text).strip()
    if re.sub(r"[\s_-]+", "", words).lower() in NAMES_OF_Y | NO_UNIT:
        return 1.0
    factor = re.sub(r"[\s*]*(compton[\s_-]*)?y$", "", words, flags=re.IGNORECASE)
    power = POWER_OF_TEN.fullmatch(factor)
    if power is None and not DECIMAL.fullmatch(factor):
        scale = math.nan
    else:
        scale = 10.0 ** int(power[1]) if power else float(factor)
    if not (math.isfinite(scale) and scale > 0):
        raise SzmassError(
            f"{key} = {words[:40]!r}: expected a map of Compton y, whose unit is '', '1' or 'y', "
            "or a number of it such as '1e-6'"
        )
    return scale


def in_y(images: Values, key: str, text: object) -> tuple[Values, tuple[str, ...]]:
    """Maps or a number as Compton y, from the unit that a file states, and what was done for it.

    Raises:
        SzmassError: as for `y_per_unit`.
    """
    scale = y_per_unit(key, text)
    if scale == 1.0:
        return images, ()
    return images * scale, (f"multiplied by {scale:g} ({key} = {str(text).strip()!r})",)


def in_uk(images: Values, key: str, text: object) -> tuple[Values, tuple[str, ...]]:
    """Maps or a number in uK of the CMB, from the unit that a file states, and what was done.

    Raises:
        SzmassError: it is a unit of something else, or of nothing that is known.
    """
    words = "" if text is None else str(text).strip()
    plain = re.sub(r"[\s_()-]+", "", words).lower().removesuffix("cmb")
    if plain not in UK_PER_UNIT:
        raise SzmassError(
            f"{key} = {words[:40]!r}: expected a map of temperature, in uK, mK or K of the CMB"
        )
    scale = UK_PER_UNIT[plain]
    if scale == 1.0:
        return images, ()
    return images * scale, (f"multiplied by {scale:g} ({key} = {words!r})",)


UK_PER_UNIT = {
    **dict.fromkeys(("", "none", "uk", "muk", "\xb5k", "\u03bck", "microkelvin"), 1.0),
    "mk": 1e3,
    "k": 1e6,
    "kelvin": 1e6,
}
"""By a unit in small letters, without what stands between them and without CMB."""


class Converts(Protocol):
    """Takes values to the unit of a signal."""

    def __call__(self, images: Values, key: str, text: object) -> tuple[Values, tuple[str, ...]]:
        """Values in that unit, and what was done, from the unit as a file states it under a key."""


@dataclass(frozen=True)
class Signal:
    """What maps show."""

    array: str
    """Its name, which HDF5 files and Zarr stores have it under; one of `sky.signals`."""
    converts: Converts
    largest: float
    """No map of clusters has larger values."""
    expected: str
    """What larger values break, in words."""
    words: str
    """Of maps without a unit."""


Y = Signal(
    COMPTON_Y,
    in_y,
    1e-2,
    "a dimensionless Compton y below 0.01; is the map in uK, or in units of 1e-6?",
    "taken as y",
)
TEMPERATURE = Signal(
    TEMPERATURE_UK,
    in_uk,
    1e5,
    "a temperature in uK below 1e+05; is the unit another?",
    "taken as uK",
)
SIGNALS = {one.array: one for one in (Y, TEMPERATURE)}


def unit_in_words(key: str, text: object, signal: Signal = Y) -> str:
    """The unit that a file states, and where; that it states none."""
    words = "" if text is None else str(text).strip()
    return f"unit {words!r} ({key})" if words else f"no unit, {signal.words}"
