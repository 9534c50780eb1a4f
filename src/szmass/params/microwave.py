"""Settings of the microwave line: sky, experiment, clusters, network."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from szmass.params.checks import (
    Flag,
    Mass,
    Masses,
    MassRange,
    NotNegativeFloat,
    NotNegativeInt,
    Number,
    PositiveFloat,
    PositiveInt,
    ProperShare,
    RedshiftRange,
    Section,
    ShareBelow1,
    Text,
    Whole,
    rule,
    section,
)
from szmass.params.problems import wrong


@section
class Spectra(Section):
    """The CMB's cosmology as CAMB takes it, and how far the spectra reach."""

    lmax: PositiveInt
    """Highest multipole of the table of spectra."""
    camb_lmax: Annotated[Whole, Field(ge=3000)]
    """Highest multipole that CAMB computes; beyond, the spectrum goes on with its slope there."""
    h0_km_s_mpc: PositiveFloat
    """Hubble constant in km/s/Mpc."""
    ombh2: PositiveFloat
    """Physical density of baryons."""
    omch2: PositiveFloat
    """Physical density of cold dark matter."""
    mnu_ev: NotNegativeFloat
    """Sum of the neutrino masses in eV."""
    tau: PositiveFloat
    """Optical depth of reionisation."""
    a_s: PositiveFloat
    """Amplitude of the primordial spectrum."""
    n_s: PositiveFloat
    """Slope of the primordial spectrum."""
    y_he: PositiveFloat
    """Mass fraction of helium."""
    lens_potential_accuracy: NotNegativeFloat
    """CAMB's accuracy of the lensing potential."""


@section
class Components(Section):
    """Which components the simulated sky has."""

    cmb: Flag
    """The lensed CMB."""
    dsfg_poisson: Flag
    """Dusty galaxies, as independent points."""
    dsfg_clustered: Flag
    """The clustering of dusty galaxies."""
    radio: Flag
    """Radio galaxies, as independent points."""
    tsz: Flag
    """The thermal SZ effect of all other clusters."""
    ksz: Flag
    """The kinetic SZ effect."""
    tsz_cib: Flag
    """The correlation of thermal SZ effect and dusty galaxies."""
    cirrus: Flag
    """Dust of our galaxy."""


@section
class Pressure(Section):
    """The GNFW electron pressure profile of Arnaud et al. 2010, Eq. 11 to 13."""

    p0: PositiveFloat
    """Normalisation, times h70^(-3/2)."""
    c500: PositiveFloat
    """Concentration: R500 over the scale radius."""
    gamma: Annotated[Number, Field(ge=0, lt=3)]
    """Slope at the centre."""
    alpha: PositiveFloat
    """Sharpness of the turn from the middle slope to the outer one."""
    beta: PositiveFloat
    """Slope far outside."""
    alpha_p: Number
    """By how much the exponent of the mass exceeds 2/3, at all radii alike."""
    alpha_p_of_radius: Flag
    """Whether the exponent of the mass falls with the radius."""
    truncation_r500: PositiveFloat
    """Radius in R500 beyond which there is no gas."""


@section
class Microwave(Section):
    """The 150 GHz experiment of Gupta & Reichardt 2020, and its clusters."""

    frequency_ghz: Annotated[
        Number,
        rule("150: the foreground spectra are those of 150 x 150 GHz", lambda ghz: ghz == 150),
    ]
    """Frequency of the maps."""
    pixels: Annotated[
        Whole,
        rule(
            "a multiple of 8 (the network halves the map three times), from 8 to 128",
            lambda pixels: pixels % 8 == 0 and 0 < pixels <= 128,
        ),
    ]
    """Pixels along a side of a map."""
    pixel_arcmin: PositiveFloat
    """Side of a pixel."""
    beam_fwhm_arcmin: Number
    """Full width of the Gaussian beam at half its maximum."""
    pixel_window: Flag
    """Whether a pixel is the mean over its area."""
    noise_uk_arcmin: PositiveFloat
    """White noise in uK_CMB arcmin."""
    noise_after_beam: Flag
    """Whether the noise is added after the beam; if not, the beam smooths it as it does the sky."""
    apodisation_arcmin: NotNegativeFloat
    """Width of the cosine taper at the map's edge; 0: none."""
    eigenvalue_cut: Annotated[Number, Field(gt=0, lt=1e-6)]
    """Smallest eigenvalue of the sky covariance that is kept, relative to the largest; modes that
    hold only noise lie above 1e-6."""
    redshift: PositiveFloat
    """Redshift of all clusters."""
    ln_scatter: NotNegativeFloat
    """Scatter of ln of the SZ amplitude at given mass."""
    cosmology: Text
    """Cosmology as colossus names it."""
    concentration_model: Text
    """Model of the concentrations as colossus names it."""
    components: Components
    pressure: Pressure

    def problems(self) -> Iterator[str]:
        """The beam spans a pixel; the taper fits into the map."""
        if self.beam_fwhm_arcmin < self.pixel_arcmin:
            expected = f"at least a pixel (pixel_arcmin = {self.pixel_arcmin})"
            yield wrong("beam_fwhm_arcmin", self.beam_fwhm_arcmin, expected)
        half = self.pixels * self.pixel_arcmin / 2
        if self.apodisation_arcmin > half:
            expected = f"at most half of the map, {half:g}"
            yield wrong("apodisation_arcmin", self.apodisation_arcmin, expected)


@section
class MicrowaveSets(Section):
    """Which masses are simulated, and how many maps of each."""

    training_masses_1e14: Annotated[Masses, rule("at least one mass", bool)]
    """M200c of the training and validation maps, in 1e14 Msun."""
    other_masses_1e14: Masses
    """M200c of test maps beside these, in 1e14 Msun."""
    train_maps: PositiveInt
    """Training maps of each training mass."""
    validation_maps: PositiveInt
    """Validation maps of each training mass."""
    test_maps: PositiveInt
    """Test maps of every mass."""
    spare_maps: NotNegativeInt
    """Spare maps of each other mass."""
    scatter_maps: PositiveInt
    """Maps in each of the two sets of Fig. 5."""
    scatter_range_1e14: MassRange
    """M200c between which the masses of Fig. 5 are drawn, in 1e14 Msun."""

    def problems(self) -> Iterator[str]:
        """No mass occurs twice."""
        masses = self.training_masses_1e14 + self.other_masses_1e14
        if len(set(masses)) != len(masses):
            expected = "no mass twice, and none of training_masses_1e14"
            yield wrong("other_masses_1e14", self.other_masses_1e14, expected)


@section
class Mresunet(Section):
    """The mResUNet and its training."""

    width: PositiveInt
    """Filters of the first block; 64 in the paper."""
    dropout: ShareBelow1
    """Share of neurons left out in training; 0.3 in the paper."""
    dropout_phase: Literal["decoder", "encoder", "both"]
    """Where dropout acts: decoder (the paper's Sec. 2.1), encoder (its Sec. 3) or both."""
    recipe: Literal["fresh", "paper"]
    """fresh: new maps every epoch; paper: the stored training set."""
    training_prior: Literal["paper", "uniform"]
    """Masses of recipe fresh: uniform in prior_range_1e14, or the paper's."""
    prior_range_1e14: MassRange
    """Ends of the uniform prior in 1e14 Msun."""
    mass_image: Literal["flat", "nfw"]
    """What the mass image looks like: flat, or nfw: the paper's profile, read at its centre."""
    profile_scale: Literal["rms", "peak"]
    """What the SZ label images are divided by: rms, or peak (the paper)."""
    batch: PositiveInt
    """Maps of a training step."""
    maps_per_epoch: PositiveInt
    """Maps of an epoch of recipe fresh."""
    epochs: PositiveInt
    """Most epochs of the training."""
    learning_rate: ProperShare
    """Learning rate at its highest."""
    schedule: Literal["cosine", "plateau"]
    """Course of the learning rate: cosine, to zero over the epochs; plateau: the paper's."""
    warmup_steps: NotNegativeInt
    """Steps of schedule cosine over which the rate rises from 0."""
    plateau_epochs: PositiveInt
    """Epochs without improvement before the rate is halved."""
    patience_epochs: PositiveInt
    """Epochs without improvement before training stops."""
    recalibration_maps: NotNegativeInt
    """Maps on which batch normalisation is measured anew after training; 0: none."""
    threads: PositiveInt
    """Threads of the training; its last bits depend on them."""


@section
class Hydro(Section):
    """The microwave line's test on clusters of a hydrodynamical simulation."""

    baryon_model: Text
    """Baryon model of the clusters."""
    clusters: PositiveInt
    """Number of clusters."""
    relation_clusters: Annotated[Whole, Field(ge=10)]
    """Number of other clusters, to which the relation of Y and M behind the factor r is fitted."""
    realisations: PositiveInt
    """Realisations of the sky over each cluster."""
    redshifts: RedshiftRange
    """Redshifts between which the clusters lie."""
    masses_1e14: MassRange
    """M200c between which masses are drawn from the mass function, in 1e14 Msun."""
    halo_redshifts: RedshiftRange
    """Redshifts between which unrelated haloes lie along the line of sight."""
    halo_mass_1e14: Mass
    """M500c of the lightest unrelated halo, in 1e14 Msun."""
