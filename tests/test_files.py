"""A file is replaced whole or not at all, and never through a link."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from szmass.files import replacing_file, write_metrics, write_text


def test_a_file_and_its_folder_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b.txt", "5 µK\n")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "5 µK\n"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_failure_leaves_what_was_there_and_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("whole")

    def write_half() -> None:
        with replacing_file(path) as unfinished:
            unfinished.write_text("ha")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_read_only_link_into_a_cache_is_replaced_and_the_cache_is_not(tmp_path: Path) -> None:
    cached, path = tmp_path / "cache", tmp_path / "metrics.json"
    cached.write_text("old")
    cached.chmod(0o444)
    os.link(cached, path)
    write_metrics(path, {"bias": 0.5})
    assert json.loads(path.read_text()) == {"bias": 0.5}
    assert cached.read_text() == "old"
