"""Settings of the study of the training set's size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from szmass.params import require
from szmass.params.checks import REDSHIFT_BIN, PositiveInt, Section


@dataclass(frozen=True)
class TrainingSize(Section):
    """`studies/training_size/params.yaml`."""

    data_set: Literal["clean", "planck"]
    redshifts: Annotated[list[float], REDSHIFT_BIN]
    members: PositiveInt
    maps_seen: PositiveInt
    """By each network in its training, however few maps it has."""
    items: Mapping[str, int]
    """Development clusters, those for validation among them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, clusters in self.items.items():
            require(clusters >= 2, f"items.{name}", clusters, "two clusters or more")
