"""Settings of the study of redshift bins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from szmass.params import require
from szmass.params.checks import PositiveInt, Section


@dataclass(frozen=True)
class RedshiftBins(Section):
    """`studies/redshift_bins/params.yaml`."""

    data_set: Literal["clean", "planck"]
    members: PositiveInt
    maps_seen: PositiveInt
    """By each network in its training, so that a network of a narrow bin is trained as long."""
    items: Mapping[str, list[float]]
    """Edges of the intervals, ascending."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, edges in self.items.items():
            ascending = len(edges) >= 2 and all(low < high for low, high in pairwise(edges))
            require(ascending, f"items.{name}", edges, "two or more ascending redshifts")
