"""Settings of the study of leakage."""

from typing import Literal

from szmass.params.checks import (
    Flag,
    Names,
    PositiveFloat,
    PositiveInt,
    RedshiftBin,
    Section,
    ShareBelow1,
    section,
)

STORES = "stores"
DATA_SETS = ("clean", "planck")
CLAIMED, TRUE = "scatter_dex_validation", "scatter_dex_selected"
ERROR = "stderr_bootstrap_{scatter}"
"""The metric that is the error of one of these."""


@section
class Division(Section):
    """One training: its maps, and what is divided into those for training and validation."""

    data_set: Literal["clean", "planck"]
    divided: Literal["clusters", "maps"]


@section
class Leakage(Section):
    """`studies/leakage/params.yaml`."""

    redshifts: RedshiftBin
    mass_cut_1e14: PositiveFloat
    clusters: PositiveInt
    projections: PositiveInt
    test_clusters: PositiveInt
    epochs: PositiveInt
    dropout: ShareBelow1
    flips: Flag
    """Flips and dropout hinder a network in learning maps by heart."""
    items: Names[Division]
