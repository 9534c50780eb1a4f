"""Settings: one YAML file, read once into frozen typed sections. No defaults live in code."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


class ParamsError(ValueError):
    """A setting is missing, unknown, of the wrong type, or makes no sense."""


def require(condition: bool, key: str, value: object, expected: str) -> None:
    """Raises a `ParamsError` that names the key, its value and what was expected."""
    if not condition:
        raise ParamsError(f"{key} = {value!r}: expected {expected}")


def require_positive(section: str, owner: object, *names: str) -> None:
    """Requires that each of these numbers of a section is above 0."""
    for name in names:
        value = getattr(owner, name)
        require(value > 0, f"{section}.{name}", value, "a number above 0")


def require_not_negative(section: str, owner: object, *names: str) -> None:
    """Requires that each of these numbers of a section is 0 or more."""
    for name in names:
        value = getattr(owner, name)
        require(value >= 0, f"{section}.{name}", value, "0 or more")


@dataclass(frozen=True)
class Spectra:
    """The CMB's cosmology as CAMB takes it, and how far the spectra reach."""

    lmax: int
    camb_lmax: int
    h0_km_s_mpc: float
    ombh2: float
    omch2: float
    mnu_ev: float
    tau: float
    a_s: float
    n_s: float
    y_he: float
    lens_potential_accuracy: float

    def __post_init__(self) -> None:
        names = ("lmax", "camb_lmax", "h0_km_s_mpc", "ombh2", "omch2", "tau", "a_s", "n_s", "y_he")
        require_positive("spectra", self, *names)
        require_not_negative("spectra", self, "mnu_ev", "lens_potential_accuracy")
        require(self.camb_lmax >= 3000, "spectra.camb_lmax", self.camb_lmax, "3000 or more")


@dataclass(frozen=True)
class Components:
    """Which components the simulated sky has."""

    cmb: bool
    dsfg_poisson: bool
    dsfg_clustered: bool
    radio: bool
    tsz: bool
    ksz: bool
    tsz_cib: bool
    cirrus: bool

    def names(self) -> list[str]:
        """The components that are switched on."""
        return [f.name for f in dataclasses.fields(self) if getattr(self, f.name)]


@dataclass(frozen=True)
class Pressure:
    """The GNFW electron pressure profile."""

    p0: float
    c500: float
    gamma: float
    alpha: float
    beta: float
    alpha_p: float
    alpha_p_of_radius: bool
    truncation_r500: float

    def __post_init__(self) -> None:
        names = ("p0", "c500", "alpha", "beta", "truncation_r500")
        require_positive("microwave.pressure", self, *names)
        require(0 <= self.gamma < 3, "microwave.pressure.gamma", self.gamma, "0 <= gamma < 3")


@dataclass(frozen=True)
class Microwave:
    """The 150 GHz experiment and its clusters."""

    frequency_ghz: float
    pixels: int
    pixel_arcmin: float
    beam_fwhm_arcmin: float
    pixel_window: bool
    noise_uk_arcmin: float
    noise_after_beam: bool
    apodisation_arcmin: float
    eigenvalue_cut: float
    redshift: float
    ln_scatter: float
    cosmology: str
    concentration_model: str
    components: Components
    pressure: Pressure

    def __post_init__(self) -> None:
        require(
            self.frequency_ghz == 150,
            "microwave.frequency_ghz",
            self.frequency_ghz,
            "150: the foreground spectra are those of 150 x 150 GHz",
        )
        names = ("pixels", "pixel_arcmin", "noise_uk_arcmin", "eigenvalue_cut")
        require_positive("microwave", self, *names, "redshift")
        require_not_negative("microwave", self, "ln_scatter", "apodisation_arcmin")
        require(
            self.beam_fwhm_arcmin >= self.pixel_arcmin,
            "microwave.beam_fwhm_arcmin",
            self.beam_fwhm_arcmin,
            f"at least a pixel (pixel_arcmin = {self.pixel_arcmin})",
        )
        require(
            self.pixels % 8 == 0 and self.pixels <= 128,
            "microwave.pixels",
            self.pixels,
            "a multiple of 8 (the network halves the map three times), at most 128",
        )
        half = self.pixels * self.pixel_arcmin / 2
        require(
            self.apodisation_arcmin <= half,
            "microwave.apodisation_arcmin",
            self.apodisation_arcmin,
            f"at most half of the map, {half:g}",
        )
        require(
            self.eigenvalue_cut < 1e-6,
            "microwave.eigenvalue_cut",
            self.eigenvalue_cut,
            "less than 1e-6 (the modes that hold only noise lie above)",
        )


@dataclass(frozen=True)
class MicrowaveSets:
    """Which masses are simulated, and how many maps of each."""

    training_masses_1e14: list[float]
    other_masses_1e14: list[float]
    train_maps: int
    validation_maps: int
    test_maps: int
    spare_maps: int
    scatter_maps: int
    scatter_range_1e14: list[float]

    def __post_init__(self) -> None:
        section = "microwave_sets"
        for name in ("training_masses_1e14", "other_masses_1e14"):
            require_masses(f"{section}.{name}", getattr(self, name))
        require(
            len(self.training_masses_1e14) > 0,
            f"{section}.training_masses_1e14",
            self.training_masses_1e14,
            "at least one mass",
        )
        require_positive(section, self, "train_maps", "validation_maps", "test_maps")
        require_positive(section, self, "scatter_maps")
        require_not_negative(section, self, "spare_maps")
        masses = self.training_masses_1e14 + self.other_masses_1e14
        require(
            len(set(masses)) == len(masses),
            f"{section}.other_masses_1e14",
            self.other_masses_1e14,
            "no mass twice, and none of training_masses_1e14",
        )
        require_mass_range(f"{section}.scatter_range_1e14", self.scatter_range_1e14)


@dataclass(frozen=True)
class Mresunet:
    """The mResUNet and its training."""

    width: int
    dropout: float
    dropout_phase: Literal["decoder", "encoder", "both"]
    recipe: Literal["fresh", "paper"]
    training_prior: Literal["paper", "uniform"]
    prior_range_1e14: list[float]
    mass_image: Literal["flat", "nfw"]
    profile_scale: Literal["rms", "peak"]
    batch: int
    maps_per_epoch: int
    epochs: int
    learning_rate: float
    schedule: Literal["cosine", "plateau"]
    warmup_steps: int
    plateau_epochs: int
    patience_epochs: int
    recalibration_maps: int
    threads: int

    def __post_init__(self) -> None:
        section = "mresunet"
        require_positive(section, self, "width", "batch", "epochs", "learning_rate", "threads")
        require_positive(section, self, "maps_per_epoch", "plateau_epochs", "patience_epochs")
        require_not_negative(section, self, "warmup_steps", "recalibration_maps")
        require(0 <= self.dropout < 1, f"{section}.dropout", self.dropout, "0 <= dropout < 1")
        require(
            self.learning_rate < 1, f"{section}.learning_rate", self.learning_rate, "less than 1"
        )
        require_mass_range(f"{section}.prior_range_1e14", self.prior_range_1e14)


@dataclass(frozen=True)
class Compton:
    """The Planck-like experiment and its sets of simulated clusters."""

    pixels: int
    pixel_arcmin: float
    beam_fwhm_arcmin: float
    cosmology: str
    concentration_model: str
    baryon_model: str
    development_clusters: int
    development_projections: int
    test_clusters: int
    other_model_clusters: int
    originals: int
    psz2_mass_factor: float
    mass_jitter_dex: float
    redshift_jitter: float
    mass_cuts_1e14: Mapping[str, float]

    def __post_init__(self) -> None:
        require_positive("compton", self, "pixel_arcmin", "beam_fwhm_arcmin", "psz2_mass_factor")
        require_positive("compton", self, "development_clusters", "test_clusters", "originals")
        names = ("other_model_clusters", "mass_jitter_dex", "redshift_jitter")
        require_not_negative("compton", self, *names)
        require(
            self.pixels % 2 == 0 and 32 <= self.pixels <= 512,
            "compton.pixels",
            self.pixels,
            "an even number from 32 to 512",
        )
        require(
            1 <= self.development_projections <= 27,
            "compton.development_projections",
            self.development_projections,
            "1 to 27",
        )
        require(
            self.beam_fwhm_arcmin >= 2 * self.pixel_arcmin,
            "compton.beam_fwhm_arcmin",
            self.beam_fwhm_arcmin,
            f"at least two pixels (pixel_arcmin = {self.pixel_arcmin})",
        )
        require_masses("compton.mass_cuts_1e14", list(self.mass_cuts_1e14.values()))


@dataclass(frozen=True)
class Morphology:
    """How the pressure of simulated clusters departs from a sphere."""

    axis_ratio_mean: list[float]
    axis_ratio_scatter: float
    scale_scatter_ln: float
    cool_core_scatter: float
    subhaloes_mean: float
    subhalo_mass_ratio: list[float]
    subhalo_slope: float
    subhalo_distance_r500: list[float]
    merger_fraction: float
    merger_mass_ratio: list[float]
    merger_distance_r500: list[float]
    truncation_r500: float

    def __post_init__(self) -> None:
        section = "morphology"
        require_positive(section, self, "truncation_r500")
        names = ("axis_ratio_scatter", "scale_scatter_ln", "cool_core_scatter", "subhaloes_mean")
        require_not_negative(section, self, *names)
        ratios = self.axis_ratio_mean
        right = len(ratios) == 2 and 0.2 <= ratios[1] <= ratios[0] <= 1
        require(right, f"{section}.axis_ratio_mean", ratios, "[middle, minor], 0.2 to 1")
        require(
            0 <= self.merger_fraction <= 1,
            f"{section}.merger_fraction",
            self.merger_fraction,
            "0 to 1",
        )
        for name in (
            "subhalo_mass_ratio",
            "subhalo_distance_r500",
            "merger_mass_ratio",
            "merger_distance_r500",
        ):
            value = getattr(self, name)
            right = len(value) == 2 and 0 < value[0] < value[1]
            require(right, f"{section}.{name}", value, "[low, high], 0 < low < high")


@dataclass(frozen=True)
class BaryonModel:
    """The Y-M relation and the cores that a model of the gas gives its clusters."""

    alpha: float
    log10_b: float
    sigma_lny: float
    cool_core_mean: float

    def __post_init__(self) -> None:
        require_positive("baryon_models", self, "alpha")
        require_not_negative("baryon_models", self, "sigma_lny")
        right = 0 <= self.cool_core_mean <= 1
        require(right, "baryon_models.cool_core_mean", self.cool_core_mean, "0 to 1")


@dataclass(frozen=True)
class Hydro:
    """The microwave line's test on clusters of a hydrodynamical simulation."""

    baryon_model: str
    clusters: int
    realisations: int
    redshifts: list[float]
    masses_1e14: list[float]
    halo_redshifts: list[float]
    halo_mass_1e14: float

    def __post_init__(self) -> None:
        section = "hydro"
        require_positive(section, self, "clusters", "realisations")
        for name in ("redshifts", "halo_redshifts"):
            value = getattr(self, name)
            right = len(value) == 2 and 0 < value[0] < value[1] <= 2
            require(right, f"{section}.{name}", value, "[low, high], 0 < low < high <= 2")
        require_mass_range(f"{section}.masses_1e14", self.masses_1e14)
        require_masses(f"{section}.halo_mass_1e14", [self.halo_mass_1e14])


@dataclass(frozen=True)
class PlanckSky:
    """Planck's y-map: which product, or what the stand-in for it holds."""

    product: Literal["milca", "nilc"]
    nside: int
    lmax: int
    noise_rms: float
    noise_modulation_ln: float
    noise_modulation_deg: float
    development_realisations: int
    test_realisations: int
    point_sources: int
    point_source_y: float
    galactic_y: float
    mask_radius_arcmin: float

    def __post_init__(self) -> None:
        section = "planck_sky"
        names = ("lmax", "noise_rms", "development_realisations", "test_realisations")
        require_positive(section, self, *names, "mask_radius_arcmin", "noise_modulation_deg")
        names = ("noise_modulation_ln", "point_sources", "point_source_y", "galactic_y")
        require_not_negative(section, self, *names)
        right = 64 <= self.nside <= 8192 and self.nside & (self.nside - 1) == 0
        require(right, f"{section}.nside", self.nside, "a power of two from 64 to 8192")
        require(
            self.lmax <= 3 * self.nside - 1, f"{section}.lmax", self.lmax, "at most 3 nside - 1"
        )


@dataclass(frozen=True)
class Cnn:
    """The CNN of the Compton line, its ensembles and their training."""

    filters: int
    kernel: int
    convolutions: int
    dense_layers: int
    neurons: int
    dropout: float
    members: int
    m200_members: int
    batch: int
    epochs: int
    learning_rate: float
    schedule: Literal["cosine", "constant"]
    validation_fraction: float
    flips: bool
    bias_threshold: float
    mass_bins: int
    threads: int

    def __post_init__(self) -> None:
        section = "cnn"
        names = ("filters", "kernel", "convolutions", "dense_layers", "neurons", "members")
        require_positive(section, self, *names, "batch", "epochs", "learning_rate", "threads")
        require_positive(section, self, "bias_threshold", "mass_bins")
        require_not_negative(section, self, "m200_members")
        require(0 <= self.dropout < 1, f"{section}.dropout", self.dropout, "0 <= dropout < 1")
        require(
            self.learning_rate < 1, f"{section}.learning_rate", self.learning_rate, "less than 1"
        )
        require(
            0 < self.validation_fraction < 1,
            f"{section}.validation_fraction",
            self.validation_fraction,
            "above 0 and less than 1",
        )


@dataclass(frozen=True)
class Posterior:
    """How the networks' masses become posteriors."""

    kde_bandwidth: float
    axis_log10_msun: list[float]
    axis_nodes: int
    prior: Literal["training", "flat"]

    def __post_init__(self) -> None:
        require_positive("posterior", self, "kde_bandwidth")
        axis = self.axis_log10_msun
        right = len(axis) == 2 and 12 <= axis[0] < axis[1] <= 17
        require(right, "posterior.axis_log10_msun", axis, "[low, high] within 12 to 17")
        require(self.axis_nodes >= 50, "posterior.axis_nodes", self.axis_nodes, "50 or more")


@dataclass(frozen=True)
class Evaluation:
    """How estimates are judged."""

    bootstrap_draws: int
    bound_range_1e14: list[float]
    mass_axis_1e14: list[float]
    mass_axis_nodes: int

    def __post_init__(self) -> None:
        require_positive("evaluation", self, "bootstrap_draws")
        require(
            self.mass_axis_nodes >= 3,
            "evaluation.mass_axis_nodes",
            self.mass_axis_nodes,
            "3 or more",
        )
        require_mass_range("evaluation.bound_range_1e14", self.bound_range_1e14)
        require_mass_range("evaluation.mass_axis_1e14", self.mass_axis_1e14)
        low, high = self.mass_axis_1e14
        require(
            low <= self.bound_range_1e14[0] and self.bound_range_1e14[1] <= high,
            "evaluation.bound_range_1e14",
            self.bound_range_1e14,
            f"a range within mass_axis_1e14 = {self.mass_axis_1e14}",
        )


@dataclass(frozen=True)
class Resources:
    """What the machine lends. Nothing here changes a result, so no stage depends on it."""

    workers: int
    worker_memory_gib: float
    scheduler_address: str

    def __post_init__(self) -> None:
        require_positive("resources", self, "workers", "worker_memory_gib")


@dataclass(frozen=True)
class Params:
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
        require_not_negative("params", self, "seed")
        require(len(self.bins) > 0, "bins", dict(self.bins), "at least one redshift bin")
        for name, edges in self.bins.items():
            right = len(edges) == 2 and 0 <= edges[0] < edges[1] <= 2
            require(right, f"bins.{name}", edges, "[low, high], 0 <= low < high <= 2")
        known, wanted = set(self.compton.mass_cuts_1e14), set(self.bins)
        require(
            known == wanted,
            "compton.mass_cuts_1e14",
            sorted(known),
            f"one mass for each of bins, {', '.join(self.bins)}",
        )
        require(
            self.compton.baryon_model in self.baryon_models,
            "compton.baryon_model",
            self.compton.baryon_model,
            f"one of baryon_models, {', '.join(self.baryon_models)}",
        )
        require(
            self.hydro.baryon_model in self.baryon_models,
            "hydro.baryon_model",
            self.hydro.baryon_model,
            f"one of baryon_models, {', '.join(self.baryon_models)}",
        )


def require_masses(key: str, value: list[float]) -> None:
    """Requires masses of clusters, in 1e14 Msun."""
    right = all(0.1 <= mass <= 30 for mass in value)
    require(right, key, value, "masses from 0.1 to 30 (in 1e14 Msun)")


def require_mass_range(key: str, value: list[float]) -> None:
    """Requires a pair [low, high] of masses of clusters, in 1e14 Msun."""
    require(len(value) == 2 and value[0] < value[1], key, value, "[low, high], low < high")
    require_masses(key, value)


def load(path: Path) -> Params:
    """Reads params.yaml.

    Raises:
        ParamsError: the file cannot be read, or a key is missing, unknown, mistyped or absurd;
            the message names the file, the key, the value and what was expected.
    """
    try:
        content = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise ParamsError(f"{path}: cannot be read as YAML: {error}") from error
    try:
        return _typed(Params, content, key="")
    except ParamsError as error:
        raise ParamsError(f"{path}: {error}") from error


def _typed(wanted: Any, value: Any, *, key: str) -> Any:  # noqa: PLR0911  # one a kind of type
    """Returns `value` as the type that an annotation asks for."""
    if dataclasses.is_dataclass(wanted) and isinstance(wanted, type):
        return _section(wanted, value, key=key)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is Literal:
        require(value in arguments, key, value, "one of " + ", ".join(map(str, arguments)))
        return value
    if origin is list:
        require(isinstance(value, list), key, value, "a list")
        return [_typed(arguments[0], item, key=f"{key}[{i}]") for i, item in enumerate(value)]
    if origin is Mapping:
        require(isinstance(value, dict), key, value, "names and their values")
        return types.MappingProxyType(
            {name: _typed(arguments[1], item, key=f"{key}.{name}") for name, item in value.items()}
        )
    if wanted is Path:
        require(isinstance(value, str) and value != "", key, value, "a path")
        return Path(value)
    if wanted is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        require(number and math.isfinite(value), key, value, "a number")
        return float(value)
    names = {int: "a whole number", bool: "true or false", str: "text"}
    right = isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
    require(right, key, value, names[wanted])
    return value


def _section(section: type, values: Any, *, key: str) -> Any:
    """Builds a section from a mapping that has exactly its keys."""
    prefix = f"{key}." if key else ""
    require(isinstance(values, dict), key or "the file", values, "a section of keys")
    annotations = typing.get_type_hints(section)
    for name in values:
        if name not in annotations:
            near = get_close_matches(str(name), annotations, n=1)
            hint = f"; did you mean {prefix}{near[0]}?" if near else ""
            raise ParamsError(f"{prefix}{name}: unknown key{hint}")
    for name in annotations:
        if name not in values:
            raise ParamsError(f"{prefix}{name}: missing")
    return section(
        **{
            name: _typed(wanted, values[name], key=f"{prefix}{name}")
            for name, wanted in annotations.items()
        }
    )
