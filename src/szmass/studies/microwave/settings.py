"""Settings of the study of the microwave line."""

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Literal

from szmass.params import Microwave, Mresunet
from szmass.params.checks import (
    List,
    MassRange,
    Names,
    NotNegativeInt,
    Number,
    PositiveInt,
    Section,
    Text,
    section,
)
from szmass.params.problems import wrong

NETWORK, BOUND = "mresunet", "bound_train"


@section
class Quantity(Section):
    """A setting that is varied alone."""

    section: Literal["microwave", "mresunet"]
    setting: Text
    points: List[Number]
    """At which the exact posterior and the matched filter are judged."""
    trained: List[Number]
    """Those of them that a network is trained at too."""

    def applied(
        self, value: float, microwave: Microwave, mresunet: Mresunet
    ) -> tuple[Microwave, Mresunet]:
        """The settings with one of the values."""
        owner = microwave if self.section == "microwave" else mresunet
        typed = type(getattr(owner, self.setting))(value)
        if self.section == "microwave":
            return replace(microwave, **{self.setting: typed}), mresunet
        return microwave, replace(mresunet, **{self.setting: typed})


@section
class TrainingSet(Section):
    """What a network is trained on."""

    recipe: Literal["fresh", "paper"]
    """New maps in each epoch, or stored ones."""
    training_prior: Literal["paper", "uniform"]
    """The paper's masses, or all between the ends of `mresunet.prior_range_1e14`."""
    maps_a_mass: NotNegativeInt
    """Of stored maps, for each of the paper's masses."""


@section
class MicrowaveStudy(Section):
    """`studies/microwave/params.yaml`."""

    width: PositiveInt
    """Of all networks, unless it is what is varied."""
    maps_per_epoch: PositiveInt
    epochs: PositiveInt
    test_maps: PositiveInt
    """Of each value, with masses even in `test_range_1e14`."""
    test_range_1e14: MassRange
    quantities: Names[Quantity]
    training_sets: Names[TrainingSet]

    def problems(self) -> Iterator[str]:
        """What is varied exists, and networks are trained at points that are judged."""
        owners = {"microwave": Microwave, "mresunet": Mresunet}
        for name, varied in self.quantities.items():
            known = [field.name for field in fields(owners[varied.section])]
            if varied.setting not in known:
                key = f"quantities.{name}.setting"
                yield wrong(key, varied.setting, f"one of {', '.join(known)}")
            if missing := set(varied.trained) - set(varied.points):
                key = f"quantities.{name}.trained"
                yield wrong(key, sorted(missing), "values that are among `points`")

    def network(self, mresunet: Mresunet) -> Mresunet:
        """The settings of a network of this study, before anything is varied."""
        return replace(
            mresunet,
            width=self.width,
            maps_per_epoch=self.maps_per_epoch,
            epochs=self.epochs,
            recipe="fresh",
            training_prior="uniform",
        )
