"""Settings of both lines together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from szmass.params.checks import (
    FROM_0,
    REDSHIFT_BIN,
    MassRange,
    PositiveFloat,
    PositiveInt,
    Rule,
    Section,
    require,
)
from szmass.params.compton import BaryonModel, Cnn, Compton, Morphology, PlanckSky, Posterior
from szmass.params.microwave import Hydro, Microwave, MicrowaveSets, Mresunet, Spectra


@dataclass(frozen=True)
class Evaluation(Section):
    """How estimates are judged."""

    bootstrap_draws: Annotated[int, Rule("2 or more", lambda draws: draws >= 2)]
    bound_range_1e14: MassRange
    mass_axis_1e14: MassRange
    mass_axis_nodes: Annotated[int, Rule("3 or more", lambda nodes: nodes >= 3)]

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.mass_axis_1e14
        self.require(
            low <= self.bound_range_1e14[0] and self.bound_range_1e14[1] <= high,
            "bound_range_1e14",
            f"a range within mass_axis_1e14 = {self.mass_axis_1e14}",
        )


@dataclass(frozen=True)
class Resources(Section):
    """What the machine lends. Nothing here changes a result, so no stage depends on it."""

    workers: PositiveInt
    worker_memory_gib: PositiveFloat
    scheduler_address: str


@dataclass(frozen=True)
class Params(Section):
    """Everything in params.yaml."""

    seed: int
    spectra: Spectra
    microwave: Microwave
    microwave_sets: MicrowaveSets
    mresunet: Mresunet
    bins: Mapping[str, list[float]]
    compton: Compton
    morphology: Morphology
    baryon_models: Mapping[str, BaryonModel]
    hydro: Hydro
    planck_sky: PlanckSky
    cnn: Cnn
    posterior: Posterior
    evaluation: Evaluation
    resources: Resources
    paths: Mapping[str, Path]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(FROM_0.holds(self.seed), "seed", FROM_0.expected)
        self.require(len(self.bins) > 0, "bins", "at least one redshift bin")
        for name, edges in self.bins.items():
            require(REDSHIFT_BIN.holds(edges), f"bins.{name}", edges, REDSHIFT_BIN.expected)
        cuts = self.compton.mass_cuts_1e14
        require(
            set(cuts) == set(self.bins),
            "compton.mass_cuts_1e14",
            sorted(cuts),
            f"one mass for each of bins, {', '.join(self.bins)}",
        )
        low, high = self.evaluation.mass_axis_1e14
        first, last = self.mresunet.prior_range_1e14
        require(
            low <= first and last <= high,
            "mresunet.prior_range_1e14",
            self.mresunet.prior_range_1e14,
            f"a range within evaluation.mass_axis_1e14 = {self.evaluation.mass_axis_1e14}",
        )
        for name, section in (("compton", self.compton), ("hydro", self.hydro)):
            require(
                section.baryon_model in self.baryon_models,
                f"{name}.baryon_model",
                section.baryon_model,
                f"one of baryon_models, {', '.join(self.baryon_models)}",
            )
