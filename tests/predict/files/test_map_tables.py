"""Tables of files: their columns, in any case, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

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
