"""Redshift bins, and which of them a cluster lies in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def redshift_bin(redshift: np.ndarray, bins: Mapping[str, Sequence[float]]) -> np.ndarray:
    """The bin of each cluster, lo < z <= hi, compared in double precision.

    A catalogue's float32 redshift counts with the value that it has: 0.2 in float32 is
    0.200000003 and lies above an edge at 0.2. So the counts of PSZ2 are those of de Andres et
    al. 2022 (arXiv 2209.10333, Supp. Table 2): 228, 245, 443 and 178.

    Args:
        redshift: redshifts, shape `(n,)`.
        bins: edges `[lo, hi]` by name; where two overlap the first counts.

    Returns:
        Index into the names of `bins`, shape `(n,)`; -1 where no bin holds the redshift.
    """
    exact = np.asarray(redshift, dtype=np.float64)
    index = np.full(exact.shape, -1)
    for number, (low, high) in reversed(list(enumerate(bins.values()))):
        index[(exact > low) & (exact <= high)] = number
    return index


def redshift_range(bins: Mapping[str, Sequence[float]], name: str) -> tuple[float, float]:
    """The edges of a bin, or of all of them together."""
    edges = list(bins.values()) if name == ALL_BINS else [bins[name]]
    return min(low for low, _ in edges), max(high for _, high in edges)


def bin_labels(bins: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Titles of the redshift bins, and of all of them together."""
    ranges = {name: redshift_range(bins, name) for name in (*bins, ALL_BINS)}
    return {name: f"{low:g} < z <= {high:g}" for name, (low, high) in ranges.items()}


ALL_BINS = "all"
