"""A user's own prior of the mass: a CSV table of a density, which may depend on redshift."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from szmass.errors import SzmassError
from szmass.predict.files.limits import reading, require_file
from szmass.weighing.priors import TabulatedPrior

MASS, DENSITY, REDSHIFT = "log10_msun", "density", "redshift"
LARGEST_PRIOR_BYTES = 2**22
"""Largest size of a prior's CSV file; it holds about 100 000 rows."""
MOST_REDSHIFTS = 200
LOG10_MSUN = (8.0, 20.0)
"""Between these lies the log10 of any mass; a mass in Msun, or in 1e14 Msun, does not."""


class PriorError(SzmassError):
    """A prior's name or table cannot be used."""


def read_prior(path: Path, axis: np.ndarray) -> TabulatedPrior:
    """Reads a prior from a CSV table with the columns log10_msun, density and, optional, redshift.

    The density is per dex, with any normalisation, which may differ between redshifts. It is linear
    between rows and 0 outside. The masses ascend within each redshift.

    Args:
        path: the table.
        axis: evenly spaced values of log10 M in Msun at which the density is read.

    Raises:
        PriorError: a cell or a row is wrong; the message names the file, the line, the value and
            what was expected.
        UserFileError: the file cannot be read, or is too large.
    """
    with reading(path):
        require_file(path, largest_bytes=LARGEST_PRIOR_BYTES)
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, skipinitialspace=True)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, cells) for cells in reader if any(cells)]
    _require_header(path, header)
    blocks: dict[float, list[tuple[int, float, float]]] = {}
    for number, cells in lines:
        row = _numbers(f"{path}, line {number}", header, cells)
        blocks.setdefault(row.get(REDSHIFT, 0.0), []).append((number, row[MASS], row[DENSITY]))
    if len(blocks) > MOST_REDSHIFTS:
        raise PriorError(f"{path}: {len(blocks)} redshifts: expected at most {MOST_REDSHIFTS}")
    if not blocks:
        raise PriorError(f"{path}: no rows: expected a mass and its density in each")
    redshifts = sorted(blocks)
    density = [
        _on_axis(path, blocks[z], axis, z if REDSHIFT in header else None) for z in redshifts
    ]
    return TabulatedPrior.normalised(np.array(redshifts), axis, np.array(density))


def _require_header(path: Path, header: Sequence[str]) -> None:
    columns = {MASS, DENSITY}
    if set(header) - {REDSHIFT} != columns or len(set(header)) != len(header):
        raise PriorError(
            f"{path}, line 1: columns {', '.join(header)[:80] or 'none'}: expected {MASS}, "
            f"{DENSITY}, and {REDSHIFT} if the density depends on it"
        )


def _numbers(place: str, header: Sequence[str], cells: Sequence[str]) -> dict[str, float]:
    """The cells of a row as numbers, each in the range of its column."""
    if len(cells) != len(header):
        raise PriorError(
            f"{place}: {len(cells)} cells: expected {len(header)} ({', '.join(header)})"
        )
    ranges = {
        MASS: (*LOG10_MSUN, "the log10 of a mass in Msun"),
        DENSITY: (0.0, 1e300, "a density, from 0 to 1e300"),
        REDSHIFT: (0.0, 20.0, "a redshift"),
    }
    row = {}
    for name, cell in zip(header, cells, strict=True):
        low, high, expected = ranges[name]
        try:
            row[name] = float(cell)
        except ValueError:
            row[name] = math.nan
        if not low <= row[name] <= high:
            raise PriorError(f"{place}: {name} = {cell.strip()[:40]!r}: expected {expected}")
    return row


def _on_axis(
    path: Path,
    rows: Sequence[tuple[int, float, float]],
    axis: np.ndarray,
    redshift: float | None,
) -> np.ndarray:
    """The density at one redshift, `(nodes,)`, with its largest value 1."""
    where = "" if redshift is None else f" at {REDSHIFT} = {redshift:g}"
    if len(rows) < 2:
        raise PriorError(f"{path}, line {rows[0][0]}: the only row{where}: expected at least two")
    number, mass, density = (np.array(column) for column in zip(*rows, strict=True))
    if (unsorted := np.flatnonzero(np.diff(mass) <= 0)).size:
        row = int(unsorted[0]) + 1
        raise PriorError(
            f"{path}, line {number[row]}: {MASS} = {mass[row]:g} after {mass[row - 1]:g}{where}: "
            "expected masses that ascend"
        )
    if not density.max() > 0:
        raise PriorError(f"{path}: {DENSITY} = 0 in every row{where}: expected one above 0")
    at_axis = np.interp(axis, mass, density / density.max(), left=0.0, right=0.0)
    if not at_axis.max() > 0:
        raise PriorError(
            f"{path}: {MASS} from {mass[0]:g} to {mass[-1]:g}{where}: expected a density above 0 "
            f"somewhere between {axis[0]:g} and {axis[-1]:g}"
        )
    return at_axis
