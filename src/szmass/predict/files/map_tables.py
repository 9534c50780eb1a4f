"""A user's table of files with maps."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from szmass.predict.files.limits import (
    LARGEST_TABLE_BYTES,
    UserFileError,
    reading,
    require_file,
)

COLUMNS = FILE, REDSHIFT, NAME = "file", "redshift", "name"


@dataclass(frozen=True)
class TableRow:
    """A row of a user's table of files."""

    label: str
    """The table and the number of the line in it."""
    file: Path
    redshift: str
    name: str
    problem: str
    """What keeps the row from being read; "" if nothing."""


@dataclass(frozen=True)
class UserTable:
    """A user's table of files."""

    rows: list[TableRow]
    warnings: tuple[str, ...] = ()
    """Which of its columns are not used, for people."""


def read_table(path: Path) -> UserTable:
    """Reads a CSV table with the columns file, redshift and, if there is one, name.

    Upper and lower case are one. A relative file lies beside the table.

    Raises:
        UserFileError: the table cannot be read, lacks a column, or is empty.
    """
    with reading(path):
        require_file(path, largest_bytes=LARGEST_TABLE_BYTES, may_be_empty=True)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, skipinitialspace=True, restval="")
            header = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = header = [known_column(name) for name in header]
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, ValueError, csv.Error) as error:
        raise UserFileError(f"{path}: cannot be read as a CSV table: {error}") from error
    for name in (FILE, REDSHIFT):
        if name not in header:
            raise UserFileError(f"{path}: no column {name!r}; it has {', '.join(header) or 'none'}")
    for name, count in Counter(header).items():
        if count > 1 and name:
            raise UserFileError(f"{path}: column {name!r} stands {count} times: expected it once")
    if not rows:
        raise UserFileError(f"{path}: no rows: expected a row a map")
    rows_of_maps = [
        TableRow(
            f"{path}, line {number}",
            path.parent / row[FILE].strip(),
            row[REDSHIFT].strip(),
            row.get(NAME, "").strip(),
            # a decimal comma makes one too many
            f"expected {len(header)} cells ({', '.join(header)})" if None in row else "",
        )
        for number, row in rows
    ]
    return UserTable(rows_of_maps, tuple(unused_columns(str(path), header)))


def known_column(name: str) -> str:
    """The column that a table's header names in any case; another name as it is."""
    return name.lower() if name.lower() in COLUMNS else name


def unused_columns(label: str, header: Iterable[str]) -> Iterator[str]:
    """A line that names the columns of a table that are not used, where there are any."""
    others = [name for name in header if name and name not in COLUMNS]
    if others:
        known = ", ".join(COLUMNS)
        yield f"{label}: columns that are not used: {', '.join(others)}; those used are {known}"
