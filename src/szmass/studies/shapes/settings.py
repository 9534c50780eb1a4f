"""Settings of the study of shapes."""

from typing import Annotated

from szmass.params.checks import (
    Names,
    NotNegativeFloat,
    Pair,
    PositiveInt,
    Section,
    rule,
    section,
)


@section
class Shape(Section):
    """Axes of the clusters' pressure, as `morphology` has them."""

    axis_ratio_mean: Annotated[
        Pair,
        rule(
            "[middle, minor], 0.2 to 1",
            lambda axes: len(axes) == 2 and 0.2 <= axes[1] <= axes[0] <= 1,
        ),
    ]
    """Middle and minor axis over the major one."""
    axis_ratio_scatter: NotNegativeFloat
    """Scatter of both ratios."""


@section
class Shapes(Section):
    """`studies/shapes/params.yaml`."""

    clusters: PositiveInt
    """Test clusters of each redshift bin, the first ones."""
    items: Names[Shape]
    """Shapes by name; the widths of the others stand beside those of the first."""
