"""A folder that keeps the SHA-256 of its files tells which of them is no longer as it was."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.shared_project import flip_a_bit
from szmass.hashes import SUMS_FILE, HashError, require_sums, sha256, write_sums


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "weights").write_bytes(bytes(range(256)))
    (tmp_path / "facts.json").write_text("{}")
    write_sums(tmp_path)
    return tmp_path


def test_a_folder_as_it_was_saved_is_taken(folder: Path) -> None:
    require_sums(folder, "train again")
    sums = (folder / SUMS_FILE).read_bytes()
    write_sums(folder)
    assert (folder / SUMS_FILE).read_bytes() == sums
    done = subprocess.run(
        ["sha256sum", "-c", SUMS_FILE], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout == "facts.json: OK\nweights: OK\n"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda at: flip_a_bit(at / "weights"), "weights: changed .*: its sha256 is {}, expected "),
        (
            lambda at: (at / "weights").unlink(),
            "weights: changed .* is none, for it is missing, ex",
        ),
        (lambda at: (at / "more").touch(), "more: changed .*, expected no such file as in SHA256S"),
        (lambda at: (at / SUMS_FILE).unlink(), "SHA256SUMS: not there: the model is missing, or "),
        (lambda at: (at / SUMS_FILE).write_bytes(b"\xff"), "SHA256SUMS: damaged: expected lines"),
        (lambda at: (at / SUMS_FILE).write_text("0 weights\n"), "SHA256SUMS: damaged: expected li"),
        (lambda at: (at / SUMS_FILE).write_text(""), "facts.json: changed .* expected no such fil"),
    ],
)
def test_what_is_no_longer_as_it_was_is_named(
    folder: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(folder)
    weights = folder / "weights"
    found = sha256(weights) if weights.exists() else ""
    with pytest.raises(HashError, match=f"^{folder}/{message.format(found)}.*; train again$"):
        require_sums(folder, "train again")
