"""Settings of the study of saliency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from szmass.params.checks import PositiveFloat, PositiveInt, Section, pair

EXAMPLES_FILE, PROFILES_FILE = "examples.npz", "profiles.csv"


@dataclass(frozen=True)
class Saliency(Section):
    """`studies/saliency/params.yaml`."""

    data_set: Literal["clean", "planck"]
    clusters: PositiveInt
    """Test clusters of each redshift bin, spread evenly over their masses."""
    annuli: PositiveInt
    outer_r500: PositiveFloat
    range_r500: Annotated[list[float], pair("0 <= low < high", lambda low, high: 0 <= low < high)]
    """Radii between which the paper finds most of the gradient."""
    example_bin: str
    examples: PositiveInt
    good_dex: PositiveFloat
    bad_dex: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.bad_dex > self.good_dex, "bad_dex", f"more than {self.good_dex}")
