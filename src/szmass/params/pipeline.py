"""Settings of both lines together."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from szmass.params.checks import (
    File,
    List,
    MassRange,
    Names,
    NotNegativeInt,
    PositiveFloat,
    PositiveInt,
    RedshiftBin,
    Section,
    Text,
    Whole,
    rule,
    section,
    within,
)
from szmass.params.compton import BaryonModel, Cnn, Compton, Morphology, PlanckSky, Posterior
from szmass.params.microwave import Hydro, Microwave, MicrowaveSets, Mresunet, Spectra
from szmass.params.problems import wrong
from szmass.params.weighing import Weighing, WeighingMicrowave


@section
class Evaluation(Section):
    """How estimates are judged."""

    bootstrap_draws: Annotated[Whole, Field(ge=2)]
    """Bootstrap draws for the error of a statistic."""
    bound_range_1e14: MassRange
    """Ends of the uniform prior of the exact posterior, M200c in 1e14 Msun."""
    mass_axis_1e14: MassRange
    """Ends of the exact posterior's mass axis, M200c in 1e14 Msun."""
    mass_axis_nodes: Annotated[Whole, Field(ge=3)]
    """Nodes of this axis, evenly spaced in ln M."""

    def problems(self) -> Iterator[str]:
        """The prior lies within the axis."""
        if not within(self.bound_range_1e14, self.mass_axis_1e14):
            expected = f"a range within mass_axis_1e14 = {self.mass_axis_1e14}"
            yield wrong("bound_range_1e14", self.bound_range_1e14, expected)


@section
class Resources(Section):
    """What the machine lends. Nothing here changes a result, so no stage depends on it."""

    workers: PositiveInt
    """Processes that simulate side by side."""
    worker_memory_gib: PositiveFloat
    """Memory of a worker in GiB."""
    scheduler_address: Text
    """Address of a dask scheduler, tcp://host:port; empty: DASK_SCHEDULER_ADDRESS, or local."""


@section
class Params(Section):
    """Everything in params.yaml."""

    seed: NotNegativeInt
    """Seed of all random numbers."""
    spectra: Spectra
    microwave: Microwave
    microwave_sets: MicrowaveSets
    mresunet: Mresunet
    bins: Annotated[
        Names[RedshiftBin],
        rule("at least one redshift bin", bool),
    ]
    """Redshift bins of the Compton line, low < z <= high; `all` is all of them together."""
    compton: Compton
    morphology: Morphology
    baryon_models: Names[BaryonModel]
    """What models of the gas give their clusters."""
    hydro: Hydro
    planck_sky: PlanckSky
    cnn: Cnn
    posterior: Posterior
    weighing: Weighing
    weighing_microwave: WeighingMicrowave
    evaluation: Evaluation
    surveys: List[Text]
    """Names of files surveys/NAME.yaml that the stage `train_survey` trains."""
    resources: Resources
    paths: Names[File]
    """Where stages read and write, from the repository's root."""

    def problems(self) -> Iterator[str]:
        """Bins can name files, and sections fit each other."""
        for name, redshifts in self.bins.items():
            if not re.fullmatch(r"[A-Za-z0-9_-]+", name) or name == "all":
                expected = "a name of letters, digits, - and _, other than `all`"
                yield wrong(f"bins.{name}", redshifts, expected)
        for name, count in Counter(self.surveys).items():
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
                expected = "names of letters, digits, - and _, without folder and .yaml"
                yield wrong("surveys", name, expected)
            elif count > 1:
                yield wrong("surveys", name, "each name once")
        cuts, axis = self.compton.mass_cuts_1e14, self.evaluation.mass_axis_1e14
        if set(cuts) != set(self.bins):
            expected = f"one mass for each of bins, {', '.join(self.bins)}"
            yield wrong("compton.mass_cuts_1e14", sorted(cuts), expected)
        if not within(self.mresunet.prior_range_1e14, axis):
            expected = f"a range within evaluation.mass_axis_1e14 = {axis}"
            yield wrong("mresunet.prior_range_1e14", self.mresunet.prior_range_1e14, expected)
        for name, chosen in (
            ("compton", self.compton.baryon_model),
            ("hydro", self.hydro.baryon_model),
        ):
            if chosen not in self.baryon_models:
                expected = f"one of baryon_models, {', '.join(self.baryon_models)}"
                yield wrong(f"{name}.baryon_model", chosen, expected)
        yield from self._problems_of_weighing()

    def _problems_of_weighing(self) -> Iterator[str]:
        """Its seed is its own, and its training holds every model of the gas."""
        if self.weighing.test_seed == self.seed:
            expected = f"another than seed = {self.seed}, which choices have seen"
            yield wrong("weighing.test_seed", self.weighing.test_seed, expected)
        for key in ("alpha", "log10_b", "sigma_lny", "cool_core_mean"):
            ends: list[float] = getattr(self.weighing, key)
            for name, model in self.baryon_models.items():
                value: float = getattr(model, key)
                if not ends[0] <= value <= ends[1]:
                    expected = f"a range that holds baryon_models.{name}.{key} = {value}"
                    yield wrong(f"weighing.{key}", ends, expected)
