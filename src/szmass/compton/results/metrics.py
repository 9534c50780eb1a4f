"""Bias, scatter and coverage of masses from y-maps, as de Andres et al. 2022 define them (dA22).

The relative error is b = (M_est - M_true) / M_est (Eq. 1), with the estimate below the line, so a
network that is unbiased in log10 M shows a mean of b of about -(sigma ln 10)^2 / 2, sigma in dex.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import kurtosis, skew

from szmass.compton.network.selection import ENSEMBLE, SELECTED
from szmass.evaluation.statistics import half_width
from szmass.units import MASS_UNIT_MSUN

POSTERIOR = "posterior"
PREDICTORS = (SELECTED, ENSEMBLE)
BASELINES = ("relation", "matched_filter", "prior")
DATA_SETS = ("clean", "planck")
LEVELS = (50, 68, 90, 95)
"""Per cent of the intervals whose coverage is measured."""
CUTS: Mapping[str, tuple[float, float]] = {
    "": (0.0, np.inf),
    "_above_5e14": (5.0 * MASS_UNIT_MSUN, np.inf),
    "_below_3e14": (0.0, 3.0 * MASS_UNIT_MSUN),
}
"""Ranges of estimated mass, low < M <= high, of Supp. Table 2, by suffix of the metrics' names."""
Metrics = Mapping[str, Mapping[str, dict[str, float]]]
"""By data set and redshift bin, `all` the last."""
REDSHIFT_GROUPS = 5
REDSHIFT_ENDS = ("_nearest_fifth", "_farthest_fifth")
"""The ends in redshift of a sample in groups of equal number, by suffix of the metrics' names."""
FEWEST_MAPS = 10
"""Percentiles of fewer maps mean nothing: such a cut is left out."""


def relative_error(estimate_msun: np.ndarray, truth_msun: np.ndarray) -> np.ndarray:
    """The relative error b = (M_est - M_true) / M_est (dA22 Eq. 1)."""
    return 1.0 - truth_msun / estimate_msun


def log10_ratio(estimate_msun: np.ndarray, truth_msun: np.ndarray) -> np.ndarray:
    """log10(M_est / M_true) (dA22 Eq. S.8)."""
    return np.log10(estimate_msun / truth_msun)


def within_cut(estimate_msun: np.ndarray, suffix: str) -> np.ndarray:
    """Which maps have an estimated mass within one of `CUTS`, `(n,)` bool."""
    low, high = CUTS[suffix]
    return (estimate_msun > low) & (estimate_msun <= high)


def equal_count_groups(values: np.ndarray, groups: int) -> list[np.ndarray]:
    """Indices of `values` in ascending order, cut into groups of (nearly) equal number."""
    return np.array_split(np.argsort(values, kind="stable"), groups)


def cluster_bootstrap_error(
    values: np.ndarray, cluster: np.ndarray, *, draws: int, rng: np.random.Generator
) -> float:
    """Standard deviation of the median over samples of clusters drawn with replacement.

    The lines of sight of a cluster share its scatter and stay together: with 27 of them, the
    paper's sigma / sqrt(N maps) is too small by up to sqrt(27).

    Args:
        values: one a map, `(n,)`.
        cluster: the cluster of each map, `(n,)`.
        draws: of the bootstrap.
        rng: of the bootstrap.
    """
    ascending = np.argsort(values, kind="stable")
    _, number = np.unique(cluster, return_inverse=True)
    clusters = int(number.max()) + 1
    picked = rng.integers(clusters, size=(draws, clusters))
    times = np.array([np.bincount(row, minlength=clusters) for row in picked], np.int32)
    # a map counts as often as its cluster was picked: the median is where half of all are below
    below = np.cumsum(times[:, number[ascending]], axis=1, dtype=np.int32)
    half = below[:, -1:] / 2.0
    middles = [
        values[ascending[reached.argmax(axis=1)]] for reached in (below >= half, below > half)
    ]
    return float(np.std(np.mean(middles, axis=0), ddof=1))


def relerr_metrics(
    estimate_msun: np.ndarray,
    truth_msun: np.ndarray,
    cluster: np.ndarray,
    *,
    name: str,
    cuts: Iterable[str],
    draws: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Statistics of b and of log10(M_est / M_true), by cut in estimated mass.

    Skewness and kurtosis are of the latter and are 0 and 3 for a Gaussian (Supp. Table 1).

    Args:
        estimate_msun: `(n,)`.
        truth_msun: `(n,)`.
        cluster: which cluster each map shows, `(n,)`.
        name: of the predictor, the end of the metrics' names.
        cuts: those of `CUTS` that are wanted.
        draws: of the bootstrap over clusters.
        rng: of the bootstrap.
    """
    metrics: dict[str, float] = {}
    for suffix in cuts:
        here = within_cut(estimate_msun, suffix)
        if here.sum() < FEWEST_MAPS:
            continue
        error = relative_error(estimate_msun[here], truth_msun[here])
        ratio = log10_ratio(estimate_msun[here], truth_msun[here])
        low, middle, high = np.percentile(error, [16, 50, 84])
        statistics = {
            "maps": len(error),
            "relerr_median": middle,
            "relerr_p16": low,
            "relerr_p84": high,
            "relerr_half_width": half_width(error),
            "relerr_mean": np.mean(error),
            "relerr_stderr": np.std(error) / np.sqrt(len(error)),
            "relerr_stderr_bootstrap": cluster_bootstrap_error(
                error, cluster[here], draws=draws, rng=rng
            ),
            "bias_dex": np.mean(ratio),
            "scatter_dex": np.std(ratio),
        }
        if np.std(ratio) > 1e-9:  # of the same ratio throughout only rounding is left
            statistics |= {"skewness": skew(ratio), "kurtosis": kurtosis(ratio, fisher=False)}
        metrics |= {f"{key}_{name}{suffix}": float(value) for key, value in statistics.items()}
    return metrics


def coverage(ranks: np.ndarray, level: int) -> float:
    """Share of true masses inside the central interval of `level` per cent.

    Args:
        ranks: the posterior probability of a mass below the true one, one a map, `(n,)`.
        level: per cent.
    """
    return float(np.mean(np.abs(ranks - 0.5) <= level / 200.0))


def coverage_metrics(
    ranks: np.ndarray, estimate_msun: np.ndarray, redshift: np.ndarray
) -> dict[str, float]:
    """Coverage of posteriors at `LEVELS`, by cut in estimated mass, and at the ends in redshift.

    The cuts are in what is known with a map: only given that does a posterior promise its
    coverage; at fixed true mass it does not.

    Args:
        ranks: the posterior probability of a mass below the true one, `(n,)`.
        estimate_msun: by the network that the posteriors are of, `(n,)`.
        redshift: `(n,)`; no posterior is told it.
    """
    nearest, *_, farthest = equal_count_groups(redshift, REDSHIFT_GROUPS)
    groups = {suffix: np.flatnonzero(within_cut(estimate_msun, suffix)) for suffix in CUTS}
    groups |= dict(zip(REDSHIFT_ENDS, (nearest, farthest), strict=True))
    return {
        f"coverage_{level}_{POSTERIOR}{suffix}": coverage(ranks[rows], level)
        for suffix, rows in groups.items()
        if len(rows) >= FEWEST_MAPS
        for level in LEVELS
    }


def judge(
    table: Mapping[str, np.ndarray], *, draws: int, rng: np.random.Generator
) -> dict[str, float]:
    """All metrics of the estimates of some test maps; by cut in mass for the networks' M500c.

    Args:
        table: one entry a map in each column: `cluster`; the true masses `m500c_msun` and
            `m200c_msun`; `redshift`; the mass by each of `PREDICTORS` and `BASELINES`, and the
            median of the posterior, `<name>_msun`; by networks that were trained for M200c,
            `m200_<name>_msun`, where there are any; and `rank_posterior`, the posterior
            probability of a mass below the true one.
        draws: of the bootstrap over clusters.
        rng: of the bootstrap.
    """
    metrics: dict[str, float] = {}
    for target, prefix in (("m500c_msun", ""), ("m200c_msun", "m200_")):
        for name in (*PREDICTORS, POSTERIOR, *BASELINES):
            estimate = table.get(f"{prefix}{name}_msun")
            if estimate is None:
                continue
            judged = relerr_metrics(
                estimate,
                table[target],
                table["cluster"],
                name=name,
                cuts=CUTS if name in PREDICTORS and not prefix else ("",),
                draws=draws,
                rng=rng,
            )
            metrics |= {f"{prefix}{key}": value for key, value in judged.items()}
    return metrics | coverage_metrics(
        table[f"rank_{POSTERIOR}"], table[f"{SELECTED}_msun"], table["redshift"]
    )


def other_gas_metrics(masses: pd.DataFrame) -> dict[str, float]:
    """Median b of clusters of other baryon models, `relerr_median_<predictor>_<baryon model>`.

    Args:
        masses: of `estimates.masses_of_other_gas`; a model with fewer than `FEWEST_MAPS` maps is
            left out.
    """
    metrics: dict[str, float] = {}
    for model, of_model in masses.groupby("baryon_model") if len(masses) else ():
        if len(of_model) < FEWEST_MAPS:
            continue
        for name in PREDICTORS:
            error = relative_error(of_model[f"{name}_msun"], of_model["m500c_msun"])
            metrics[f"relerr_median_{name}_{model}"] = float(np.median(error))
    return metrics


def passing_counts(worst_bias: Sequence[float], thresholds: np.ndarray) -> np.ndarray:
    """How many networks have |mean b| below each threshold in all their mass bins (Supp. Fig. 4).

    Args:
        worst_bias: the largest |mean b| over the mass bins, one a network.
        thresholds: `(k,)`.
    """
    return (np.asarray(worst_bias)[:, None] < thresholds).sum(axis=0)
