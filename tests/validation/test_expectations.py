"""Expectations of tables: what they find, what they say, and what they leave behind."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from szmass.validation.expectations import (
    CheckedTable,
    ChecksFailedError,
    Expectation,
    Verdict,
    check,
    equal,
    every,
    increasing,
    mean,
    standard_deviation,
    unique,
)

ROWS = pd.DataFrame(
    {
        "map": [10, 11, 12, 13],
        "set": ["train", "train", "test", "test"],
        "rms_uk": [1.0, 3.0, 5.0, np.nan],
        "digest": ["a", "b", "b", None],
        "found": [1, 2, 3, 4],
        "asked": [1, 2, 3, 5],
        "repeated": [1, 1, 2, 2],
        "empty": [np.nan] * 4,
    }
)


def verdict_of(tmp_path: Path, *expectations: Expectation) -> Verdict:
    table = CheckedTable("maps", ROWS, "map", expectations, {"rms_uk": "rms of a map"})
    return check([table], tmp_path / "docs")


@pytest.mark.parametrize(
    ("expectation", "observed"),
    [
        (every("rms_uk", 1.0, 5.0, where=None), [1.0, 5.0]),
        (every("rms_uk", 1.0, 3.0, where=("set", "train")), [1.0, 3.0]),
        (mean("rms_uk", 2.0, 2.0, where=("set", "train")), 2.0),
        (mean("rms_uk", 4.9, 5.1, where=("set", "test")), 5.0),
        (standard_deviation("rms_uk", 1.9, 2.1, where=None), 2.0),
        (increasing("found"), "0 of 4 rows fail"),
        (equal("found", "found"), "0 of 4 rows fail"),
        (unique("map"), "0 of 4 rows fail"),
    ],
)
def test_what_holds_passes_with_its_observed_value(tmp_path, expectation, observed):
    verdict = verdict_of(tmp_path, expectation)
    assert verdict.success
    assert verdict.results[0].observed == observed
    verdict.require_success()


@pytest.mark.parametrize(
    ("expectation", "message"),
    [
        (
            every("rms_uk", 0.0, 4.0, where=None),
            "maps: every rms_uk: observed 1 to 5, expected 0 to 4; first map 12, rms_uk 5.0",
        ),
        (
            mean("rms_uk", 3.0, 4.0, where=("set", "train")),
            "maps: mean rms_uk, set train: observed 2.0, expected 3 to 4",
        ),
        (
            mean("rms_uk", 3.0, 4.0, where=("set", "spare")),
            "maps: mean rms_uk, set spare: observed None, expected 3 to 4",
        ),
        (
            standard_deviation("rms_uk", 0.0, 1.0, where=None),
            "maps: standard deviation of rms_uk: observed 2.0, expected 0 to 1",
        ),
        (
            unique("digest"),
            (
                "maps: no repeated digest: observed 2 of 4 rows fail, expected no value twice; "
                "first map 11, digest b; map 12, digest b"
            ),
        ),
        (
            increasing("repeated"),
            (
                "maps: increasing repeated: observed 2 of 4 rows fail, expected each above the "
                "last; first map 11, repeated 1; map 13, repeated 2"
            ),
        ),
        (
            equal("found", "asked"),
            (
                "maps: every found: observed 1 of 4 rows fail, expected equal to asked; "
                "first map 13, found 4, asked 5"
            ),
        ),
    ],
)
def test_what_fails_is_named_with_value_range_and_rows(tmp_path, expectation, message):
    verdict = verdict_of(tmp_path, expectation)
    assert not verdict.success
    with pytest.raises(ChecksFailedError) as failure:
        verdict.require_success(Path("verdict.json"))
    assert str(failure.value) == f"1 of 1 expectations fail (see verdict.json):\n{message}"


def test_a_column_without_values_has_nothing_to_observe(tmp_path):
    asked = every("empty", 0.0, 1.0, where=None), mean("empty", 0.0, 1.0, where=None)
    verdict = verdict_of(tmp_path, *asked)
    assert [result.success for result in verdict.results] == [True, False]
    assert str(verdict.results[0]).endswith("observed nan, expected 0 to 1")
    verdict.write(tmp_path / "verdict.json")
    assert json.loads((tmp_path / "verdict.json").read_text())["failed"] == 1


def test_a_column_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"maps: mean nowhere: cannot be observed"):
        verdict_of(tmp_path, mean("nowhere", 0.0, 1.0, where=None))


def test_results_come_in_the_order_of_the_expectations(tmp_path):
    expectations = [
        every("found", 0, 9, where=None),
        mean("asked", 0, 9, where=None),
        every("rms_uk", 0, 9, where=None),
        mean("found", 0, 9, where=None),
    ]
    verdict = verdict_of(tmp_path, *expectations)
    assert [result.name for result in verdict.results] == [asked.name for asked in expectations]


def test_the_verdict_is_the_same_bytes_and_has_failures_first(tmp_path):
    expectations = every("found", 0, 9, where=None), every("asked", 0, 4, where=None)
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        verdict_of(tmp_path, *expectations).write(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    content = json.loads(paths[0].read_text())
    assert content["success"] is False
    assert (content["expectations"], content["failed"]) == (2, 1)
    assert [result["success"] for result in content["results"]] == [False, True]
    assert content["results"][0]["failing"] == [{"map": 13, "asked": 5}]
    assert content["columns"] == {"maps.rms_uk": "rms of a map"}
    assert sorted(tmp_path.iterdir()) == [*paths, tmp_path / "docs"]


def test_the_pages_show_names_ranges_and_values_and_replace_older_ones(tmp_path):
    for _ in range(2):
        verdict_of(tmp_path, every("rms_uk", 0.25, 4.125, where=("set", "test")))
    assert (tmp_path / "docs" / "index.html").exists()
    (page,) = (tmp_path / "docs" / "validations").rglob("*.html")
    text = page.read_text()
    assert page.relative_to(tmp_path / "docs").parts[2] == "docs", "the run is named by its folder"
    assert "every rms_uk, set test: 0.25 to 4.125" in text
    assert "Failed" in text
