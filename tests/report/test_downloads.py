"""Tables as files within the page."""

from __future__ import annotations

import base64
import csv

from szmass.report.downloads import as_csv, rows_of_markdown

TEXT = """Words before.

| number | here |
|--------|------|
| a, b   | 1    |

Words between.

| x |
|---|
| - |
"""


def test_the_rows_of_each_table_are_read():
    assert rows_of_markdown(TEXT) == [[["number", "here"], ["a, b", "1"]], [["x"], ["-"]]]


def test_a_file_holds_the_rows():
    rows = [["number", "here"], ["a, b", "0.1 ± 0.2"]]
    download = as_csv("table", rows)
    head, _, content = download.uri.partition(",")
    assert (download.name, head) == ("table.csv", "data:text/csv;charset=utf-8;base64")
    text = base64.b64decode(content).decode()
    assert list(csv.reader(text.splitlines())) == rows
