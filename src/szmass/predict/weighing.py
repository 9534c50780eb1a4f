"""Masses of a user's maps by weighing, for `szmass predict` and for `szmass.weigh`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from warnings import warn

import numpy as np

from szmass.errors import SzmassError, did_you_mean
from szmass.predict.command import (
    WEIGHING,
    Accepted,
    PredictionError,
    Wanted,
    require_any,
    usable_map,
    usable_maps,
)
from szmass.predict.files.centres import Centre
from szmass.predict.files.map_units import SIGNALS
from szmass.predict.files.user_maps import UserMap
from szmass.predict.masses import Evidence, Masses, Weighed
from szmass.predict.objects import maps_of
from szmass.predict.priors import DENSITY, MASS, REDSHIFT, PriorError, read_prior
from szmass.predict.released import released_record
from szmass.predict.survey_files import trained_record
from szmass.weighing.priors import MassPrior
from szmass.weighing.record import MASS_FUNCTION, Record
from szmass.weighing.weigher import FLAT, TRAINING, Weigher

if TYPE_CHECKING:
    from szmass.predict.objects import Maps

ALL_GAS = "all"
"""Every model of the gas, where the name of one is asked for."""


def predict_by_weighing(wanted: Wanted) -> Weighed:
    """Weighs the maps that are asked for; one that cannot be used does not stop the others.

    Raises:
        PredictionError: no map could be used; the message has the reasons.
        RecordError, ReleaseError: the record cannot be read.
        WeighingError, PriorError: there is no such gas or prior.
    """
    if wanted.survey is not None and wanted.models is not None:
        raise PredictionError("--survey and --models: expected one of them")
    named = None if wanted.models in {None, WEIGHING} else Path(str(wanted.models))
    record, where = _record(named, wanted.survey)
    weigher = Weigher(record)
    facts = weigher.record.facts
    choice = _Choice.of(weigher, wanted.prior or facts.survey_prior, wanted.gas)
    maps = usable_maps(wanted, facts.grid, None, _accepted(record))
    require_any(maps)
    masses = choice.masses(maps.names, np.array(maps.cutouts), np.array(maps.redshifts))
    known = [place for place in maps.positions_deg if place is not None]
    if len(known) == len(maps.names):
        ra_deg, dec_deg = np.array(known).T
        masses = replace(masses, ra_deg=ra_deg, dec_deg=dec_deg)
    return Weighed(
        masses,
        maps.problems,
        maps.notes_in_words(),
        facts.survey,
        facts.made_with,
        choice.prior_in_words(),
        where,
        maps.warnings,
        maps.read,
    )


def _record(named: Path | None, survey: str | None) -> tuple[Record, str]:
    """A record and where it is from, in words: the one that szmass comes with, unless named."""
    if survey is not None:
        named = trained_record(survey)
    if named is not None:
        return Record.read(named), str(named)
    released = released_record()
    return Record.read(released.path), f"released with szmass {released.szmass_version}"


def _accepted(record: Record) -> Accepted:
    """Which maps and redshifts a record takes, beside its grid."""
    facts = record.facts
    farthest = max(1.0, facts.redshifts[1])
    return Accepted(facts.beam_fwhm_arcmin, farthest, facts.signal, tuple(facts.bands))


def weigh(
    maps: Maps,
    redshift: object = None,
    *,
    prior: str | Path | None = None,
    gas: str | None = None,
    survey: str | None = None,
    record: str | Path | None = None,
    pixel_arcmin: float | None = None,
    hdu: int | str | None = None,
    centre: str | tuple[float, float] | None = None,
    fill_nan: bool = False,
) -> Masses:
    """Masses M500c of the clusters in y-maps.

    A warning is issued where a redshift contradicts that of a file, or a column is not used.

    Args:
        maps: Compton y without a unit, or what the survey's maps show, `(pixels, pixels)` or
            `(n, pixels, pixels)`; an NDData or CCDData of astropy, whose unit, mask, WCS and
            REDSHIFT are used; files, as `szmass predict` reads them; or a table of files, of
            astropy or a CSV file, with the columns file, redshift and, if there is one, name.
        redshift: of all clusters, or one for each; may be left out where the maps say it.
        prior: `psz2` (the clusters of that catalogue at similar redshift; of Planck's maps alone),
            `mass-function` (Tinker et al. 2008, arXiv 0803.2706), `flat` in log10 M, which is also
            that of the `training`, or a CSV table with the columns `log10_msun`, `density` and, if
            the density depends on it, `redshift`. It multiplies the networks' density, which has
            none of its own. None: `psz2` for Planck's maps, `mass-function` for another survey's.
        gas: model of the gas for the statistical interval; None: the record's reference. `all`
            also fills `Masses.by_gas`, with masses for each model.
        survey: name of a survey that `szmass survey train` has trained in this folder; None:
            Planck's y-map.
        record: file with filters and networks; None: the one that szmass brings.
        pixel_arcmin: side of a pixel, where it is not that of the record and no file states it.
        hdu: number or name of the image of FITS files that have several.
        centre: where the cluster is in each map: column and row from 0, a text such as
            `194.95d,27.98d` in degrees of the map's WCS, or `crpix`, its reference pixel. None:
            at the map's centre.
        fill_nan: fill masked and NaN pixels that are far from the cluster with noise like the
            map's own.

    Raises:
        PredictionError: no map, another number of redshifts, or maps that cannot be used; the
            message names each.
        RecordError, ReleaseError, WeighingError, PriorError, UserFileError: the record, gas, prior
            or a file cannot be used.
    """
    weigher = Weigher(_record(None if record is None else Path(record), survey)[0])
    choice = _Choice.of(weigher, str(prior or weigher.record.facts.survey_prior), gas)
    place = None if centre is None else Centre.of(centre)
    signal = SIGNALS[weigher.record.facts.signal]
    part = None if hdu is None else str(hdu)
    found_maps = list(maps_of(maps, hdu=part, centre=place, signal=signal))
    names, cutouts, redshifts, problems = [], [], [], []
    warned: dict[str, None] = {}
    for found in _with_redshifts(found_maps, redshift):
        warned |= dict.fromkeys(found.warnings)
        try:
            cutout, checked, _ = usable_map(
                found.with_pixels(pixel_arcmin),
                weigher.record.facts.grid,
                _accepted(weigher.record),
                fill_nan=fill_nan,
            )
        except SzmassError as error:
            problems.append(f"{found.label}: {error}")
            continue
        names.append(found.label)
        cutouts.append(cutout)
        redshifts.append(checked)
    if problems:
        raise PredictionError("maps that cannot be used:\n" + "\n".join(problems))
    for line in warned:
        warn(line, stacklevel=2)
    return choice.masses(names, np.array(cutouts), np.array(redshifts))


def _with_redshifts(maps: list[UserMap], redshift: object) -> list[UserMap]:
    """The maps with the redshifts that are given; one for all, or each its own."""
    if not maps:
        raise PredictionError("no maps: expected one at least")
    if redshift is None:
        return maps
    given = np.asarray(redshift, dtype=object)
    if given.ndim == 0:
        return [found.with_redshift(redshift) for found in maps]
    if given.shape != (len(maps),):
        raise PredictionError(
            f"redshifts of shape {given.shape}: expected one, or one for each of {len(maps)} maps"
        )
    return [found.with_redshift(z) for found, z in zip(maps, given, strict=True)]


@dataclass(frozen=True)
class _Choice:
    """The prior and the gas to weigh with, checked."""

    weigher: Weigher
    name: str
    """Name of the prior, as it is printed."""
    prior: str | MassPrior
    gas: str
    """Baryon model whose relation of mass and Y the statistical interval assumes."""
    others: Sequence[str]
    """Models of the gas whose masses are wanted as well, the reference first."""

    @classmethod
    def of(cls, weigher: Weigher, prior: str, gas: str | None) -> _Choice:
        """Checks both before any map is read."""
        facts = weigher.record.facts
        reference_first = sorted(facts.gas_models, key=lambda name: name != facts.reference_gas)
        others = reference_first if gas == ALL_GAS else []
        gas = facts.reference_gas if gas in (None, "", ALL_GAS) else gas
        weigher.gas(gas)
        return cls(weigher, prior, _prior(weigher, prior), gas, others)

    def prior_in_words(self) -> str:
        """The prior in words."""
        if self.name in {FLAT, TRAINING}:
            return "flat in log10 M, as the masses of the training"
        if self.name == MASS_FUNCTION:
            return f"{self.name}, {self.weigher.record.facts.mass_function}"
        if not isinstance(self.prior, str):
            return f"{self.name}, a table"
        population = self.weigher.record.population
        count = 0 if population is None else len(population.redshift)
        return f"{self.name}, the masses of {count} PSZ2 clusters at similar redshift"

    def masses(self, names: list[str], cutouts: np.ndarray, redshift: np.ndarray) -> Masses:
        """Weighs cutouts `(n, pixels, pixels)` on the record's grid."""
        inputs = self.weigher.inputs(cutouts, redshift)
        _require_unit(inputs.signal_to_noise, self.weigher.record)
        columns = self.weigher(inputs, prior=self.prior, gas=self.gas)
        return Masses(
            name=np.array(names),
            redshift=redshift,
            **columns,
            **self.weigher.novelty(inputs, columns["m500_msun"]),
            prior=self.name,
            gas=self.gas,
            model_version=self.weigher.record.facts.model_version,
            evidence=Evidence(self.weigher, cutouts, inputs, self.prior, self.gas),
            by_gas={
                name: self.weigher(inputs, prior=self.prior, gas=name, total=False)
                for name in self.others
            },
        )


def _require_unit(signal_to_noise: np.ndarray, record: Record) -> None:
    """Requires maps whose noise is about that of a survey whose noise is known beforehand.

    Raises:
        PredictionError: it is a thousand times as large or as small; the unit is another.
    """
    facts, largest = record.facts, float(np.median(np.abs(signal_to_noise)))
    if facts.level_modes is None and not 1.0 / FAR_OFF < largest < FAR_OFF:
        raise PredictionError(
            f"amplitudes are {largest:.2g} times the noise of survey {facts.survey}: expected "
            f"maps of {facts.signal}; is the unit another?"
        )


FAR_OFF = 3e3
"""No cluster stands out of the noise so far, nor is noise ever so little in all filters."""


def _prior(weigher: Weigher, name: str) -> str | MassPrior:
    """A prior by its name, or that of a table."""
    known = list(weigher.priors)
    if name in known:
        return name
    if not Path(name).is_file():
        raise PriorError(
            f"prior {name!r}: expected {', '.join(known)}, or a CSV table with the columns "
            f"{MASS}, {DENSITY} and, if any, {REDSHIFT}{did_you_mean(name, known)}"
        )
    return read_prior(Path(name), weigher.record.axis)
