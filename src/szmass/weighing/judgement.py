"""How good masses by weighing are: bias, scatter and coverage on clusters of known mass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from szmass.evaluation.posteriors import MassPosteriors
from szmass.evaluation.statistics import half_width
from szmass.sky.redshift_bins import ALL_BINS, redshift_bin
from szmass.weighing.gas import Gas
from szmass.weighing.gate import LEVELS, coverage, expected_coverage
from szmass.weighing.mixture import Inputs
from szmass.weighing.network import TrainingClusters
from szmass.weighing.weigher import AT_ONCE, FLAT, Weigher, columns, gathered

FEWEST = 10
"""Percentiles of fewer clusters mean nothing."""
RANK, TOTAL_RANK = "weighing_rank", "weighing_total_rank"
"""Columns: the probability that a posterior gives to masses below the true one."""


@dataclass(frozen=True)
class Judged:
    """Clusters of known mass, weighed."""

    data_set: str
    truth_msun: np.ndarray
    redshift: np.ndarray
    cluster: np.ndarray
    """Number of the cluster in its store."""
    masses: dict[str, np.ndarray]
    """Columns of `Weigher`."""
    rank: np.ndarray
    total_rank: np.ndarray

    def table(self) -> pd.DataFrame:
        """A row a cluster."""
        labels = {
            "data_set": self.data_set,
            "cluster": self.cluster,
            "redshift": self.redshift,
            "m500c_msun": self.truth_msun,
        }
        named = {
            name.replace("m500_msun", "weighing_msun"): values
            for name, values in self.masses.items()
        }
        return pd.DataFrame(labels | named | {RANK: self.rank, TOTAL_RANK: self.total_rank})


def weigh_known(
    weigher: Weigher,
    data_set: str,
    inputs: Inputs,
    truth_msun: np.ndarray,
    cluster: np.ndarray,
    *,
    prior: str,
    gas: str,
) -> Judged:
    """Weighs clusters of known mass.

    Args:
        weigher: the estimator.
        data_set: a name for them.
        inputs: what their maps say, `n` clusters.
        truth_msun: true M500c, `(n,)`.
        cluster: their numbers, `(n,)`.
        prior: by name.
        gas: whose relation the network is told.
    """
    parts = []
    for rows, of_one, with_gas in weigher.in_parts(inputs, prior=prior, gas=gas):
        truth = np.log10(truth_msun[rows])
        ranks = {
            name: posteriors.ranks(truth)
            for name, posteriors in ((RANK, of_one), (TOTAL_RANK, with_gas))
            if posteriors is not None
        }
        parts.append(columns(of_one, with_gas) | ranks)
    masses = gathered(parts)
    rank, total_rank = masses.pop(RANK), masses.pop(TOTAL_RANK)
    return Judged(data_set, truth_msun, inputs.redshift, cluster, masses, rank, total_rank)


@dataclass(frozen=True)
class Calibration:
    """Clusters drawn as those of the training, which nothing else has seen, and their ranks."""

    rank: np.ndarray
    median_log10_msun: np.ndarray
    redshift: np.ndarray
    signal_to_noise: np.ndarray
    posteriors: list[MassPosteriors]
    truth_log10_msun: np.ndarray

    def expected_coverage(self, rng: np.random.Generator) -> np.ndarray:
        """Of regions about random points, at `LEVELS`; see `gate.expected_coverage`."""
        axis = self.posteriors[0].axis_log10_msun
        below = np.concatenate([part.cumulative() for part in self.posteriors])
        return expected_coverage(
            axis, below, self.truth_log10_msun, levels=np.array(LEVELS), rng=rng
        )

    def groups(self, bins: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
        """Clusters in groups by what a posterior knows: redshift, its median, signal to noise."""
        index = redshift_bin(self.redshift, bins)
        groups = {ALL_BINS: np.ones(len(self.rank), dtype=bool)}
        groups |= {f"redshift {name}": index == i for i, name in enumerate(bins)}
        for name, values in (
            ("log10 mass", self.median_log10_msun),
            ("signal to noise", self.signal_to_noise),
        ):
            edges = np.quantile(values, np.linspace(0.0, 1.0, GROUPS + 1))
            edges[0] -= 1.0
            for low, high in pairwise(edges):
                groups[f"{name} to {high:.3g}"] = (values > low) & (values <= high)
        return groups


GROUPS = 5
"""By mass and by signal to noise, of equal number."""


def calibrate(
    weigher: Weigher, clusters: TrainingClusters, rng: np.random.Generator
) -> Calibration:
    """Weighs clusters under the density that they are drawn from, each by its own relation."""
    inputs, gas = clusters.draw(rng, np.arange(len(clusters.redshift)))
    truth, posteriors = clusters.log10_m500c_msun, []
    for start in range(0, len(truth), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        part = inputs.at(rows)
        own = Gas(gas.alpha[rows], gas.log10_b[rows], gas.sigma_lny[rows])
        flat = weigher.ln_prior(FLAT, part.redshift)
        posteriors.append(weigher.posteriors(part, own, flat))
    ends = np.cumsum([0, *(len(part.density) for part in posteriors)])
    ranks = [
        part.ranks(truth[low:high])
        for part, (low, high) in zip(posteriors, pairwise(ends), strict=True)
    ]
    return Calibration(
        rank=np.concatenate(ranks),
        median_log10_msun=np.concatenate([part.quantiles([0.5])[:, 0] for part in posteriors]),
        redshift=inputs.redshift,
        signal_to_noise=inputs.signal_to_noise,
        posteriors=posteriors,
        truth_log10_msun=truth,
    )


def measure(judged: Judged, bins: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Metrics of a data set by redshift bin, `all` the last.

    b = (M_est - M_true) / M_est (de Andres et al. 2022, Eq. 1) of the posteriors' medians.
    """
    index = redshift_bin(judged.redshift, bins)
    groups = {name: index == number for number, name in enumerate(bins)}
    groups[ALL_BINS] = np.ones(len(index), dtype=bool)
    return {name: _metrics(judged, rows) for name, rows in groups.items() if rows.sum() >= FEWEST}


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
    index = redshift_bin(judged.redshift, bins)
    groups = {name: index == number for number, name in enumerate(bins)}
    groups[ALL_BINS] = np.ones(len(index), dtype=bool)
    found: dict[str, dict[str, float]] = {}
    for name, rows in groups.items():
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
