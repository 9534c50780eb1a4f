"""The partitions of a store: development, test, and the other baryon models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from szmass.errors import SzmassError
from szmass.planck.stores import PARTITIONS
from szmass.storage.store import MapStore


class PartitionError(SzmassError):
    """A map that is to be judged is no test map, or a network has seen its cluster."""


def require_test(store: MapStore, rows: np.ndarray) -> None:
    """Requires that rows are of the test partition.

    Raises:
        PartitionError: there is none, or one of them is not.
    """
    partition = store.read("partition", rows)
    wrong = np.flatnonzero(partition != PARTITIONS.index("test"))
    if len(rows) == 0 or len(wrong):
        found = PARTITIONS[partition[wrong[0]]] if len(wrong) else "nothing"
        where = f"row {rows[wrong[0]]}" if len(wrong) else "rows"
        raise PartitionError(f"{store.path}: {where}: {found}: expected test maps")


def require_unseen(test_cluster: np.ndarray, seen_cluster: np.ndarray, where: str) -> None:
    """Requires that no network has seen a test cluster.

    Raises:
        PartitionError: one has.
    """
    seen = np.intersect1d(test_cluster, seen_cluster)
    if len(seen):
        raise PartitionError(f"{where}: cluster {seen[0]}: of the test set, but trained on")


def partition_rows(
    store: MapStore, partition: str, edges: Sequence[float] | None = None
) -> np.ndarray:
    """Row numbers of one of `PARTITIONS`, ascending.

    Args:
        store: of clean maps, of maps with noise, or of originals.
        partition: one of `PARTITIONS`.
        edges: of a redshift bin, lo < z <= hi; all redshifts without.
    """
    wanted = store.read("partition") == PARTITIONS.index(partition)
    if edges is not None:
        redshift = store.read("redshift")
        wanted &= (redshift > edges[0]) & (redshift <= edges[1])
    return np.flatnonzero(wanted)


def row_of_each_cluster(store: MapStore, partitions: Sequence[str]) -> np.ndarray:
    """The first row of every cluster of some partitions, in the order of the clusters."""
    rows = np.concatenate([partition_rows(store, partition) for partition in partitions])
    _, first = np.unique(store.read("cluster", rows), return_index=True)
    return rows[first]
