"""Settings of the study of leakage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from szmass.params.checks import REDSHIFT_BIN, PositiveFloat, PositiveInt, Section

STORES = "stores"
DATA_SETS = ("clean", "planck")
CLAIMED, TRUE = "scatter_dex_validation", "scatter_dex_selected"
ERROR = "stderr_bootstrap_{scatter}"
"""The metric that is the error of one of these."""


@dataclass(frozen=True)
class Division(Section):
    """One training: its maps, and what is divided into those for training and validation."""

    data_set: Literal["clean", "planck"]
    divided: Literal["clusters", "maps"]


@dataclass(frozen=True)
class Leakage(Section):
    """`studies/leakage/params.yaml`."""

    redshifts: Annotated[list[float], REDSHIFT_BIN]
    mass_cut_1e14: PositiveFloat
    clusters: PositiveInt
    projections: PositiveInt
    test_clusters: PositiveInt
    epochs: PositiveInt
    items: Mapping[str, Division]
