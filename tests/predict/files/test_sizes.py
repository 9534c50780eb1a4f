"""Sizes for people."""

from __future__ import annotations

from szmass.predict.files.sizes import in_words


def test_sizes_are_said_in_units_that_a_person_reads() -> None:
    assert in_words(512) == "512 bytes"
    assert in_words(298 * 2**30) == "298 GiB"
    assert in_words(67 * 2**40) == "67 TiB"
    assert in_words(5000 * 2**40) == "5000 TiB"
