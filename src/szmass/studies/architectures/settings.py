"""Settings of the study of architectures."""

from collections.abc import Iterator
from dataclasses import fields, replace
from itertools import product
from typing import Literal

from szmass.params import Cnn
from szmass.params.checks import List, Names, Number, PositiveInt, RedshiftBin, Section, section
from szmass.params.problems import wrong

REPEATS = "repeats"
"""The item whose networks differ in their start alone, as the paper's 100 runs do."""


@section
class Architectures(Section):
    """`studies/architectures/params.yaml`."""

    data_set: Literal["clean", "planck"]
    redshifts: RedshiftBin
    maps_seen: PositiveInt
    """By each network in its training."""
    items: Names[Names[List[Number]]]
    """Values of settings of the section `cnn`, each combined with each."""

    def problems(self) -> Iterator[str]:
        """Each item names settings of the CNN, and one item repeats a network."""
        if REPEATS not in self.items:
            yield wrong("items", list(self.items), f"{REPEATS} among them")
        known = [field.name for field in fields(Cnn)]
        for item, values in self.items.items():
            for name in values:
                if name not in known:
                    yield wrong(f"items.{item}", name, f"one of {', '.join(known)}")

    def networks(self, item: str, cnn: Cnn) -> dict[str, Cnn]:
        """The settings of each network of an item, by a name that says what is special of it."""
        values = self.items[item]
        networks = {}
        for combination in product(*values.values()):
            kinds = (type(getattr(cnn, name)) for name in values)
            typed = [kind(value) for kind, value in zip(kinds, combination, strict=True)]
            special = dict(zip(values, typed, strict=True))
            name = "_".join(f"{key}_{value:g}" for key, value in special.items())
            networks[name] = replace(cnn, **{"members": 1, **special})
        return networks

    def names(self, cnn: Cnn) -> list[str]:
        """Where the results of all networks lie: item and name."""
        return [f"{item}/{name}" for item in self.items for name in self.networks(item, cnn)]
