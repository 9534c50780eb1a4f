"""The mark of a number beside the paper's in the report, and the sentence that says why."""

from __future__ import annotations

from dataclasses import dataclass

from szmass.evaluation.agreement import DIFFERS, NOT_COMPARABLE, errors_apart, mark
from szmass.report.exhibits import Arms, Row
from szmass.report.results import Metrics


@dataclass(frozen=True)
class Agreement:
    """How a number stands to the paper's."""

    mark: str
    """One of those of `szmass.evaluation.agreement`."""
    sentence: str

    @property
    def word(self) -> str:
        """The mark as one word, for the page's style."""
        return self.mark.replace(" ", "-")


def agreement(metrics: Metrics, row: Row | Arms, reason: str = "") -> Agreement | None:
    """The mark of a number in a table.

    Args:
        metrics: the numbers beside it, the paper's as `paper_...`.
        row: the number.
        reason: why it differs, if it does; nothing where no reason is known.

    Returns:
        None where we or the paper have no such number.
    """
    metric, error = row.compared
    if metric not in metrics or f"paper_{metric}" not in metrics:
        return None
    if row.unlike and (not row.unlike_with or row.unlike_with in metrics):
        return Agreement(NOT_COMPARABLE, f"{row.unlike}.")
    apart = errors_apart(metrics, metric, error)
    if apart is None:
        whose = "the paper" if error in metrics else "szmass"
        return Agreement(NOT_COMPARABLE, f"{whose} states no standard error.")
    found = mark(apart)
    why = f": {reason}" if found == DIFFERS and reason else ""
    return Agreement(found, f"{apart:.2f} combined standard errors apart{why}.")
