"""Settings of the study of saliency."""

from collections.abc import Iterator
from typing import Annotated, Literal

from szmass.params.checks import (
    Number,
    Pair,
    PositiveFloat,
    PositiveInt,
    Section,
    Text,
    pair,
    section,
)
from szmass.params.problems import wrong

EXAMPLES_FILE, PROFILES_FILE = "examples.npz", "profiles.csv"


@section
class Saliency(Section):
    """`studies/saliency/params.yaml`."""

    data_set: Literal["clean", "planck"]
    clusters: PositiveInt
    """Test clusters of each redshift bin, spread evenly over their masses."""
    annuli: PositiveInt
    outer_r500: PositiveFloat
    range_r500: Annotated[Pair, pair("0 <= low < high", lambda low, high: 0 <= low < high)]
    """Radii between which the paper finds most of the gradient."""
    example_bin: Text
    examples: PositiveInt
    good_dex: PositiveFloat
    bad_dex: Number

    def problems(self) -> Iterator[str]:
        """A badly predicted cluster is not a good one."""
        if self.bad_dex <= self.good_dex:
            yield wrong("bad_dex", self.bad_dex, f"more than {self.good_dex}")
