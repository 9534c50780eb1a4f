"""Settings of the microwave line: sky, experiment, clusters, network."""

from dataclasses import dataclass
from typing import Annotated, Literal

from szmass.params.checks import (
    Mass,
    Masses,
    MassRange,
    NotNegativeFloat,
    NotNegativeInt,
    PositiveFloat,
    PositiveInt,
    ProperShare,
    RedshiftRange,
    Rule,
    Section,
    ShareBelow1,
)


@dataclass(frozen=True)
class Spectra(Section):
    """The CMB's cosmology as CAMB takes it, and how far the spectra reach."""

    lmax: PositiveInt
    camb_lmax: Annotated[int, Rule("3000 or more", lambda lmax: lmax >= 3000)]
    h0_km_s_mpc: PositiveFloat
    ombh2: PositiveFloat
    omch2: PositiveFloat
    mnu_ev: NotNegativeFloat
    tau: PositiveFloat
    a_s: PositiveFloat
    n_s: PositiveFloat
    y_he: PositiveFloat
    lens_potential_accuracy: NotNegativeFloat


@dataclass(frozen=True)
class Components(Section):
    """Which components the simulated sky has."""

    cmb: bool
    dsfg_poisson: bool
    dsfg_clustered: bool
    radio: bool
    tsz: bool
    ksz: bool
    tsz_cib: bool
    cirrus: bool


@dataclass(frozen=True)
class Pressure(Section):
    """The GNFW electron pressure profile."""

    p0: PositiveFloat
    c500: PositiveFloat
    gamma: Annotated[float, Rule("0 <= gamma < 3", lambda gamma: 0 <= gamma < 3)]
    alpha: PositiveFloat
    beta: PositiveFloat
    alpha_p: float
    alpha_p_of_radius: bool
    truncation_r500: PositiveFloat


@dataclass(frozen=True)
class Microwave(Section):
    """The 150 GHz experiment and its clusters."""

    frequency_ghz: Annotated[
        float,
        Rule("150: the foreground spectra are those of 150 x 150 GHz", lambda ghz: ghz == 150),
    ]
    pixels: Annotated[
        int,
        Rule(
            "a multiple of 8 (the network halves the map three times), from 8 to 128",
            lambda pixels: pixels % 8 == 0 and 0 < pixels <= 128,
        ),
    ]
    pixel_arcmin: PositiveFloat
    beam_fwhm_arcmin: float
    pixel_window: bool
    noise_uk_arcmin: PositiveFloat
    noise_after_beam: bool
    apodisation_arcmin: NotNegativeFloat
    eigenvalue_cut: Annotated[
        float,
        Rule(
            "above 0 and less than 1e-6 (the modes that hold only noise lie above)",
            lambda cut: 0 < cut < 1e-6,
        ),
    ]
    redshift: PositiveFloat
    ln_scatter: NotNegativeFloat
    cosmology: str
    concentration_model: str
    components: Components
    pressure: Pressure

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require(
            self.beam_fwhm_arcmin >= self.pixel_arcmin,
            "beam_fwhm_arcmin",
            f"at least a pixel (pixel_arcmin = {self.pixel_arcmin})",
        )
        half = self.pixels * self.pixel_arcmin / 2
        self.require(
            self.apodisation_arcmin <= half,
            "apodisation_arcmin",
            f"at most half of the map, {half:g}",
        )


@dataclass(frozen=True)
class MicrowaveSets(Section):
    """Which masses are simulated, and how many maps of each."""

    training_masses_1e14: Annotated[Masses, Rule("at least one mass", bool)]
    other_masses_1e14: Masses
    train_maps: PositiveInt
    validation_maps: PositiveInt
    test_maps: PositiveInt
    spare_maps: NotNegativeInt
    scatter_maps: PositiveInt
    scatter_range_1e14: MassRange

    def __post_init__(self) -> None:
        super().__post_init__()
        masses = self.training_masses_1e14 + self.other_masses_1e14
        self.require(
            len(set(masses)) == len(masses),
            "other_masses_1e14",
            "no mass twice, and none of training_masses_1e14",
        )


@dataclass(frozen=True)
class Mresunet(Section):
    """The mResUNet and its training."""

    width: PositiveInt
    dropout: ShareBelow1
    dropout_phase: Literal["decoder", "encoder", "both"]
    recipe: Literal["fresh", "paper"]
    training_prior: Literal["paper", "uniform"]
    prior_range_1e14: MassRange
    mass_image: Literal["flat", "nfw"]
    profile_scale: Literal["rms", "peak"]
    batch: PositiveInt
    maps_per_epoch: PositiveInt
    epochs: PositiveInt
    learning_rate: ProperShare
    schedule: Literal["cosine", "plateau"]
    warmup_steps: NotNegativeInt
    plateau_epochs: PositiveInt
    patience_epochs: PositiveInt
    recalibration_maps: NotNegativeInt
    threads: PositiveInt


@dataclass(frozen=True)
class Hydro(Section):
    """The microwave line's test on clusters of a hydrodynamical simulation."""

    baryon_model: str
    clusters: PositiveInt
    realisations: PositiveInt
    redshifts: RedshiftRange
    masses_1e14: MassRange
    halo_redshifts: RedshiftRange
    halo_mass_1e14: Mass
