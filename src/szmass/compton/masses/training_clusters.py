"""The development clusters of a redshift bin, on which networks and calibration are fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.evaluation.posteriors import PosteriorError
from szmass.storage.store import MapStore


@dataclass(frozen=True)
class TrainingClusters:
    """The development clusters of a redshift bin; each `(n,)`."""

    number: np.ndarray
    """Ascending."""
    log10_msun: np.ndarray
    redshift: np.ndarray

    @classmethod
    def of_store(cls, store: MapStore, edges: Sequence[float]) -> TrainingClusters:
        """The development clusters of a store with lo < z <= hi."""
        rows = partition_rows(store, "development", edges)
        number, first = np.unique(store.read("cluster", rows), return_index=True)
        mass = store.read("m500c_msun", rows)[first]
        return cls(number, np.log10(mass), store.read("redshift", rows)[first])

    @classmethod
    def from_json(cls, content: dict) -> TrainingClusters:
        """Reads what `to_json` wrote."""
        return cls(*(np.array(content[key]) for key in ("cluster", "log10_m500", "redshift")))

    def to_json(self) -> dict:
        """As lists, for a JSON file."""
        return {
            "cluster": self.number.tolist(),
            "log10_m500": self.log10_msun.round(6).tolist(),
            "redshift": self.redshift.round(6).tolist(),
        }

    def redshift_of(self, number: np.ndarray) -> np.ndarray:
        """The redshifts of clusters, `(k,)`.

        Raises:
            PosteriorError: one is none of these.
        """
        place = np.searchsorted(self.number, number).clip(0, len(self.number) - 1)
        strange = np.flatnonzero(self.number[place] != number)
        if len(strange):
            raise PosteriorError(
                f"cluster {number[strange[0]]}: predicted, but none of the {len(self.number)} "
                "development clusters of its redshift bin"
            )
        return self.redshift[place]
