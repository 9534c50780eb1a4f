"""Settings of the study of the training set's size."""

from typing import Annotated, Literal

from pydantic import Field

from szmass.params.checks import Names, PositiveInt, RedshiftBin, Section, Whole, section


@section
class TrainingSize(Section):
    """`studies/training_size/params.yaml`."""

    data_set: Literal["clean", "planck"]
    redshifts: RedshiftBin
    members: PositiveInt
    maps_seen: PositiveInt
    """By each network in its training, however few maps it has."""
    items: Names[Annotated[Whole, Field(ge=2)]]
    """Development clusters, those for validation among them."""
