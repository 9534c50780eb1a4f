"""Tables of cluster masses, szmass' own and other people's: FITS or CSV, checked row by row."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from szmass.comparison.columns import Column, MassColumns, MassTableError, find_columns
from szmass.planck.files import PlanckFilesError, column, open_table
from szmass.units import MASS_UNIT_MSUN

MASS_RANGE_MSUN = (1e12, 1e17)
"""Range of cluster masses in Msun; one outside it is in another unit, or a logarithm."""
LARGEST_REDSHIFT = 5.0
LATITUDE_DEG, LONGITUDE_DEG = (-90.0, 90.0), (0.0, 360.0)
OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True)
class MassTable:
    """Masses of clusters, with where they are; arrays of shape `(n,)`."""

    path: Path
    name: np.ndarray
    """Text; "" where the table has no names."""
    longitude_deg: np.ndarray
    latitude_deg: np.ndarray
    """NaN where the table has no positions."""
    frame: str
    """icrs or galactic; empty where the table has no positions."""
    redshift: np.ndarray
    mass_msun: np.ndarray
    low_msun: np.ndarray
    up_msun: np.ndarray
    """Ends of the 68 % interval."""
    out_of_range: np.ndarray
    """Booleans; False where the table does not say."""
    sky: str
    """SKY of the header: what was observed."""
    taken: str
    """Which columns were taken for what, in which unit."""
    problems: tuple[str, ...]
    """Rows that were left out, and why."""

    def __len__(self) -> int:
        return len(self.name)

    def at(self, rows: np.ndarray) -> MassTable:
        """Some of the clusters, by mask or index."""
        arrays = {key: value for key, value in vars(self).items() if isinstance(value, np.ndarray)}
        return replace(self, **{key: value[rows] for key, value in arrays.items()})

    @property
    def ln_mass(self) -> np.ndarray:
        """ln(M / Msun)."""
        return np.log(self.mass_msun)

    @property
    def ln_error(self) -> np.ndarray:
        """Half of the 68 % interval in ln M: ln(M_up / M_low) / 2."""
        return np.log(self.up_msun / self.low_msun) / 2.0


@dataclass(frozen=True)
class _Raw:
    """A table as its file has it."""

    columns: Sequence[Column]
    values: Mapping[str, np.ndarray]
    labels: Sequence[str]
    """Place of each row in its file, for messages."""
    sky: str = ""


def read_masses(
    path: Path,
    *,
    mass_column: str | None = None,
    mass_unit_msun: float | None = None,
    skip_bad_rows: bool = False,
) -> MassTable:
    """Reads a FITS table (HDU 1) or a CSV table of cluster masses.

    Columns are found by their usual names, whatever their case. The unit of a mass is that of the
    FITS header, or of the column's name; it is never guessed. Errors without a unit are in that of
    the mass.

    Args:
        path: ends in .fits, .fit or .csv.
        mass_column: name of the column of masses, where it is none of the usual ones.
        mass_unit_msun: unit of masses whose unit the file does not state.
        skip_bad_rows: leave out rows that cannot be used, instead of raising.

    Raises:
        MassTableError: it cannot be read, lacks a column or a unit, or a row cannot be used.
    """
    readers = {".fits": _fits, ".fit": _fits, ".csv": _csv}
    if path.suffix.lower() not in readers:
        raise MassTableError(f"{path}: expected a file that ends in {', '.join(sorted(readers))}")
    if not path.is_file():
        raise MassTableError(f"{path}: not found")
    raw = readers[path.suffix.lower()](path)
    try:
        columns = find_columns(raw.columns, mass_column)
        units = _units(columns, mass_unit_msun)
    except MassTableError as error:
        raise MassTableError(f"{path}: {error}") from error
    table, problems = _checked(path, raw, columns, units)
    if problems and not skip_bad_rows:
        more = f" (and {len(problems) - 1} more such rows)" if len(problems) > 1 else ""
        raise MassTableError(f"{problems[min(problems)]}{more}; --skip-bad-rows leaves them out")
    good = np.array([row not in problems for row in range(len(table))], dtype=bool)
    if not good.any():
        reason = f": {problems[0]}" if problems else ""
        raise MassTableError(f"{path}: no row that can be used{reason}")
    return replace(table.at(good), problems=tuple(problems[row] for row in sorted(problems)))


def _fits(path: Path) -> _Raw:
    try:
        header, rows = open_table(path)
    except PlanckFilesError as error:
        raise MassTableError(str(error)) from error
    units = {
        str(header[f"TTYPE{number}"]): str(header.get(f"TUNIT{number}", "")).strip()
        for number in range(1, int(header["TFIELDS"]) + 1)
    }
    values = {name: column(path, rows, name) for name in units}
    values = {name: array for name, array in values.items() if array.ndim == 1}
    return _Raw(
        columns=[Column(name, units[name]) for name in values],
        values=values,
        labels=[f"row {row}" for row in range(len(rows))],
        sky=str(header.get("SKY", "")).strip(),
    )


def _csv(path: Path) -> _Raw:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            lines = [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cells) and not cells[0].startswith("#")
            ]
    except (OSError, ValueError, csv.Error) as error:
        raise MassTableError(f"{path}: cannot be read as a CSV table: {error}") from error
    header = lines[0][1] if lines else []
    for number, cells in lines[1:]:
        if len(cells) != len(header):
            raise MassTableError(
                f"{path}, line {number}: {len(cells)} cells: expected {len(header)} "
                f"({', '.join(header)})"
            )
    if len(set(header)) < len(header):
        raise MassTableError(f"{path}: a column twice in {', '.join(header)}: expected each once")
    return _Raw(
        columns=[Column(name) for name in header],
        values={
            name: np.array([cells[place] for _, cells in lines[1:]], dtype=object)
            for place, name in enumerate(header)
        },
        labels=[f"line {number}" for number, _ in lines[1:]],
    )


def _units(columns: MassColumns, stated_msun: float | None) -> dict[str, float]:
    """The unit of each column in degrees or Msun, by name."""
    mass = columns.mass.msun()
    if mass is None:
        mass = stated_msun
    if mass is None:
        raise MassTableError(
            f"column {columns.mass.name!r}: no unit: expected one in the FITS header (TUNIT), in "
            f"the name ({columns.mass.stem}_msun, {columns.mass.stem}_1e14_msun), or as "
            "--mass-unit-msun"
        )
    units = {columns.mass.name: mass}
    for error in (columns.low, columns.up):
        units[error.name] = error.msun() or mass
    for angle in (columns.longitude, columns.latitude):
        if angle is not None:
            units[angle.name] = angle.degrees() or 1.0
    return units


def _checked(
    path: Path, raw: _Raw, columns: MassColumns, units: Mapping[str, float]
) -> tuple[MassTable, dict[int, str]]:
    """The table, and what is wrong with each row that cannot be used."""
    count = len(raw.labels)
    names = np.full(count, "", dtype=object)
    if columns.name is not None:
        names[:] = [_text(value) for value in raw.values[columns.name.name]]
    problems: dict[int, str] = {}

    def numbers(source: Column, low: float, high: float, what: str) -> np.ndarray:
        """A column in its unit of degrees or Msun; what is not between two numbers is a problem."""
        values = np.array([_number(value) for value in raw.values[source.name]], dtype=np.float64)
        values = values * units.get(source.name, 1.0)
        for row in np.flatnonzero(~((values >= low) & (values <= high))):
            problem(int(row), source, what)
        return values

    def problem(row: int, source: Column, what: str) -> None:
        name = f" ({names[row]})" if names[row] else ""
        value = _text(raw.values[source.name][row]) or "nothing"
        problems.setdefault(
            row,
            f"{path}, {raw.labels[row]}{name}: column {source.name!r} = {value}: expected {what}",
        )

    longitude = latitude = np.full(count, np.nan)
    if columns.longitude is not None and columns.latitude is not None:
        longitude = numbers(columns.longitude, *LONGITUDE_DEG, "0 to 360 degrees")
        latitude = numbers(columns.latitude, *LATITUDE_DEG, "-90 to 90 degrees")
    smallest = float(np.nextafter(0.0, 1.0))
    redshift = numbers(
        columns.redshift, smallest, LARGEST_REDSHIFT, "a redshift above 0 and up to 5"
    )
    unit = unit_text(units[columns.mass.name])
    low_mass, high_mass = MASS_RANGE_MSUN
    mass = numbers(columns.mass, low_mass, high_mass, f"1e12 to 1e17 Msun, in {unit}")
    is_error = "a percentile above 0" if columns.are_percentiles else "an error above 0"
    low = numbers(columns.low, smallest, high_mass, is_error)
    up = numbers(columns.up, smallest, high_mass, is_error)
    if not columns.are_percentiles:
        low, up = mass - low, mass + up
    for row in np.flatnonzero(~(low > 0)):
        problem(int(row), columns.low, "an error below the mass, so that its logarithm has one")
    for row in np.flatnonzero(~((low < up) & (low <= mass) & (mass <= up))):
        problem(int(row), columns.low, "the 16th percentile below the mass and the 84th above")
    flags = np.zeros(count, dtype=bool)
    if OUT_OF_RANGE in raw.values:
        flags[:] = [
            _text(value).lower() in {"true", "t", "1"} for value in raw.values[OUT_OF_RANGE]
        ]
    taken = _taken(columns, units)
    table = MassTable(
        path, names, longitude, latitude, columns.frame, redshift, mass, low, up, flags,
        raw.sky, taken, (),
    )  # fmt: skip
    return table, problems


def _text(value: Any) -> str:
    text = value.decode(errors="replace") if isinstance(value, bytes) else str(value)
    return text.strip()


def _number(value: Any) -> float:
    """The number in a cell; NaN where there is none."""
    try:
        return float(_text(value))
    except ValueError:
        return np.nan


def unit_text(unit_msun: float) -> str:
    """A unit of mass in words, such as 1e14 Msun."""
    if unit_msun == 1.0:
        return "Msun"
    return "1e14 Msun" if unit_msun == MASS_UNIT_MSUN else f"{unit_msun:g} Msun"


def _taken(columns: MassColumns, units: Mapping[str, float]) -> str:
    """One line: which column was taken for what, in which unit."""
    parts = [f"name {columns.name.name}"] if columns.name is not None else []
    if columns.longitude is not None and columns.latitude is not None:
        pair = columns.longitude, columns.latitude
        names = ", ".join(
            f"{angle.name} [{'deg' if units[angle.name] == 1 else 'hourangle'}"
            f"{'' if angle.degrees() else ', not stated'}]"
            for angle in pair
        )
        parts.append(f"position {names} ({columns.frame})")
    parts.append(f"redshift {columns.redshift.name}")
    parts.append(_with_unit("mass", columns.mass, units))
    kind = "percentiles" if columns.are_percentiles else "error"
    errors = [columns.low] if columns.low is columns.up else [columns.low, columns.up]
    parts += [_with_unit(kind, error, units) for error in errors]
    return "; ".join(parts)


def _with_unit(kind: str, source: Column, units: Mapping[str, float]) -> str:
    stated = "" if source.msun() else ", not stated"
    return f"{kind} {source.name} [{unit_text(units[source.name])}{stated}]"
