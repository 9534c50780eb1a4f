"""Settings of the Compton line: clusters, Planck's sky, networks, posteriors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from szmass.params.checks import (
    MASSES,
    NotNegativeFloat,
    NotNegativeInt,
    PositiveFloat,
    PositiveInt,
    PositiveRange,
    ProperShare,
    Rule,
    Section,
    Share,
    ShareBelow1,
    pair,
)


@dataclass(frozen=True)
class Compton(Section):
    """The Planck-like experiment and its sets of simulated clusters."""

    pixels: Annotated[
        int,
        Rule(
            "an even number from 32 to 512",
            lambda pixels: pixels % 2 == 0 and 32 <= pixels <= 512,
        ),
    ]
    pixel_arcmin: PositiveFloat
    beam_fwhm_arcmin: float
    cosmology: str
    concentration_model: str
    baryon_model: str
    development_clusters: PositiveInt
    development_projections: Annotated[int, Rule("1 to 27", lambda number: 1 <= number <= 27)]
    test_clusters: PositiveInt
    other_model_clusters: NotNegativeInt
    originals: PositiveInt
    psz2_mass_factor: PositiveFloat
    mass_jitter_dex: NotNegativeFloat
    redshift_jitter: NotNegativeFloat
    mass_cuts_1e14: Annotated[
        Mapping[str, float], Rule(MASSES.expected, lambda cuts: MASSES.holds(cuts.values()))
    ]

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.beam_fwhm_arcmin >= 2 * self.pixel_arcmin,
            "beam_fwhm_arcmin",
            f"at least two pixels (pixel_arcmin = {self.pixel_arcmin})",
        )


@dataclass(frozen=True)
class Morphology(Section):
    """How the pressure of simulated clusters departs from a sphere."""

    axis_ratio_mean: Annotated[
        list[float],
        Rule(
            "[middle, minor], 0.2 to 1",
            lambda ratios: len(ratios) == 2 and 0.2 <= ratios[1] <= ratios[0] <= 1,
        ),
    ]
    axis_ratio_scatter: NotNegativeFloat
    scale_scatter_ln: NotNegativeFloat
    cool_core_scatter: NotNegativeFloat
    subhaloes_mean: NotNegativeFloat
    subhalo_mass_ratio: PositiveRange
    subhalo_slope: float
    subhalo_distance_r500: PositiveRange
    merger_fraction: Share
    merger_mass_ratio: PositiveRange
    merger_distance_r500: PositiveRange
    truncation_r500: PositiveFloat


@dataclass(frozen=True)
class BaryonModel(Section):
    """The Y-M relation and the cores that a model of the gas gives its clusters."""

    alpha: PositiveFloat
    log10_b: float
    sigma_lny: NotNegativeFloat
    cool_core_mean: Share


@dataclass(frozen=True)
class PlanckSky(Section):
    """Planck's y-map: which product, or what the stand-in for it holds."""

    product: Literal["milca", "nilc"]
    nside: Annotated[
        int,
        Rule(
            "a power of two from 64 to 8192",
            lambda nside: 64 <= nside <= 8192 and nside & (nside - 1) == 0,
        ),
    ]
    lmax: PositiveInt
    noise_rms: PositiveFloat
    noise_modulation_ln: NotNegativeFloat
    noise_modulation_deg: PositiveFloat
    development_realisations: PositiveInt
    test_realisations: PositiveInt
    point_sources: NotNegativeInt
    point_source_y: NotNegativeFloat
    galactic_y: NotNegativeFloat
    mask_radius_arcmin: PositiveFloat

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(self.lmax <= 3 * self.nside - 1, "lmax", "at most 3 nside - 1")


@dataclass(frozen=True)
class Cnn(Section):
    """The CNN of the Compton line, its ensembles and their training."""

    filters: PositiveInt
    kernel: PositiveInt
    convolutions: PositiveInt
    dense_layers: PositiveInt
    neurons: PositiveInt
    dropout: ShareBelow1
    members: PositiveInt
    m200_members: NotNegativeInt
    batch: PositiveInt
    epochs: PositiveInt
    learning_rate: ProperShare
    schedule: Literal["cosine", "constant"]
    validation_fraction: ProperShare
    flips: bool
    bias_threshold: PositiveFloat
    mass_bins: PositiveInt
    threads: PositiveInt


@dataclass(frozen=True)
class Posterior(Section):
    """How the networks' masses become posteriors."""

    kde_bandwidth: PositiveFloat
    axis_log10_msun: Annotated[
        list[float], pair("12 <= low < high <= 17", lambda low, high: 12 <= low < high <= 17)
    ]
    axis_nodes: Annotated[int, Rule("50 or more", lambda nodes: nodes >= 50)]
    prior: Literal["training", "flat"]
