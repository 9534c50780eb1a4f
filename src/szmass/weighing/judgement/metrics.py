"""How good masses by weighing are: bias, scatter and coverage, by redshift and in the tails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from szmass.evaluation.statistics import half_width
from szmass.sky.redshift_bins import ALL_BINS, redshift_bin
from szmass.weighing.judgement.gate import (
    BANDS,
    LEVELS,
    TOTAL_AT_LEAST,
    Share,
    TailCoverage,
    coverage,
)
from szmass.weighing.judgement.judged import TAILS_MSUN, Judged, fifths_of
from szmass.weighing.weigher import Weigher

FEWEST = 10
"""Percentiles of fewer clusters mean nothing."""


def measure(judged: Judged, bins: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Metrics of a data set by redshift bin, `all` the last.

    b = (M_est - M_true) / M_est (de Andres et al. 2022, Eq. 1) of the posteriors' medians.
    """
    metrics = {
        name: _metrics(judged, rows)
        for name, rows in groups_of(judged.redshift, bins).items()
        if rows.sum() >= FEWEST
    }
    for (name, fifth), rows in fifths_of(judged.redshift, bins).items():
        if name in metrics:
            for level in BANDS:
                held = coverage(judged.rank[rows], level)
                metrics[name][f"coverage_{100 * level:.0f}_{fifth}_fifth"] = held
    if ALL_BINS in metrics:
        for tail in tails(judged):
            metrics[ALL_BINS] |= tail.metrics()
    return metrics


def groups_of(redshift: np.ndarray, bins: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """Clusters of each bin, and `all`, `(n,)` bool by name."""
    index = redshift_bin(redshift, bins)
    groups = {name: index == number for number, name in enumerate(bins)}
    return groups | {ALL_BINS: np.ones(len(index), dtype=bool)}


@dataclass(frozen=True)
class Tail:
    """Clusters whose true or estimated mass is above a cut."""

    data_set: str
    cut_msun: float
    by_truth: bool
    coverage: dict[float, TailCoverage]
    """By the intervals' probability."""

    @property
    def words(self) -> str:
        """Which clusters, in a table."""
        return f"{'true' if self.by_truth else 'estimated'} mass above {self.cut_msun:.2g} Msun"

    def metrics(self) -> dict[str, float]:
        """Found, expected and its error, by name."""
        above = f"above_{self.cut_msun / 1e15:.1f}e15".replace(".", "p")
        above += "" if self.by_truth else "_estimated"
        metrics: dict[str, float] = {}
        for level, one in self.coverage.items():
            name = f"coverage_{100 * level:.0f}_{above}"
            metrics[f"maps_{above}"] = one.clusters
            metrics |= {name: one.found, f"{name}_expected": one.expected}
            metrics[f"{name}_error"] = one.error
        return metrics

    def shares(self) -> list[Share]:
        """Shares for the gate: the expected ones, with the tolerance of `BANDS`."""
        return [
            Share(
                group=f"{self.data_set}, {self.words}",
                what=f"coverage_{100 * level:.0f}",
                clusters=one.clusters,
                found=one.found,
                expected=one.expected,
                low=max(0.0, one.expected + BANDS[level][0] - level),
                high=min(1.0, one.expected + BANDS[level][1] - level),
            )
            for level, one in self.coverage.items()
        ]


def tails(judged: Judged) -> list[Tail]:
    """Clusters above `TAILS_MSUN` by true and by estimated mass, where there are any."""
    found = []
    for number, cut in enumerate(TAILS_MSUN):
        below = judged.below[:, number]
        # those chosen by their estimate are chosen by what the posterior knows
        estimated = judged.masses["m500_msun"] > cut
        choices = (
            (judged.truth_msun > cut, judged.rank, below),
            (
                np.ones(int(estimated.sum()), dtype=bool),
                judged.rank[estimated],
                np.zeros(int(estimated.sum())),
            ),
        )
        for by_truth, (above, rank, c) in zip((True, False), choices, strict=True):
            if above.any():
                coverages = {level: TailCoverage.of(rank, c, above, level) for level in BANDS}
                found.append(Tail(judged.data_set, cut, by_truth, coverages))
    return found


def shares(judged: Judged, bins: Mapping[str, Sequence[float]]) -> list[Share]:
    """Coverage that the gate checks: of each bin, its nearest and farthest fifth, and the tails."""
    groups = groups_of(judged.redshift, bins)
    groups |= {
        f"{name}, {fifth} fifth": rows
        for (name, fifth), rows in fifths_of(judged.redshift, bins).items()
    }
    found = [
        Share(
            group=f"{judged.data_set}, {name}",
            what=f"coverage_{100 * level:.0f}",
            clusters=int(rows.sum()),
            found=coverage(judged.rank[rows], level),
            expected=level,
            low=low,
            high=high,
        )
        for name, rows in groups.items()
        if rows.any()
        for level, (low, high) in BANDS.items()
    ]
    return found + [share for tail in tails(judged) for share in tail.shares()]


def total_shares(judged: Judged) -> list[Share]:
    """Coverage by total intervals, which the gate requires to be at least `TOTAL_AT_LEAST`."""
    return [
        Share(
            group=judged.data_set,
            what=f"coverage_{100 * level:.0f}_total",
            clusters=len(judged.total_rank),
            found=coverage(judged.total_rank, level),
            expected=level,
            low=least,
            high=1.0,
            finds_narrow=False,
        )
        for level, least in TOTAL_AT_LEAST.items()
    ]


def _metrics(judged: Judged, rows: np.ndarray) -> dict[str, float]:
    estimate, truth = judged.masses["m500_msun"][rows], judged.truth_msun[rows]
    error, dex = 1.0 - truth / estimate, np.log10(estimate / truth)
    low, middle, high = np.percentile(error, [16, 50, 84])
    metrics = {
        "maps": int(rows.sum()),
        "relerr_median": float(middle),
        "relerr_p16": float(low),
        "relerr_p84": float(high),
        "relerr_half_width": half_width(error),
        "scatter_dex": float(dex.std()),
        "flagged_share": float(judged.flagged[rows].mean()),
    }
    for level in LEVELS:
        metrics[f"coverage_{100 * level:.0f}"] = coverage(judged.rank[rows], level)
        metrics[f"coverage_{100 * level:.0f}_total"] = coverage(judged.total_rank[rows], level)
    for suffix in ("", "_total"):
        ends = (judged.masses[f"m500_msun{suffix}_{end}"][rows] for end in ("p84", "p16"))
        upper, lower = ends
        metrics[f"interval_68_dex{suffix}"] = float(np.median(np.log10(upper / lower) / 2.0))
    return metrics


def compare(
    judged: Judged, others: pd.DataFrame, bins: Mapping[str, Sequence[float]]
) -> dict[str, dict[str, float]]:
    """Half-widths of other estimators on the same maps, by redshift bin.

    Args:
        judged: the clusters as weighed.
        others: `cluster`, `m500c_msun` and `<estimator>_msun` of the same maps.
        bins: redshift bins.
    """
    same = others.set_index("cluster").loc[judged.cluster]
    found: dict[str, dict[str, float]] = {}
    for name, rows in groups_of(judged.redshift, bins).items():
        if rows.sum() < FEWEST:
            continue
        found[name] = {}
        for metric, column in OTHERS.items():
            error = 1.0 - same["m500c_msun"].to_numpy()[rows] / same[column].to_numpy()[rows]
            found[name][f"{metric}_relerr_half_width"] = half_width(error)
            found[name][f"{metric}_relerr_median"] = float(np.median(error))
    return found


OTHERS = {
    "matched_filter": "matched_filter_msun",
    "cnn": "ensemble_msun",
    "cnn_posterior": "posterior_msun",
}
"""Other estimators' columns, by the beginning of the metrics' names."""


def noise_metrics(weigher: Weigher, maps: np.ndarray, noise: np.ndarray) -> dict[str, float]:
    """The noise of maps in the filters, over the noise level that weighing measures.

    Args:
        weigher: the estimator.
        maps: of clusters, `(n, pixels, pixels)`.
        noise: of the same maps, without the sky; those with NaN are left out.

    Returns:
        `maps`; `noise_ratio`, the root mean square of the noise's amplitudes over the level
        measured in the map, below 1 where sources and clusters raise that level;
        `noise_ratio_own_level`, the same over the level measured in the noise, 1 if the noise has
        the spectrum that the filters were made for. All filters count alike.
    """
    whole = np.isfinite(noise).all(axis=(1, 2))
    anywhere = np.ones(int(whole.sum()))
    amplitude = weigher.inputs(noise[whole], anywhere).amplitude
    of_map, of_noise = (
        float(np.sqrt(np.mean((amplitude / level[:, None]) ** 2)))
        for level in (weigher.inputs(part[whole], anywhere).level for part in (maps, noise))
    )
    return {
        "maps": int(whole.sum()),
        "noise_ratio": of_map,
        "noise_ratio_own_level": of_noise,
    }
