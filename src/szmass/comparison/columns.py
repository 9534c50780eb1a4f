"""Which column of a mass table holds what, and the unit that it states."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from szmass.errors import SzmassError

NAMES = ("name", "clustername", "cluster", "object", "source", "id")
LONGITUDES = {
    "icrs": ("ra", "raj2000", "raicrs"),
    "galactic": ("glon", "l"),
}
LATITUDES = {
    "icrs": ("dec", "de", "decj2000", "dej2000", "decicrs", "deicrs"),
    "galactic": ("glat", "b"),
}
REDSHIFTS = ("redshift", "z", "zspec", "zcluster", "zcl", "zbest")
MASSES = ("m500", "m500c", "m500wl", "m500cwl", "m500lens", "m500x", "msz", "mwl")
"""Usual names of a mass column, the best first, without unit, case and punctuation."""
SYMMETRIC = ("{}err", "err{}", "e{}", "{}error", "error{}", "sigma{}", "{}sigma", "{}std", "{}unc")
TWO_SIDED = (
    ("{}errlow", "{}errup"), ("{}errlo", "{}errhi"), ("{}errlower", "{}errupper"),
    ("{}errminus", "{}errplus"), ("{}err-", "{}err+"), ("{}lerr", "{}uerr"),
    ("{}lowererr", "{}uppererr"),
)  # fmt: skip
PERCENTILES = ("{}p16", "{}p84")
MASS_UNIT = re.compile(
    r"[\s_\[(]*(?:(?:1e\+?|10\*\*|10\^|10\+)\{?(?P<power>\d+)\}?[\s_*.]*)?"
    r"(?:m_?\{?sun\}?|msol|solmass|solar_?mass(?:es)?)(?P<per_h>[\s_/*.]*h(?:70|100|inv)?"
    r"(?:\^?-1)?(?![a-z0-9]))?[\])]*"
)
ANGLE_UNIT = re.compile(r"[\s_\[(]*(?:degrees|degree|deg)[\])]*$")
DEGREES = {
    "deg": 1.0, "degree": 1.0, "degrees": 1.0,
    "hourangle": 15.0, "hour": 15.0, "hours": 15.0, "h": 15.0,
}  # fmt: skip
"""By unit of an angle."""


class MassTableError(SzmassError):
    """A table of masses cannot be read, or lacks what a comparison needs."""


@dataclass(frozen=True)
class Column:
    """A column's name as the file has it, and the unit that the file's header states."""

    name: str
    header_unit: str = ""
    """FITS' TUNIT; empty where there is none."""

    @cached_property
    def stem(self) -> str:
        """The name without unit, case and punctuation: of M500_err_1e14_Msun it is m500err."""
        bare = MASS_UNIT.sub("_", self.name.lower())
        return re.sub(r"[^a-z0-9+-]|[+-](?!$)", "", ANGLE_UNIT.sub("", bare).rstrip("_"))

    def degrees(self) -> float | None:
        """The unit of an angle in degrees; None where neither header nor name states it.

        Raises:
            MassTableError: another unit is stated.
        """
        if self.header_unit:
            unit = DEGREES.get(self.header_unit.lower())
            if unit is None:
                raise MassTableError(
                    f"column {self.name!r}: unit {self.header_unit!r}: expected deg or hourangle"
                )
            return unit
        return 1.0 if ANGLE_UNIT.search(self.name.lower()) else None

    def msun(self) -> float | None:
        """The unit of a mass in Msun; None where neither header nor name states it.

        Raises:
            MassTableError: another unit is stated, or one with the Hubble constant in it.
        """
        text = self.header_unit.lower()
        stated = MASS_UNIT.fullmatch(text) if text else MASS_UNIT.search(self.name.lower())
        if stated is None and not text:
            return None
        if stated is None or stated["per_h"]:
            raise MassTableError(
                f"column {self.name!r}: unit {self.header_unit or self.name!r}: "
                "expected Msun or 1e14 Msun, without h (FITS: solMass or 10**14 solMass)"
            )
        return 10.0 ** int(stated["power"] or 0)


@dataclass(frozen=True)
class MassColumns:
    """The columns of a table that a comparison reads."""

    name: Column | None
    longitude: Column | None
    latitude: Column | None
    frame: str
    """icrs or galactic; empty where there are no positions."""
    redshift: Column
    mass: Column
    low: Column
    up: Column
    """Lower and upper error, the same column where the errors are symmetric."""
    are_percentiles: bool
    """Whether `low` and `up` are the 16th and 84th percentiles, and no errors."""


def find_columns(columns: Sequence[Column], mass_name: str | None) -> MassColumns:
    """Chooses the columns of name, position, redshift, mass and errors.

    Args:
        columns: all that the table has.
        mass_name: of the column of masses; without, the first of `MASSES` that the table has.

    Raises:
        MassTableError: one is missing, or two are called alike.
    """
    by_stem: dict[str, list[Column]] = {}
    for column in columns:
        by_stem.setdefault(column.stem, []).append(column)
    mass = _mass(columns, by_stem, mass_name)
    low, up, are_percentiles = _errors(columns, by_stem, mass)
    frame, longitude, latitude = _position(by_stem)
    redshift = _first(by_stem, REDSHIFTS)
    if redshift is None:
        raise MassTableError(f"no column of redshifts ({', '.join(REDSHIFTS)}); {_listed(columns)}")
    name = _first(by_stem, NAMES)
    if name is None and longitude is None:
        raise MassTableError(
            "no columns of positions (ra and dec, or glon and glat), and none of names "
            f"({', '.join(NAMES)}); {_listed(columns)}"
        )
    return MassColumns(name, longitude, latitude, frame, redshift, mass, low, up, are_percentiles)


def _listed(columns: Sequence[Column]) -> str:
    return f"it has {', '.join(column.name for column in columns) or 'none'}"


def _first(by_stem: Mapping[str, Sequence[Column]], stems: Sequence[str]) -> Column | None:
    """The column of the first stem that the table has."""
    for stem in stems:
        if stem in by_stem:
            if len(by_stem[stem]) > 1:
                alike = " and ".join(repr(column.name) for column in by_stem[stem])
                raise MassTableError(f"columns {alike}: expected one of them")
            return by_stem[stem][0]
    return None


def _position(
    by_stem: Mapping[str, Sequence[Column]],
) -> tuple[str, Column | None, Column | None]:
    """The frame and the columns of longitude and latitude."""
    for frame, stems in LONGITUDES.items():
        longitude, latitude = _first(by_stem, stems), _first(by_stem, LATITUDES[frame])
        if longitude is not None and latitude is not None:
            return frame, longitude, latitude
    return "", None, None


def _mass(
    columns: Sequence[Column], by_stem: Mapping[str, Sequence[Column]], name: str | None
) -> Column:
    if name is None:
        mass = _first(by_stem, MASSES)
        expected = f"no column of masses ({', '.join(MASSES)}, a unit may follow)"
    else:
        mass = next((column for column in columns if column.name == name), None)
        expected = f"no column {name!r}"
    if mass is None:
        raise MassTableError(f"{expected}; {_listed(columns)}; --mass-column names another")
    return mass


def _errors(
    columns: Sequence[Column], by_stem: Mapping[str, Sequence[Column]], mass: Column
) -> tuple[Column, Column, bool]:
    """The columns of lower and upper errors, and whether they are percentiles."""
    by_name = {column.name: column for column in columns}
    pair = by_name.get(f"e_{mass.name}"), by_name.get(f"E_{mass.name}")
    if pair[0] is not None and pair[1] is not None:  # VizieR's lower and upper
        return pair[0], pair[1], False
    for forms in (*TWO_SIDED, PERCENTILES):
        low, up = (_first(by_stem, [form.format(mass.stem)]) for form in forms)
        if low is not None and up is not None:
            return low, up, forms is PERCENTILES
    symmetric = _first(by_stem, [form.format(mass.stem) for form in SYMMETRIC])
    if symmetric is None:
        raise MassTableError(
            f"no errors of column {mass.name!r} (such as {mass.stem}_err, {mass.stem}_err_low and "
            f"{mass.stem}_err_up, or {mass.stem}_p16 and {mass.stem}_p84); {_listed(columns)}"
        )
    return symmetric, symmetric, False
