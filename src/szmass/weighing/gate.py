"""Whether posteriors hold what they say: ranks of true masses, judged by their finite-sample error.

The rank of a true mass is the probability that its posterior gives to lower masses. Over clusters
drawn from the prior, ranks are uniform, whatever a cluster's map says; so are those of any clusters
that are chosen by what the posterior may know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from szmass.errors import SzmassError
from szmass.provenance import sha256

LEVELS = (0.50, 0.68, 0.90, 0.95)
"""Of the central intervals whose coverage is judged."""
FALSE_ALARM = 0.005
"""Probability that calibrated posteriors fail any of the checks."""
SHRUNK = 0.85
"""Widths so much too small are to be found; where they would not, a group has little power."""


class GateError(SzmassError):
    """Posteriors do not hold what they say, or there is no verdict on them."""


def require_passed_gate(verdict: Path, record: Path | None = None) -> None:
    """Raises an error unless a verdict, as `as_verdict` makes it, says that all is right.

    Args:
        verdict: on the record's intervals, or on the method.
        record: that is to be used, where the verdict is one on a record.

    Raises:
        GateError: names each check that failed, or what is wrong with the file, or it judged
            another record.
    """
    try:
        content = json.loads(verdict.read_text())
        success, failed = content["success"], list(content["failed"])
        judged = "" if record is None else content["record_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GateError(f"{verdict}: cannot be read as the gate's verdict: {error!r}") from error
    if success is not True:
        raise GateError("\n".join([f"{verdict}: weighing fails its checks:", *map(str, failed)]))
    if record is not None and judged != (digest := sha256(record)):
        raise GateError(
            f"{verdict}: judged a record of sha256 {judged[:12]}..., {record} has "
            f"{digest[:12]}...: judge this one (dvc repro evaluate_weighing)"
        )


@dataclass(frozen=True)
class Check:
    """One number of a group of clusters, and the range in which calibrated posteriors leave it."""

    group: str
    what: str
    """`coverage_68` and so on, or `mean_rank`."""
    clusters: int
    expected: float
    found: float
    low: float
    high: float
    power: float
    """Probability of finding widths that are 15 % too small."""

    @property
    def passed(self) -> bool:
        """Whether the number lies in its range."""
        return bool(self.low <= self.found <= self.high)

    def in_words(self) -> str:
        """What was found, and what was expected."""
        power = "" if self.power >= 0.5 else f"; widths 15 % too small pass in {1 - self.power:.0%}"
        return (
            f"{self.group}: {self.what} = {self.found:.3f} of {self.clusters} clusters: expected "
            f"{self.expected:g}, {self.low:.3f} to {self.high:.3f}{power}"
        )


def as_verdict(checks: Sequence[Check], record: Path | None = None) -> dict[str, Any]:
    """What `require_passed_gate` reads: whether all passed, which did not in words, and all.

    Args:
        checks: all of them.
        record: that was judged, where it was one.
    """
    failed = [check.in_words() for check in checks if not check.passed]
    return {
        "success": not failed,
        **({} if record is None else {"record_sha256": sha256(record)}),
        "failed": failed,
        "checks": [asdict(check) | {"passed": check.passed} for check in checks],
    }


def in_words(checks: Sequence[Check], of: str) -> str:
    """The gate in Markdown: how many checks passed, or those that did not.

    Args:
        checks: all of them.
        of: what they look at.
    """
    failed = [check for check in checks if not check.passed]
    if not failed:
        return f"The gate: all {len(checks)} checks passed, {of}."
    lines = [f"The gate: {len(failed)} of {len(checks)} checks failed:", ""]
    return "\n".join(lines + [f"- {check.in_words()}" for check in failed])


def coverage(ranks: np.ndarray, level: float) -> float:
    """Share of ranks within the central interval of a probability.

    Example:
        >>> coverage(np.array([0.01, 0.2, 0.6, 0.9]), 0.68)
        0.5
    """
    return float(np.mean(np.abs(ranks - 0.5) <= level / 2.0))


def judge(ranks: np.ndarray, groups: Mapping[str, np.ndarray]) -> list[Check]:
    """Checks coverage and mean rank in each group.

    The ranges are such that calibrated posteriors fail any check with a probability of at most
    `FALSE_ALARM`, shared equally between the checks.

    Args:
        ranks: of the true masses, `(n,)`.
        groups: which clusters belong to a group, `(n,)` bool, by name; empty groups are left out.
    """
    filled = {name: ranks[rows] for name, rows in groups.items() if rows.any()}
    alarm = FALSE_ALARM / max(1, len(filled) * (len(LEVELS) + 1))
    checks: list[Check] = []
    for name, of_group in filled.items():
        checks += [_coverage_check(name, of_group, level, alarm) for level in LEVELS]
        checks.append(_mean_check(name, of_group, alarm))
    return checks


def judge_expected_coverage(found: np.ndarray, count: int) -> list[Check]:
    """Checks what `expected_coverage` gave of so many clusters at `LEVELS`."""
    alarm = FALSE_ALARM / len(LEVELS)
    return [
        _share_check("all", f"expected_coverage_{100 * level:.0f}", count, level, share, alarm)
        for level, share in zip(LEVELS, found.tolist(), strict=True)
    ]


def _coverage_check(group: str, ranks: np.ndarray, level: float, alarm: float) -> Check:
    found = coverage(ranks, level)
    return _share_check(group, f"coverage_{100 * level:.0f}", len(ranks), level, found, alarm)


def _share_check(
    group: str, what: str, count: int, level: float, found: float, alarm: float
) -> Check:
    """A share of clusters that is to be `level`."""
    low, high = binom.ppf([alarm / 2.0, 1.0 - alarm / 2.0], count, level)
    # the coverage of a Gaussian's interval whose width is too small
    shrunk = 2.0 * norm.cdf(SHRUNK * norm.isf((1.0 - level) / 2.0)) - 1.0
    return Check(
        group,
        what,
        count,
        level,
        found,
        float(low / count),
        float(high / count),
        float(binom.cdf(low - 1, count, shrunk)),
    )


def _mean_check(group: str, ranks: np.ndarray, alarm: float) -> Check:
    tolerance = float(norm.isf(alarm / 2.0)) / np.sqrt(12.0 * len(ranks))
    return Check(
        group,
        "mean_rank",
        len(ranks),
        0.5,
        float(ranks.mean()),
        0.5 - tolerance,
        0.5 + tolerance,
        1.0,
    )


def expected_coverage(
    axis: np.ndarray,
    cumulative: np.ndarray,
    truth: np.ndarray,
    *,
    levels: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Coverage of regions about random points (TARP, Lemos et al. 2023, arXiv 2302.03026).

    For a reference point r the region of credibility c is the masses nearer to r than a distance
    that holds c of the posterior; a true mass lies in it with the probability c if the posterior
    is right, wherever r is. A bias that all clusters share cancels between the points on both
    sides: `mean_rank` finds that one.

    Args:
        axis: evenly spaced values, `(nodes,)`.
        cumulative: probability below each, `(n, nodes)`.
        truth: true values, `(n,)`.
        levels: credibilities.
        rng: of the reference points, uniform over the axis.

    Returns:
        The share of clusters within their region at each level.
    """
    reference = rng.uniform(axis[0], axis[-1], len(truth))
    distance = np.abs(truth - reference)
    inside = np.array(
        [
            np.interp(point + apart, axis, below) - np.interp(point - apart, axis, below)
            for point, apart, below in zip(reference, distance, cumulative, strict=True)
        ]
    )
    return np.asarray(np.mean(inside[:, None] <= levels, axis=0))
