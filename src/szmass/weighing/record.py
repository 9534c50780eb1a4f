"""The record: the file with filters, networks, priors and ranges of one survey."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from szmass.errors import SzmassError
from szmass.files import replacing_file
from szmass.sky.grid import PixelGrid
from szmass.weighing.filters import FilterBank, FixedLevel, Level, LevelMeter
from szmass.weighing.mixture import Ensemble, Standard
from szmass.weighing.novelty import Familiar, Limits, Usual
from szmass.weighing.priors import Population, TabulatedPrior
from szmass.weighing.record_content import (
    ContentError,
    content_digest,
    read_arrays,
    require_arrays,
    require_digest,
    require_facts,
)
from szmass.weighing.spots import Finder

FORMAT_VERSION = 4
MASS_FUNCTION = "mass-function"
"""Name of the prior that a survey without a catalogue has."""
LIMITS = ("chi2", "compact", "offset_arcmin")
"""Quantities with a limit that depends on the signal-to-noise ratio."""
MAKE_AGAIN = "make it again (dvc repro train_weighing)"
_NO_RECORD = (
    # what numpy raises for files of all kinds: an array alone is no context (TypeError)
    *(OSError, EOFError, ValueError, TypeError, zipfile.BadZipFile, zlib.error),
    *(NotImplementedError, RuntimeError),  # zipfile: compression it cannot read
    *(KeyError, AttributeError),  # no facts, or facts that are no names with values
    *(RecursionError, MemoryError, ContentError),
)


class RecordError(SzmassError):
    """A file is no record that this version can weigh with."""


@dataclass(frozen=True)
class Facts:
    """What a record states of its survey and training, besides arrays."""

    survey: str
    signal: str
    """What maps show, `sky.signals.COMPTON_Y` or `TEMPERATURE_UK`."""
    bands: list[str]
    """Names of the images of a map, in their order."""
    pixels: int
    pixel_arcmin: float
    beam_fwhm_arcmin: float
    """Of the band with the narrowest."""
    least_level: float
    """Least noise level of the training, in the maps' unit; a lower level is replaced by it."""
    largest_level: float
    """Largest noise level of the training."""
    inner_arcmin: float
    """Radius beyond which the noise's level is measured."""
    level_variance: float | None
    """With `level_modes` what a map's noise level is measured by; None where it is fixed."""
    level_modes: float | None
    redshifts: list[float]
    """Ends of the training's redshifts."""
    log10_m500c_msun: list[float]
    axis_log10_msun: list[float]
    axis_nodes: int
    gas_models: dict[str, dict[str, float]]
    """alpha, log10_b and sigma_lny by name."""
    reference_gas: str
    gas_prior: dict[str, list[float]]
    """Mean and width of alpha, log10_b and sigma_lny."""
    gas_nodes: int
    survey_prior: str
    """Name of the prior that is used where none is named: the population's, if there is one."""
    population_width_ln_z: float | None
    """With `population_width_dex` the kernel of the population; None where there is none."""
    population_width_dex: float | None
    mass_function: str
    """Its source and cosmology, in words."""
    cosmology: str
    """Of the training, as `Cosmology` has it."""
    concentration_model: str
    y_centre: float
    """Mean of ln Y over the training; the networks' ln Y is standardised by it and `y_scale`."""
    y_scale: float
    arrays_a_network: int
    networks: int
    made_with: str
    model_version: str

    @property
    def grid(self) -> PixelGrid:
        """Pixels of the maps."""
        return PixelGrid(self.pixels, self.pixel_arcmin)

    @property
    def axis(self) -> np.ndarray:
        """log10 M500c at which posteriors are computed."""
        low, high = self.axis_log10_msun
        return np.linspace(low, high, self.axis_nodes)


@dataclass(frozen=True)
class Record:
    """Everything that is needed to weigh the maps of a survey."""

    facts: Facts
    bank: FilterBank
    ensemble: Ensemble
    mass_function: TabulatedPrior
    usual: Usual
    population: Population | None = None

    @property
    def familiar(self) -> Familiar:
        """The ranges of the training, and the limits of the flags."""
        facts = self.facts
        levels = [facts.least_level, facts.largest_level]
        return Familiar(self.usual, levels, facts.redshifts, facts.log10_m500c_msun)

    @cached_property
    def meter(self) -> Level:
        """Measures a map's noise level."""
        variance, modes = self.facts.level_variance, self.facts.level_modes
        if variance is None or modes is None:
            return FixedLevel()
        outside = self.facts.grid.radius_arcmin.ravel() > self.facts.inner_arcmin
        return LevelMeter(outside, variance, modes)

    @cached_property
    def finder(self) -> Finder:
        """Looks for the brightest spots of a map."""
        facts = self.facts
        return Finder.of(self.bank, facts.grid, facts.beam_fwhm_arcmin, facts.inner_arcmin)

    @property
    def axis(self) -> np.ndarray:
        """log10 M500c at which posteriors are computed."""
        return self.facts.axis

    def write(self, path: Path) -> None:
        """Writes the record; the same record gives the same bytes."""
        arrays: dict[str, Any] = {
            "filters": self.bank.filters,
            "noise_covariance": self.bank.noise_covariance,
            "feature_centre": self.ensemble.standard.centre,
            "feature_scale": self.ensemble.standard.scale,
            "mass_function_redshift": self.mass_function.redshift,
            "mass_function_density": self.mass_function.density,
            "usual_elsewhere": np.array([self.usual.elsewhere]),
        }
        if self.population is not None:
            arrays["population_redshift"] = self.population.redshift
            arrays["population_log10_m500c_msun"] = self.population.log10_m500c_msun
        for name in LIMITS:
            limits = getattr(self.usual, name)
            arrays[f"usual_{name}"] = np.array([limits.signal_to_noise, limits.largest])
        for network, weights in enumerate(self.ensemble.weights):
            for number, values in enumerate(weights):
                arrays[f"network_{network}_{number}"] = values
        facts = asdict(self.facts)
        stated = {
            **facts,
            "format_version": FORMAT_VERSION,
            "digest": content_digest(facts, arrays),
        }
        arrays["facts"] = np.array(json.dumps(stated, sort_keys=True))
        with replacing_file(path) as unfinished, unfinished.open("wb") as file:
            np.savez_compressed(file, **arrays)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Reads a record; every fact and array is checked before it is used.

        Raises:
            RecordError: there is none, it is damaged or changed, or another version wrote it; the
                message names the file, and the fact or array.
        """
        try:
            arrays = read_arrays(path)
            facts = json.loads(str(arrays.pop("facts")))
            version, digest = facts.pop("format_version", None), facts.pop("digest", None)
        except FileNotFoundError as error:
            raise RecordError(
                f"{path}: no such file; `dvc repro train_weighing` makes it"
            ) from error
        except _NO_RECORD as error:
            reason = " ".join(str(error).split())
            raise RecordError(
                f"{path}: expected a record of weighing, found another file or a damaged one "
                f"({reason}); {MAKE_AGAIN}"
            ) from None
        if version != FORMAT_VERSION:
            raise RecordError(
                f"{path}: format_version = {version!r}: expected {FORMAT_VERSION}, which this "
                f"version of szmass reads; {MAKE_AGAIN}"
            )
        try:
            require_facts(facts, {field.name: str(field.type) for field in fields(Facts)})
            require_arrays(arrays, Facts(**facts))
            require_digest(digest, facts, arrays)
        except ContentError as error:
            raise RecordError(f"{path}: {error}; {MAKE_AGAIN}") from None
        return cls._of(Facts(**facts), arrays)

    @classmethod
    def _of(cls, facts: Facts, arrays: Mapping[str, np.ndarray]) -> Record:
        weights = [
            [arrays[f"network_{network}_{number}"] for number in range(facts.arrays_a_network)]
            for network in range(facts.networks)
        ]
        standard = Standard(
            arrays["feature_centre"], arrays["feature_scale"], facts.y_centre, facts.y_scale
        )
        return cls(
            facts,
            FilterBank(arrays["filters"], arrays["noise_covariance"]),
            Ensemble(weights, standard),
            TabulatedPrior(
                arrays["mass_function_redshift"], facts.axis, arrays["mass_function_density"]
            ),
            Usual(
                **{name: Limits(*arrays[f"usual_{name}"]) for name in LIMITS},
                elsewhere=float(arrays["usual_elsewhere"][0]),
            ),
            _population(facts, arrays),
        )


def _population(facts: Facts, arrays: Mapping[str, np.ndarray]) -> Population | None:
    """The clusters of the survey's catalogue, where it has one."""
    if facts.population_width_ln_z is None or facts.population_width_dex is None:
        return None
    return Population(
        arrays["population_redshift"],
        arrays["population_log10_m500c_msun"],
        facts.population_width_ln_z,
        facts.population_width_dex,
    )
