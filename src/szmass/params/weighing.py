"""Settings of weighing: its clusters, filters, network, and what it assumes of the gas."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated

from pydantic import Field

from szmass.params.checks import (
    MassRange,
    NotNegativeFloat,
    NotNegativeInt,
    Pair,
    PositiveFloat,
    PositiveInt,
    PositiveRange,
    RedshiftRange,
    Section,
    Share,
    Whole,
    pair,
    section,
    within,
)
from szmass.params.problems import wrong

Range = Annotated[Pair, pair("low < high", lambda low, high: low < high)]
MeanAndWidth = Annotated[
    Pair, pair("mean and a width of 0 or more", lambda _mean, width: width >= 0)
]


@section
class GasPrior(Section):
    """What is known of the relation between mass and Y: a mean and a width of each."""

    alpha: MeanAndWidth
    """Slope."""
    log10_b: MeanAndWidth
    """Normalisation."""
    sigma_lny: MeanAndWidth
    """Scatter of ln Y at given mass; its mean alone is used."""


@section
class Weighing(Section):
    """Masses from a bank of matched filters and a small network that is told the redshift."""

    filters: Annotated[Whole, Field(ge=2, le=64)]
    """Matched filters of round clusters."""
    filter_theta500_arcmin: PositiveRange
    """Smallest and largest of their angles of R500, evenly spaced in the logarithm."""
    jitter_arcmin: NotNegativeFloat
    """How far from a pixel's centre, along x and y, the map was read that noise is known of."""
    inner_arcmin: PositiveFloat
    """Radius beyond which a map's noise level is measured."""
    training_clusters: PositiveInt
    """Clusters that networks are trained on."""
    validation_clusters: PositiveInt
    """Clusters by which the best epoch is chosen."""
    test_clusters: PositiveInt
    """Clusters that nothing but the gate sees."""
    test_seed: NotNegativeInt
    """Seed of these clusters alone, and of their gas, scatter and noise."""
    log10_m500c_msun: Range
    """Ends of the masses, flat in between whatever the redshift."""
    redshifts: RedshiftRange
    """Ends of the redshifts."""
    near_share: Share
    """Share of the clusters with a redshift flat in ln z, up to `near_redshift`."""
    near_redshift: PositiveFloat
    """Where the nearer clusters end."""
    centre_offset_arcmin: NotNegativeFloat
    """Of clusters from the maps' centres along x and y, Gaussian."""
    alpha: Range
    """Slopes of the mass-Y relation."""
    log10_b: Range
    """Normalisations of the mass-Y relation."""
    sigma_lny: PositiveRange
    """Scatters of ln Y at given mass."""
    cool_core_mean: Range
    """Mean cool-core weights."""
    usual_levels: PositiveRange
    """Noise levels of most training maps, over planck_sky.noise_rms."""
    noise_levels: PositiveRange
    """Noise levels of the others."""
    any_level_share: Share
    """Share of these others."""
    hidden: PositiveInt
    """Neurons of a hidden layer."""
    hidden_layers: PositiveInt
    """Hidden layers."""
    gaussians: PositiveInt
    """Components of the mixture."""
    networks: PositiveInt
    """Networks whose densities are averaged."""
    epochs: PositiveInt
    """Epochs of training, each with new gas, scatter and noise."""
    batch: PositiveInt
    """Clusters of a training step."""
    learning_rate: PositiveFloat
    """Learning rate at the start; it falls to 0 as half a cosine."""
    weight_decay: NotNegativeFloat
    """Decay of the weights, in AdamW."""
    gas_prior: GasPrior
    """Whose mean gives the total interval."""
    gas_prior_of_planck: GasPrior
    """Made from observations alone; the gate checks the reference gas' total intervals by it."""
    gas_nodes: Annotated[Whole, Field(ge=1, le=15)]
    """Nodes of that mean in alpha and in log10_b."""
    population_width_ln_z: PositiveFloat
    """Width in ln z of the neighbours that the prior `psz2` is made of."""
    threads: PositiveInt
    """Threads of TensorFlow on a CPU."""
    axis_log10_msun: Range
    """Ends of the posterior's axis."""
    axis_nodes: Annotated[Whole, Field(ge=50)]
    """Nodes of that axis."""

    def problems(self) -> Iterator[str]:
        """Ranges lie within each other, and are ones that clusters can have."""
        low, high = self.noise_levels
        if not low <= self.usual_levels[0] < self.usual_levels[1] <= high:
            yield wrong("usual_levels", self.usual_levels, f"a range in noise_levels, {low}-{high}")
        if not self.redshifts[0] < self.near_redshift <= self.redshifts[1]:
            yield wrong("near_redshift", self.near_redshift, f"one of redshifts, {self.redshifts}")
        for prior in ("gas_prior", "gas_prior_of_planck"):
            yield from self._problems_of(prior)
        if not within(self.log10_m500c_msun, self.axis_log10_msun):
            expected = f"an axis that holds log10_m500c_msun = {self.log10_m500c_msun}"
            yield wrong("axis_log10_msun", self.axis_log10_msun, expected)
        if self.alpha[0] <= 0:
            yield wrong("alpha", self.alpha, "slopes above 0: Y grows with mass")
        if not within(self.cool_core_mean, [0.0, 1.0]):
            yield wrong("cool_core_mean", self.cool_core_mean, "weights from 0 to 1")

    def _problems_of(self, prior: str) -> Iterator[str]:
        """A prior of the gas lies within the gas of the training."""
        known: GasPrior = getattr(self, prior)
        for name in ("alpha", "log10_b"):
            mean, width = getattr(known, name)
            ends: list[float] = getattr(self, name)
            if not ends[0] <= mean - 2 * width <= mean + 2 * width <= ends[1]:
                expected = f"two widths about the mean within {name} = {ends}"
                yield wrong(f"{prior}.{name}", [mean, width], expected)
        scatter = known.sigma_lny
        if not self.sigma_lny[0] <= scatter[0] <= self.sigma_lny[1]:
            expected = f"a mean within sigma_lny = {self.sigma_lny}"
            yield wrong(f"{prior}.sigma_lny", scatter, expected)


@section
class WeighingMicrowave(Section):
    """Weighing of the 150 GHz maps, whose exact posterior is known."""

    filters: Annotated[Whole, Field(ge=2, le=64)]
    """Matched filters, of masses evenly spaced in the logarithm from end to end of the prior."""
    prior_range_1e14: MassRange
    """Ends of the uniform masses of the training, M200c in 1e14 Msun; also the exact prior."""
    training_clusters: PositiveInt
    """Clusters that networks are trained on."""
    validation_clusters: PositiveInt
    """Clusters by which the best epoch is chosen."""
    networks: PositiveInt
    """Networks whose densities are averaged."""
    epochs: PositiveInt
    """Epochs of training, each with new scatter and noise."""

    def applied(self, weighing: Weighing) -> Weighing:
        """The settings of networks and their training; what is not here is as for Planck."""
        return replace(
            weighing,
            filters=self.filters,
            training_clusters=self.training_clusters,
            validation_clusters=self.validation_clusters,
            networks=self.networks,
            epochs=self.epochs,
        )
