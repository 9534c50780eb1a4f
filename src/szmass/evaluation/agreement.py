"""Whether a number agrees with a paper's, by their distance in standard errors.

Two numbers can be compared if both have a standard error. They agree if they are at most `SIGMAS`
combined standard errors apart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

SIGMAS = 2.0
AGREES, DIFFERS, NOT_COMPARABLE = "agrees", "differs", "not comparable"


def errors_apart(metrics: Mapping[str, float], metric: str, error: str) -> float | None:
    """|ours - paper's| / sqrt(our error^2 + paper's error^2).

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


def mark(apart: float | None) -> str:
    """`AGREES`, `DIFFERS`, or `NOT_COMPARABLE` where the distance is None."""
    if apart is None:
        return NOT_COMPARABLE
    return AGREES if apart <= SIGMAS else DIFFERS
