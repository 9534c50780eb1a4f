"""Marks follow from the two standard errors alone, and say what they rest on."""

from __future__ import annotations

import pytest

from szmass.evaluation.agreement import AGREES, DIFFERS, NOT_COMPARABLE
from szmass.report.differences import reason
from szmass.report.exhibits import Arms, Row
from szmass.report.marks import agreement

BOTH = {"width_err": 0.03, "paper_width_err": 0.04}


def numbers(ours: float, **others: float) -> dict[str, float]:
    return {"width": ours, "paper_width": 1.0, **others}


@pytest.mark.parametrize(
    ("metrics", "mark", "sentence"),
    [
        (numbers(1.09, **BOTH), AGREES, "1.80 combined standard errors apart."),
        (numbers(0.89, **BOTH), DIFFERS, "2.20 combined standard errors apart: since."),
        (numbers(1.0, width_err=0.03), NOT_COMPARABLE, "the paper states no standard error."),
        (numbers(1.0, paper_width_err=0.03), NOT_COMPARABLE, "szmass states no standard error."),
    ],
)
def test_a_mark_follows_from_the_two_standard_errors(
    metrics: dict[str, float], mark: str, sentence: str
):
    found = agreement(metrics, Row("", "width"), "since")
    assert found is not None
    assert (found.mark, found.sentence) == (mark, sentence)


def test_a_number_that_one_of_the_two_lacks_has_no_mark():
    assert agreement({"width": 1.0}, Row("", "width")) is None
    assert agreement({"paper_width": 1.0}, Row("", "width")) is None


def test_a_number_of_other_clusters_is_not_comparable_where_its_metric_says_so():
    row = Row("", "width", unlike="another sky", unlike_with="width_true")
    other = agreement(numbers(9.0, width_true=1.0, **BOTH), row)
    same = agreement(numbers(9.0, **BOTH), row)
    assert other is not None
    assert same is not None
    assert (other.mark, other.sentence) == (NOT_COMPARABLE, "another sky.")
    assert same.mark == DIFFERS


def test_a_median_is_compared_by_the_error_of_the_median():
    metrics = {
        "relerr_median_msz": 0.14,
        "relerr_stderr_msz": 0.006,
        "paper_relerr_median_msz": 0.13,
        "paper_relerr_stderr_msz": 0.008,
    }
    found = agreement(metrics, Arms("", "msz"))
    assert found is not None
    assert (found.mark, found.sentence) == (AGREES, "1.00 combined standard errors apart.")


def test_the_reason_is_that_of_the_table_of_differences():
    assert "exact posterior" in reason("microwave.mresunet", "scatter_ln_mass_gauss")
    assert reason("microwave.mresunet", "maps") == ""
