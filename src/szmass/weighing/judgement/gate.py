"""The gate: tests whether posteriors are calibrated, by the ranks of true masses.

The rank of a true mass is the probability that its posterior gives to lower masses. Over clusters
drawn from the prior, ranks are uniform if the posteriors are right. The same holds for clusters
that are selected by what the posterior is told or returns, such as redshift or the estimated mass.
Every limit allows for the finite number of clusters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom, norm

from szmass.errors import SzmassError
from szmass.hashes import sha256

LEVELS = (0.50, 0.68, 0.90, 0.95)
"""Probabilities of the central intervals whose coverage is checked."""
FALSE_ALARM = 0.005
"""Probability that calibrated posteriors fail any check of one kind (`judge` and so on)."""
SHRUNK = 0.85
"""Factor on the widths that a check of coverage should find; if not, its group has low power."""
BIASED = 0.2
"""Bias, in sigmas, that a check of the mean rank should find; likewise."""
NARROW_FAULT, BIAS_FAULT = "widths 15 % too small", "a bias of 0.2 sigma"
BANDS = {0.68: (0.65, 0.71), 0.95: (0.93, 0.97)}
"""Allowed coverage on simulated maps, where the prior is an estimate; finite samples allow more."""
MOST_FALL_DEX = 1e-3
"""A smaller decrease of the median is rounding: a tenth of the distance between the axis' nodes."""
MOST_APART_DEX = 0.1
"""Largest difference between weighing and the round fit, median over a bin's bright clusters."""
FEWEST_BRIGHTENED = 50
"""Clusters of a bin, fewer of which say too little of a network; metrics have them all the same."""
TOTAL_AT_LEAST = {0.68: 0.50, 0.95: 0.90}
"""Least coverage by total intervals of clusters whose gas had no part in the prior of the gas."""


class GateError(SzmassError):
    """Posteriors failed a check, or there is no verdict on them."""


def require_passed_gate(verdict: Path, record: Path | None = None) -> None:
    """Raises an error unless all checks of a verdict, as `as_verdict` makes it, have passed.

    Args:
        verdict: on a record, or on the method (`weigh_microwave`).
        record: the file that will be used, if the verdict is on a record.

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
    """Probability of finding `fault`."""
    fault: str = ""
    """What is to be found; empty where the check is for no fault of the widths or the mean."""

    @property
    def passed(self) -> bool:
        """Whether the number lies in its range."""
        return bool(self.low <= self.found <= self.high)

    @property
    def of_low_power(self) -> bool:
        """Whether the fault would more often pass than not."""
        return self.power < 0.5

    def in_words(self) -> str:
        """What was found, and what was expected."""
        power = f"; {self.fault} pass in {1 - self.power:.0%}" if self.of_low_power else ""
        return (
            f"{self.group}: {self.what} = {self.found:.3f} of {self.clusters} clusters: expected "
            f"{round(self.expected, 3):g}, {self.low:.3f} to {self.high:.3f}{power}"
        )


def as_verdict(checks: Sequence[Check], record: Path | None = None) -> dict[str, Any]:
    """What `require_passed_gate` reads: whether all checks passed, which failed, and all of them.

    Args:
        checks: all of them.
        record: the file that was checked, if it was one.
    """
    failed = [check.in_words() for check in checks if not check.passed]
    return {
        "success": not failed,
        **({} if record is None else {"record_sha256": sha256(record)}),
        "failed": failed,
        "checks": [asdict(check) | {"passed": check.passed} for check in checks],
    }


def in_words(checks: Sequence[Check], of: str) -> str:
    """The gate in Markdown: how many checks passed, or those that did not; those of low power.

    Args:
        checks: all of them.
        of: what they look at.
    """
    failed = [check for check in checks if not check.passed]
    if failed:
        lines = [f"The gate: {len(failed)} of {len(checks)} checks failed:", ""]
        lines += [f"- {check.in_words()}" for check in failed]
    else:
        lines = [f"The gate: all {len(checks)} checks passed, {of}."]
    faults = Counter(check.fault for check in checks if check.of_low_power)
    if faults:
        counts = ", ".join(f"{fault} in {count}" for fault, count in faults.items())
        words = (
            f"{faults.total()} of {len(checks)} checks have few clusters, and would miss a fault "
            f"more often than find it\n({counts}); the verdict names them."
        )
        lines += ["", words]
    return "\n".join(lines)


def coverage(ranks: np.ndarray, level: float) -> float:
    """Share of ranks within the central interval of a probability.

    Example:
        >>> coverage(np.array([0.01, 0.2, 0.6, 0.9]), 0.68)
        0.5
    """
    return float(np.mean(np.abs(ranks - 0.5) <= level / 2.0))


def judge(ranks: np.ndarray, groups: Mapping[str, np.ndarray], *, others: int = 0) -> list[Check]:
    """Checks coverage and mean rank in each group.

    The ranges are such that calibrated posteriors fail any check of a gate with a probability of at
    most `FALSE_ALARM`, shared equally between the checks.

    Args:
        ranks: of the true masses, `(n,)`.
        groups: which clusters belong to a group, `(n,)` bool, by name; empty groups are left out.
        others: how many checks the gate has beside these.
    """
    filled = {name: ranks[rows] for name, rows in groups.items() if rows.any()}
    alarm = FALSE_ALARM / max(1, len(filled) * (len(LEVELS) + 1) + others)
    checks: list[Check] = []
    for name, of_group in filled.items():
        checks += [_coverage_check(name, of_group, level, alarm) for level in LEVELS]
        checks.append(_mean_check(name, of_group, alarm))
    return checks


def judge_expected_coverage(found: np.ndarray, count: int, *, others: int = 0) -> list[Check]:
    """Checks what `expected_coverage` gave of so many clusters at `LEVELS`; `others` as above."""
    alarm = FALSE_ALARM / (len(LEVELS) + others)
    return [
        _share_check("all", f"expected_coverage_{100 * level:.0f}", count, level, share, alarm)
        for level, share in zip(LEVELS, found.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class TailCoverage:
    """Coverage of clusters with a true mass above a cut: found, and expected.

    Central intervals of probability p contain p of all clusters, and p of clusters selected by
    their estimated mass, but another share of clusters selected by their true mass. A posterior
    with the probability c below the cut has 1 - c above it, and
    q = max(0, (1 + p)/2 - max((1 - p)/2, c)) both above it and within its interval. The expected
    share is e = sum q / sum (1 - c), over all clusters.
    """

    clusters: int
    found: float
    expected: float
    error: float
    """Standard deviation of `found` about `expected` where the posteriors are right, from the
    variance of (inside - e) above, summed over all clusters."""

    @classmethod
    def of(
        cls, ranks: np.ndarray, below: np.ndarray, above: np.ndarray, level: float
    ) -> TailCoverage:
        """The share that central intervals of a probability hold.

        Args:
            ranks: of the true masses, `(n,)`.
            below: the probability c of each posterior, `(n,)`.
            above: whether the true mass is above the cut, `(n,)` bool; at least one is.
            level: probability of the intervals.

        Example:
            Half of a cluster's posterior lies above the cut, and so does the upper half of its
            interval, which is 0.34 of all and 0.68 of what lies above:

            >>> ranks, below = np.array([0.7]), np.array([0.5])
            >>> float(round(TailCoverage.of(ranks, below, ranks > below, 0.68).expected, 3))
            0.68
        """
        tail = 1.0 - below
        # where no posterior reaches the cut none of it is held
        total = max(float(tail.sum()), np.finfo(float).tiny)
        held = np.maximum(0.0, (1.0 + level) / 2.0 - np.maximum((1.0 - level) / 2.0, below))
        expected = float(held.sum()) / total
        mean = held - expected * tail
        square = held * (1.0 - expected) ** 2 + (tail - held) * expected**2
        error = np.sqrt(np.sum(square - mean**2)) / total
        return cls(int(above.sum()), coverage(ranks[above], level), expected, float(error))


@dataclass(frozen=True)
class Share:
    """A share of clusters, and between what it should lie but for their finite number."""

    group: str
    what: str
    clusters: int
    found: float
    expected: float
    low: float
    high: float
    finds_narrow: bool = True
    """Whether widths that are too small are to be found by it; total intervals may be wider."""


def judge_shares(shares: Sequence[Share], *, others: int = 0) -> list[Check]:
    """Checks shares; `others` as above.

    A share may leave its bounds by what the binomial distribution of its clusters allows.
    """
    alarm = FALSE_ALARM / max(1, len(shares) + others)
    checks = [
        _share_check(
            one.group, one.what, one.clusters, one.expected, one.found, alarm, (one.low, one.high)
        )
        for one in shares
    ]
    return [
        check if one.finds_narrow else replace(check, power=1.0, fault="")
        for one, check in zip(shares, checks, strict=True)
    ]


def judge_all(
    ranks: np.ndarray,
    groups: Mapping[str, np.ndarray],
    *,
    expected_coverage: np.ndarray,
    of_maps: Sequence[Share],
) -> list[Check]:
    """All checks of a finite number of clusters, with one `FALSE_ALARM` shared between them.

    Args:
        ranks: of the true masses of the gate's own clusters, `(n,)`.
        groups: as of `judge`.
        expected_coverage: of the same clusters, at `LEVELS`.
        of_maps: shares of the clusters in maps.
    """
    own = (len(LEVELS) + 1) * sum(bool(rows.any()) for rows in groups.values())
    counts = own, len(LEVELS), len(of_maps)
    in_groups, about_points, in_maps = (sum(counts) - count for count in counts)
    return [
        *judge(ranks, groups, others=in_groups),
        *judge_expected_coverage(expected_coverage, len(ranks), others=about_points),
        *judge_shares(of_maps, others=in_maps),
    ]


def judge_brightness(by_bin: Mapping[str, Mapping[str, float]]) -> list[Check]:
    """Checks that no mass decreases with brightness, and that bright clusters agree with a fit.

    Args:
        by_bin: `brightness.Brightened.metrics`.
    """
    limits = {"fall_dex": MOST_FALL_DEX, "bright_dex": MOST_APART_DEX}
    return [
        Check(
            group=f"brightened, {name}",
            what=what,
            clusters=int(values["maps"]),
            expected=0.0,
            found=values[what],
            low=0.0,
            high=most,
            power=1.0,
        )
        for name, values in by_bin.items()
        for what, most in limits.items()
        if what in values and values["maps"] >= FEWEST_BRIGHTENED
    ]


def _coverage_check(group: str, ranks: np.ndarray, level: float, alarm: float) -> Check:
    found = coverage(ranks, level)
    return _share_check(group, f"coverage_{100 * level:.0f}", len(ranks), level, found, alarm)


def _share_check(
    group: str,
    what: str,
    count: int,
    level: float,
    found: float,
    alarm: float,
    bounds: tuple[float, float] | None = None,
) -> Check:
    """A share of clusters that is to be `level`, or to lie within bounds."""
    lowest, highest = bounds or (level, level)
    low = float(binom.ppf(alarm / 2.0, count, lowest))
    high = float(binom.ppf(1.0 - alarm / 2.0, count, highest))
    # the coverage of a Gaussian's interval whose width is too small
    shrunk = 2.0 * norm.cdf(SHRUNK * norm.isf((1.0 - level) / 2.0)) - 1.0
    power = float(binom.cdf(low - 1, count, shrunk))
    return Check(group, what, count, level, found, low / count, high / count, power, NARROW_FAULT)


def _mean_check(group: str, ranks: np.ndarray, alarm: float) -> Check:
    """The mean rank; a bias of b sigmas moves it from 1/2 to Phi(b / sqrt 2)."""
    error = 1.0 / np.sqrt(12.0 * len(ranks))
    tolerance = float(norm.isf(alarm / 2.0)) * error
    moved = float(norm.cdf(BIASED / np.sqrt(2.0))) - 0.5
    power = float(norm.sf((tolerance - moved) / error) + norm.cdf((-tolerance - moved) / error))
    return Check(
        group,
        "mean_rank",
        len(ranks),
        0.5,
        float(ranks.mean()),
        0.5 - tolerance,
        0.5 + tolerance,
        power,
        BIAS_FAULT,
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

    For a reference point r the region of credibility c is all masses nearer to r than the distance
    within which the posterior has the probability c. If the posterior is right, a true mass lies in
    it with the probability c, for any r. A bias common to all clusters cancels between reference
    points on both sides; the check of `mean_rank` finds it.

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
