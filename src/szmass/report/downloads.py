"""Tables of the report as CSV files, which lie within the page."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A file that a link in the page saves."""

    name: str
    uri: str


def as_csv(name: str, rows: Sequence[Sequence[str]]) -> Download:
    """A table as a CSV file.

    Args:
        name: of the file, without its ending.
        rows: of text, the header first.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = base64.b64encode(text.getvalue().encode()).decode("ascii")
    return Download(f"{name}.csv", f"data:text/csv;charset=utf-8;base64,{content}")


def rows_of_markdown(text: str) -> list[list[list[str]]]:
    """The rows of each table in Markdown text, the header first."""
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    return [
        [
            [cell.strip() for cell in line.strip().strip("|").split("|")]
            for number, line in enumerate(block.strip().splitlines())
            if number != 1  # the line below the header
        ]
        for block in tables
    ]
