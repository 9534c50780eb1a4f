"""Tables of files: their columns, in any case, and what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from szmass.predict.files.limits import UserFileError
from szmass.predict.files.map_tables import read_table


def test_a_table_names_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("redshift, file, name\n0.1, a.npy, A\n, /b.fits,\n")
    first, second = read_table(tmp_path / "t.csv").rows
    assert (first.file, first.redshift, first.name) == (tmp_path / "a.npy", "0.1", "A")
    assert (second.file, second.redshift, second.name) == (Path("/b.fits"), "", "")
    assert second.label.endswith("t.csv, line 3")
    (tmp_path / "t.csv").write_text("file,redshift\n\na.npy,0,31\nb.npy\n")
    comma, short = read_table(tmp_path / "t.csv").rows
    assert comma.problem == "expected 2 cells (file, redshift)"
    assert (short.redshift, short.problem) == ("", "")
    assert comma.label.endswith("t.csv, line 3")
    for content, message in {
        "file\na.npy\n": "no column 'redshift'; it has file",
        "file,redshift\n": "no rows",
        "": "no column 'file'; it has none",
    }.items():
        (tmp_path / "t.csv").write_text(content)
        with pytest.raises(UserFileError, match=message):
            read_table(tmp_path / "t.csv")


def test_a_table_has_each_column_once_with_or_without_spaces(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("file , redshift\na.npy , 0.3\n")
    (row,) = read_table(table).rows
    assert (row.file, row.redshift) == (tmp_path / "a.npy", "0.3")
    table.write_text("file,redshift,redshift \na.npy,0.3,0.4\n")
    with pytest.raises(UserFileError, match="column 'redshift' stands 2 times: expected it once"):
        read_table(table)
    table.write_bytes(b"file,redshift\n\xff\xfe\x00,0.3\n")
    with pytest.raises(UserFileError, match="cannot be read as a CSV table"):
        read_table(table)
    table.unlink()
    os.mkfifo(table)
    with pytest.raises(UserFileError, match="t.csv: is a FIFO: expected a regular file"):
        read_table(table)


def test_columns_are_named_in_any_case_and_unknown_ones_are_said(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("File,REDSHIFT,Name,RA,snr\na.npy,0.3,A,1,2\n")
    found = read_table(table)
    (row,) = found.rows
    assert (row.file, row.redshift, row.name) == (tmp_path / "a.npy", "0.3", "A")
    assert found.warnings == (
        f"{table}: columns that are not used: RA, snr; those used are file, redshift, name",
    )
    table.write_text("file,redshift\na.npy,0.3\n")
    assert read_table(table).warnings == ()
    table.write_text("file,Redshift,redshift\na.npy,0.3,0.4\n")
    with pytest.raises(UserFileError, match="column 'redshift' stands 2 times"):
        read_table(table)
