"""Settings of the Compton line: clusters, Planck's sky, networks, posteriors."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from szmass.params.checks import (
    Flag,
    Mass,
    Names,
    NotNegativeFloat,
    NotNegativeInt,
    Number,
    Pair,
    PositiveFloat,
    PositiveInt,
    PositiveRange,
    ProperShare,
    Section,
    Share,
    ShareBelow1,
    Text,
    Whole,
    pair,
    rule,
    section,
)
from szmass.params.problems import wrong

MOCK, IMPORTED = "mock", "imported"
"""Source of the clusters that szmass draws itself; name of the gas of all others."""


@section
class Compton(Section):
    """The Planck-like y-maps of de Andres et al. 2022, and their sets of simulated clusters."""

    pixels: Annotated[
        Whole,
        rule(
            "an even number from 32 to 512",
            lambda pixels: pixels % 2 == 0 and 32 <= pixels <= 512,
        ),
    ]
    """Pixels along a side of a map."""
    pixel_arcmin: PositiveFloat
    """Side of a pixel."""
    beam_fwhm_arcmin: Number
    """Full width of the Gaussian beam at half its maximum."""
    cosmology: Text
    """Cosmology as colossus names it."""
    concentration_model: Text
    """Model of the concentrations as colossus names it."""
    source: Annotated[
        Text,
        rule(
            "mock, or the name of a store in paths.simulations, which ends in .zarr",
            lambda name: name == MOCK or (name.endswith(".zarr") and "/" not in name),
        ),
    ]
    """Simulated clusters of maps and of weighing's training: mock, drawn by szmass; or the name of
    a store in paths.simulations that `szmass import-maps` wrote."""
    baryon_model: Text
    """Baryon model of the mock clusters that networks are trained on, and of the stand-in sky."""
    development_clusters: PositiveInt
    """Development clusters in all bins together, evenly divided."""
    development_projections: Annotated[Whole, Field(ge=1, le=27)]
    """Lines of sight of each development cluster."""
    test_clusters: PositiveInt
    """Test clusters a bin, one line of sight each."""
    other_model_clusters: NotNegativeInt
    """Test clusters a bin, of each other baryon model, one line of sight each."""
    originals: PositiveInt
    """Clusters of a bin with a map at full resolution."""
    psz2_mass_factor: PositiveFloat
    """True masses follow those of PSZ2 divided by this."""
    mass_jitter_dex: NotNegativeFloat
    """Scatter of drawn masses about those of the catalogue, in dex."""
    redshift_jitter: NotNegativeFloat
    """Scatter of drawn redshifts about those of the catalogue."""
    mass_cuts_1e14: Names[Mass]
    """Lowest M500c simulated in each bin, in 1e14 Msun."""

    @property
    def gas(self) -> str:
        """Name of the gas of the maps that networks are trained on."""
        return self.baryon_model if self.source == MOCK else IMPORTED

    def problems(self) -> Iterator[str]:
        """The beam spans two pixels."""
        if self.beam_fwhm_arcmin < 2 * self.pixel_arcmin:
            expected = f"at least two pixels (pixel_arcmin = {self.pixel_arcmin})"
            yield wrong("beam_fwhm_arcmin", self.beam_fwhm_arcmin, expected)


@section
class Morphology(Section):
    """How the pressure of simulated clusters departs from a sphere."""

    axis_ratio_mean: Annotated[
        Pair,
        rule(
            "[middle, minor], 0.2 to 1",
            lambda axes: len(axes) == 2 and 0.2 <= axes[1] <= axes[0] <= 1,
        ),
    ]
    """Middle and minor axis over the major one."""
    axis_ratio_scatter: NotNegativeFloat
    """Scatter of both ratios."""
    scale_scatter_ln: NotNegativeFloat
    """Scatter of ln of the GNFW scale radius at given mass."""
    cool_core_scatter: NotNegativeFloat
    """Scatter of the cool-core weight about the baryon model's mean."""
    subhaloes_mean: NotNegativeFloat
    """Mean number of subhaloes."""
    subhalo_mass_ratio: PositiveRange
    """Lightest and heaviest subhalo over the cluster."""
    subhalo_slope: Number
    """Slope of dN / d(mass ratio)."""
    subhalo_distance_r500: PositiveRange
    """Nearest and farthest subhalo in R500."""
    merger_fraction: Share
    """Share of clusters with a merging partner."""
    merger_mass_ratio: PositiveRange
    """Lightest and heaviest partner over the cluster."""
    merger_distance_r500: PositiveRange
    """Nearest and farthest partner in R500."""
    truncation_r500: PositiveFloat
    """Radius in R500 beyond which there is no gas."""


@section
class BaryonModel(Section):
    """The Y-M relation and the cores that a model of the gas gives its clusters.

    D_A^2 Y_cyl(R500) = E^(2/3) 1e-4 Mpc^2 10^log10_b (M500 / 6e14 Msun)^alpha (h / 0.7)^(alpha - 2)
    """

    alpha: PositiveFloat
    """Exponent of the mass in the Y-M relation."""
    log10_b: Number
    """log10 of the normalisation of the Y-M relation."""
    sigma_lny: NotNegativeFloat
    """Scatter of ln Y at given mass."""
    cool_core_mean: Share
    """Mean weight of the cool-core profile."""


@section
class PlanckSky(Section):
    """Planck's y-map: which product, or what the stand-in for it holds."""

    product: Literal["milca", "nilc"]
    """Which of Planck's two y-maps."""
    nside: Annotated[
        Whole,
        rule(
            "a power of two from 64 to 8192",
            lambda nside: 64 <= nside <= 8192 and nside & (nside - 1) == 0,
        ),
    ]
    """HEALPix resolution of the sky."""
    lmax: PositiveInt
    """Highest multipole of the simulated maps."""
    noise_rms: PositiveFloat
    """Median rms of the noise over the sky, in y."""
    noise_modulation_ln: NotNegativeFloat
    """Scatter of ln of the noise's level over the sky."""
    noise_modulation_deg: PositiveFloat
    """Full width at half maximum of the patches over which the noise's level changes, in deg."""
    development_realisations: PositiveInt
    """Realisations of the noise under development clusters."""
    test_realisations: PositiveInt
    """Realisations of the noise under test clusters."""
    point_sources: NotNegativeInt
    """Sources on the stand-in sky; 50000 leave the paper's share of golden clusters."""
    point_source_y: NotNegativeFloat
    """Median central decrement or excess of point sources after the beam."""
    galactic_y: NotNegativeFloat
    """Residual of our galaxy at galactic latitude 10 deg."""
    mask_radius_arcmin: PositiveFloat
    """Radius within which clusters of the golden sample have no masked pixel."""

    def problems(self) -> Iterator[str]:
        """The map has pixels enough for its multipoles."""
        if self.lmax > 3 * self.nside - 1:
            yield wrong("lmax", self.lmax, "at most 3 nside - 1")


@section
class Cnn(Section):
    """The CNN of the Compton line, its ensembles and their training."""

    filters: PositiveInt
    """Filters of the first convolution; doubled after each."""
    kernel: PositiveInt
    """Side of a convolution's kernel in pixels."""
    convolutions: PositiveInt
    """Number of convolutions, each followed by a pooling."""
    dense_layers: PositiveInt
    """Number of dense layers before those of 100, 20 and 1 neurons."""
    neurons: PositiveInt
    """Neurons of each of these dense layers."""
    dropout: ShareBelow1
    """Share of neurons left out after the last pooling and after each of these dense layers."""
    members: PositiveInt
    """Networks of the ensemble for M500c of maps with noise, in each bin."""
    clean_members: PositiveInt
    """Networks of the ensemble for M500c of maps without noise, in each bin."""
    m200_members: NotNegativeInt
    """Networks of the ensemble for M200c, in each bin and data set."""
    recipe: Literal["fresh", "stored"]
    """Noise of the training maps: fresh, another cutout whenever a map is shown; stored (paper)."""
    noise_draws: PositiveInt
    """Recipe fresh: how often an epoch shows each map to a network for M500c, each time with other
    noise; once to one for M200c."""
    batch: PositiveInt
    """Maps of a training step."""
    epochs: PositiveInt
    """Epochs of a training; the network is kept as it was after the best one."""
    learning_rate: ProperShare
    """Learning rate at its highest."""
    schedule: Literal["cosine", "constant"]
    """Course of the learning rate: cosine, to zero over the epochs; constant (the paper)."""
    validation_fraction: ProperShare
    """Share of the development clusters, another part for each member."""
    flips: Flag
    """Whether a map is turned and flipped at random (eight symmetries) each time it is seen."""
    bias_threshold: PositiveFloat
    """Largest mean b, in every mass bin, of a selected member."""
    mass_bins: PositiveInt
    """Number of bins of equal count, in which the mean b is judged."""
    threads: PositiveInt
    """Threads of TensorFlow on a CPU; as many members train side by side, on one each."""

    def ensemble_size(self, data_set: str, target: str) -> int:
        """Networks of the ensemble of `clean` or `planck` maps for `m500c` or `m200c`."""
        if target == "m200c":
            return self.m200_members
        return self.clean_members if data_set == "clean" else self.members

    def passes(self, data_set: str, target: str) -> int:
        """How often an epoch shows each map to a network of this ensemble."""
        fresh = self.recipe == "fresh" and (data_set, target) == ("planck", "m500c")
        return self.noise_draws if fresh else 1


@section
class Posterior(Section):
    """The paper's posterior: a kernel density of masses by the networks and true ones."""

    kde_bandwidth: PositiveFloat
    """Bandwidth of the kernel density estimate, as scipy takes it."""
    axis_log10_msun: Annotated[
        Pair, pair("12 <= low < high <= 17", lambda low, high: 12 <= low < high <= 17)
    ]
    """Ends of the mass axis, log10 of M in Msun."""
    axis_nodes: Annotated[Whole, Field(ge=50)]
    """Nodes of the mass axis, evenly spaced."""
