"""Whether a number agrees with the paper's: a mark, and the sentence that says why.

Two numbers can be compared if both have a standard error. They agree if they are at most `SIGMAS`
combined standard errors apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from szmass.report.exhibits import Arms, Row
from szmass.report.results import Metrics

SIGMAS = 2.0
AGREES, DIFFERS, NOT_COMPARABLE = "agrees", "differs", "not comparable"


@dataclass(frozen=True)
class Agreement:
    """How a number stands to the paper's."""

    mark: str
    """`AGREES`, `DIFFERS` or `NOT_COMPARABLE`."""
    sentence: str

    @property
    def word(self) -> str:
        """The mark as one word, for the page's style."""
        return self.mark.replace(" ", "-")


def errors_apart(metrics: Metrics, metric: str, error: str) -> float | None:
    """How far a number is from the paper's, in combined standard errors.

    Args:
        metrics: the numbers beside it, the paper's as `paper_...`.
        metric: its key.
        error: the key of its standard error.

    Returns:
        None where one of the two errors is not known.
    """
    if error not in metrics or f"paper_{error}" not in metrics:
        return None
    apart = abs(metrics[metric] - metrics[f"paper_{metric}"])
    return apart / math.hypot(metrics[error], metrics[f"paper_{error}"])


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
    distance = f"{apart:.2f} combined standard errors apart"
    if apart <= SIGMAS:
        return Agreement(AGREES, f"{distance}.")
    return Agreement(DIFFERS, f"{distance}: {reason}." if reason else f"{distance}.")
