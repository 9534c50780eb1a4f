"""Clusters of known mass, weighed: simulated maps, and clusters drawn as those of the training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from szmass.evaluation.posteriors import MassPosteriors
from szmass.sky.redshift_bins import ALL_BINS, redshift_bin
from szmass.weighing.gas import Gas
from szmass.weighing.judgement.gate import LEVELS, expected_coverage
from szmass.weighing.mixture import Inputs
from szmass.weighing.training.network import TrainingClusters
from szmass.weighing.weigher import AT_ONCE, FLAT, Weigher, columns, gathered

TAILS_MSUN = (1e15, 1.7e15)
"""Masses above which coverage is checked separately."""
RANK, TOTAL_RANK = "weighing_rank", "weighing_total_rank"
"""Columns: the probability that a posterior gives to masses below the true one."""
BELOW = "below"


@dataclass(frozen=True, eq=False)
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
    below: np.ndarray
    """Probability that each posterior gives to masses below `TAILS_MSUN`, `(n, tails)`."""
    signal_to_noise: np.ndarray
    flagged: np.ndarray
    """Whether something about the map is unusual; bool."""

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
        tails = [of_one.ranks(np.full(len(truth), np.log10(cut))) for cut in TAILS_MSUN]
        parts.append(columns(of_one, with_gas) | ranks | {BELOW: np.stack(tails, axis=1)})
    masses = gathered(parts)
    rank, total_rank, below = (masses.pop(name) for name in (RANK, TOTAL_RANK, BELOW))
    novelty = weigher.novelty(inputs, masses["m500_msun"])
    return Judged(
        data_set=data_set,
        truth_msun=truth_msun,
        redshift=inputs.redshift,
        cluster=cluster,
        masses=masses,
        rank=rank,
        total_rank=total_rank,
        below=below,
        signal_to_noise=novelty["signal_to_noise"],
        flagged=novelty["flags"] != "",
    )


@dataclass(frozen=True)
class Calibration:
    """Test clusters drawn like those of the training, used for the gate alone, and their ranks."""

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
        """Groups of clusters by redshift, posterior median and signal-to-noise ratio."""
        index = redshift_bin(self.redshift, bins)
        groups = {ALL_BINS: np.ones(len(self.rank), dtype=bool)}
        groups |= {f"redshift {name}": index == i for i, name in enumerate(bins)}
        for name, values in (
            ("log10 mass", self.median_log10_msun),
            ("signal to noise", self.signal_to_noise),
        ):
            edges = np.quantile(values, np.linspace(0.0, 1.0, GROUPS + 1))
            edges[0] -= 1.0
            for number, (low, high) in enumerate(pairwise(edges), start=1):
                of_fifth = (values > low) & (values <= high)
                groups[f"{name}, part {number} of {GROUPS}, to {high:.3g}"] = of_fifth
        of_fifths = fifths_of(self.redshift, bins).items()
        return groups | {f"redshift {name}, {word} fifth": rows for (name, word), rows in of_fifths}


GROUPS = 5
"""By mass and by signal to noise, of equal number."""


def fifths_of(
    redshift: np.ndarray, bins: Mapping[str, Sequence[float]]
) -> dict[tuple[str, str], np.ndarray]:
    """The nearest and the farthest fifth of each bin's clusters, `(n,)` bool by bin and word."""
    index = redshift_bin(redshift, bins)
    groups: dict[tuple[str, str], np.ndarray] = {}
    for number, name in enumerate(bins):
        inside = index == number
        if inside.any():
            near, far = np.quantile(redshift[inside], [0.2, 0.8])
            groups[name, "nearest"] = inside & (redshift <= near)
            groups[name, "farthest"] = inside & (redshift >= far)
    return groups


def calibrate(
    weigher: Weigher, clusters: TrainingClusters, rng: np.random.Generator
) -> Calibration:
    """Weighs clusters with the prior that they are drawn from, each with its own relation."""
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
