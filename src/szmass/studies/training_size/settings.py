"""Settings of the study of the training set's size."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from szmass.params.checks import Names, PositiveInt, RedshiftBin, Section, Whole, section
from szmass.params.problems import wrong


@section
class TrainingSize(Section):
    """`studies/training_size/params.yaml`."""

    data_set: Literal["clean", "planck"]
    redshifts: RedshiftBin
    members: PositiveInt
    maps_seen: PositiveInt
    """By each network of `items` in its training, however few maps it has."""
    items: Names[Annotated[Whole, Field(ge=2)]]
    """Development clusters, those for validation among them."""
    trainings: Names[PositiveInt]
    """Maps seen by networks that have the most clusters of all."""

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Development clusters and maps seen of all items, by their name."""
        most = max(self.items.values())
        return {name: (clusters, self.maps_seen) for name, clusters in self.items.items()} | {
            name: (most, maps_seen) for name, maps_seen in self.trainings.items()
        }

    def problems(self) -> Iterator[str]:
        """No name stands for two items."""
        for name in self.items.keys() & self.trainings.keys():
            yield wrong("trainings", name, "no name of items")
