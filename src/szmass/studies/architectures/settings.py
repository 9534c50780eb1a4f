"""Settings of the study of architectures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from typing import Annotated, Literal

from szmass.params import Cnn, require
from szmass.params.checks import REDSHIFT_BIN, PositiveInt, Section

REPEATS = "repeats"
"""The item whose networks differ in their start alone, as the paper's 100 runs do."""


@dataclass(frozen=True)
class Architectures(Section):
    """`studies/architectures/params.yaml`."""

    data_set: Literal["clean", "planck"]
    redshifts: Annotated[list[float], REDSHIFT_BIN]
    maps_seen: PositiveInt
    """By each network in its training."""
    items: Mapping[str, Mapping[str, list[float]]]
    """Values of settings of the section `cnn`, each combined with each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(REPEATS in self.items, "items", f"{REPEATS} among them")
        known = [field.name for field in fields(Cnn)]
        for item, values in self.items.items():
            for name in values:
                require(name in known, f"items.{item}", name, f"one of {', '.join(known)}")

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
