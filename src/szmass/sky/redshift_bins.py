"""Redshift bins and the clusters in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def redshift_bin(redshift: np.ndarray, bins: Mapping[str, Sequence[float]]) -> np.ndarray:
    """The bin of each cluster, lo < z <= hi, compared in double precision.

    A float32 redshift is compared as it is stored: 0.2 in float32 is 0.200000003 and lies above an
    edge at 0.2. This gives PSZ2 the counts of de Andres et al. 2022 (arXiv 2209.10333, Supp. Table
    2): 228, 245, 443 and 178.

    Args:
        redshift: redshifts, shape `(n,)`.
        bins: edges `[lo, hi]` by name; where two overlap the first counts.

    Returns:
        Index into the names of `bins`, shape `(n,)`; -1 where no bin holds the redshift.

    Example:
        >>> bins = {"z1": (0.0, 0.1), "z2": (0.1, 0.2)}
        >>> redshift_bin(np.array([0.05, 0.1, 0.15, 0.3]), bins)
        array([ 0,  0,  1, -1])
        >>> redshift_bin(np.array([0.2], dtype=np.float32), bins)
        array([-1])
    """
    exact = np.asarray(redshift, dtype=np.float64)
    index = np.full(exact.shape, -1)
    for number, (low, high) in reversed(list(enumerate(bins.values()))):
        index[(exact > low) & (exact <= high)] = number
    return index


def redshift_range(bins: Mapping[str, Sequence[float]], name: str) -> tuple[float, float]:
    """The edges of a bin, or of all bins together for the name `all`.

    Example:
        >>> redshift_range({"z1": (0.0, 0.1), "z2": (0.1, 0.2)}, "all")
        (0.0, 0.2)
    """
    edges = list(bins.values()) if name == ALL_BINS else [bins[name]]
    return min(low for low, _ in edges), max(high for _, high in edges)


def bin_labels(bins: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Titles of the redshift bins, and of all bins together.

    Example:
        >>> bin_labels({"z1": (0.0, 0.1), "z2": (0.1, 0.2)})
        {'z1': '0 < z <= 0.1', 'z2': '0.1 < z <= 0.2', 'all': '0 < z <= 0.2'}
    """
    ranges = {name: redshift_range(bins, name) for name in (*bins, ALL_BINS)}
    return {name: f"{low:g} < z <= {high:g}" for name, (low, high) in ranges.items()}


ALL_BINS = "all"
"""Stands for all bins together, wherever a bin is named."""
