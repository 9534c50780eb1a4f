"""The line that a stage ends with."""

from __future__ import annotations

import os
from pathlib import Path
from time import time

from szmass.reporting import what_was_made


def test_what_was_written_is_named_with_its_size_and_inputs_are_not(tmp_path: Path) -> None:
    table, maps, old = (tmp_path / name for name in ("table.csv", "maps.zarr", "old.csv"))
    began = time() - 75.0
    table.write_bytes(b"x" * 2_500_000)
    (maps / "c").mkdir(parents=True)
    (maps / "c" / "0").write_bytes(b"x" * 1_000_000)
    old.write_text("an input")
    os.utime(old, (began - 100.0, began - 100.0))
    line = what_was_made("train_cnn z1", began, [table, maps, old, tmp_path / "none"])
    assert line == (f"train_cnn z1: done in 0:01:15, wrote {table} (2.5 MB), {maps} (1.0 MB)")


def test_a_stage_that_writes_nothing_says_how_long_it_took() -> None:
    assert what_was_made("report", time(), []) == "report: done in 0:00:00"
