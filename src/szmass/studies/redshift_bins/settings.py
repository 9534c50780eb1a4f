"""Settings of the study of redshift bins."""

from itertools import pairwise
from typing import Annotated, Literal

from szmass.params.checks import List, Names, Number, PositiveInt, Section, rule, section

Edges = Annotated[
    List[Number],
    rule(
        "two or more ascending redshifts",
        lambda edges: len(edges) >= 2 and all(low < high for low, high in pairwise(edges)),
    ),
]


@section
class RedshiftBins(Section):
    """`studies/redshift_bins/params.yaml`."""

    data_set: Literal["clean", "planck"]
    members: PositiveInt
    maps_seen: PositiveInt
    """By all networks of a division together, in equal shares: no division costs more."""
    items: Names[Edges]
    """Edges of the intervals."""
