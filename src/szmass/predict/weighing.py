"""Masses of a user's maps by weighing, for `szmass predict` and for `szmass.weigh`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from szmass.compton.masses.priors import COLUMNS, named_prior
from szmass.errors import SzmassError, did_you_mean
from szmass.predict.command import (
    TRAINING_PRIOR,
    WEIGHING,
    PredictionError,
    Wanted,
    in_columns,
    plain,
    require_any,
    usable_map,
    usable_maps,
)
from szmass.predict.files import UserMap, read_user_maps
from szmass.predict.released import released_record
from szmass.weighing.record import Record
from szmass.weighing.weigher import FLAT, Weigher

if TYPE_CHECKING:
    from astropy.table import Table

HEADER = ("cluster", "z", "M500 [1e14 Msun]", "95 % (stat.)", "S/N", "flags")
UNITS = {"m500_msun": "solMass"}
"""By the beginning of a column's name."""


@dataclass(frozen=True)
class Masses:
    """Masses M500c in Msun of `n` clusters, `(n,)` each: medians and percentiles.

    Those with `total` hold what is known of the gas as well, which is common to all clusters.
    """

    redshift: np.ndarray
    m500_msun: np.ndarray
    m500_msun_p2p5: np.ndarray
    m500_msun_p16: np.ndarray
    m500_msun_p84: np.ndarray
    m500_msun_p97p5: np.ndarray
    m500_msun_total: np.ndarray
    m500_msun_total_p2p5: np.ndarray
    m500_msun_total_p16: np.ndarray
    m500_msun_total_p84: np.ndarray
    m500_msun_total_p97p5: np.ndarray
    signal_to_noise: np.ndarray
    chi2: np.ndarray
    """For each mode of the noise, of what the best template leaves."""
    flags: np.ndarray
    """What is unusual about a map, in words; "" if nothing is."""
    prior: str
    gas: str
    model_version: str

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """The arrays by name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray)}

    @property
    def table(self) -> Table:
        """A row a cluster, with units; prior, gas and version are in its `meta`."""
        from astropy.table import Table

        units = {
            name: unit
            for name in self.columns
            for start, unit in UNITS.items()
            if name.startswith(start)
        }
        meta = {"prior": self.prior, "gas": self.gas, "model_version": self.model_version}
        return Table(self.columns, units=units, meta=meta)

    @property
    def common_dex(self) -> np.ndarray:
        """By how much the gas alone widens the 68 % interval of each cluster, `(n,)`.

        sqrt(t^2 - s^2) of the half-widths of the total and the statistical interval in log10 M.
        """
        total, of_one = (
            np.log10(self.columns[f"{name}_p84"] / self.columns[f"{name}_p16"]) / 2.0
            for name in ("m500_msun_total", "m500_msun")
        )
        return np.sqrt(np.maximum(total**2 - of_one**2, 0.0))

    @property
    def shift_dex(self) -> np.ndarray:
        """From the median for one gas to that for all known gas, `(n,)`."""
        return np.log10(self.m500_msun_total / self.m500_msun)


@dataclass(frozen=True)
class Weighed:
    """Masses of all usable maps of a user, and what was wrong with the others."""

    names: list[str]
    masses: Masses
    problems: list[str]
    notes: Sequence[str]
    survey: str
    made_with: str
    prior: str
    """In words."""
    record: str
    """Where it is from, in words."""

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        common_dex, flags = self.masses.common_dex, self.masses.flags
        columns = self.masses.columns | {
            "systematic_dex": common_dex,
            "out_of_range": flags != "",
            "out_of_range_reason": flags,
        }
        rows = [
            {"name": name} | {key: plain(values[row]) for key, values in columns.items()}
            for row, name in enumerate(self.names)
        ]
        content = {
            "models": WEIGHING,
            "record": self.record,
            "scale": None,
            "model_version": self.masses.model_version,
            "made_with": self.made_with,
            "prior": {"all": self.prior},
            "gas": self.masses.gas,
            "common_dex": float(np.median(common_dex)),
            "clusters": rows,
            "problems": self.problems,
            "notes": list(self.notes),
        }
        return json.dumps(content, indent=1)

    def as_text(self) -> str:
        """For people: a table, then what it rests on."""
        masses = self.masses
        lines = in_columns([HEADER, *(self._row(row) for row in range(len(self.names)))])
        common_dex, shift_dex = np.median(masses.common_dex), np.median(masses.shift_dex)
        side = "above" if shift_dex > 0 else "below"
        excess = f"the excess, {common_dex:.3f} dex or {_percent(common_dex)}"
        version = f"version {masses.model_version}, {self.made_with}"
        lines += [
            "",
            f"stat.: noise and scatter of one cluster, with the gas of {masses.gas}",
            "with the gas: and what simulations and observations disagree about",
            f"  {excess}, is common to all clusters: it does not average out",
            f"  the median with the gas is {_percent(abs(shift_dex))} {side} the mass shown",
            f"prior: {self.prior}",
            f"model: weighing, {self.record}, trained for maps of {self.survey}, {version}",
        ]
        lines += [f"taken from {note}" for note in self.notes]
        return "\n".join(lines)

    def _row(self, row: int) -> tuple[str, ...]:
        mass = {name: values[row] for name, values in self.masses.columns.items()}
        middle = mass["m500_msun"]

        def ends(name: str) -> str:
            lower, upper = (
                f"{(mass[name + end] - middle) / 1e14:+.2f}" for end in ("_p16", "_p84")
            )
            return f"{lower} {upper}"

        low, high = (f"{mass[f'm500_msun_{end}'] / 1e14:.2f}" for end in ("p2p5", "p97p5"))
        with_gas = f"{ends('m500_msun_total')} (with the gas)"
        return (
            self.names[row],
            f"{mass['redshift']:.4g}",
            f"{middle / 1e14:.2f} {ends('m500_msun')} (stat.) {with_gas}",
            f"{low} - {high}",
            f"{mass['signal_to_noise']:.1f}",
            mass["flags"] or "no",
        )


def _percent(dex: float) -> str:
    return f"{100.0 * (10.0**dex - 1.0):.0f} %"


def predict_by_weighing(wanted: Wanted) -> Weighed:
    """Weighs the maps that are asked for; one that cannot be used does not stop the others.

    Raises:
        PredictionError: no map could be used; the message has the reasons.
        RecordError, ReleaseError: the record cannot be read.
        WeighingError, PriorError: there is no such gas or prior.
    """
    named = None if wanted.models in {None, WEIGHING} else Path(str(wanted.models))
    record, where = _record(named)
    weigher = Weigher(record)
    facts = weigher.record.facts
    choice = _Choice.of(weigher, wanted.prior or facts.survey_prior, wanted.gas)
    maps = usable_maps(wanted, facts.grid, nside=None)
    require_any(maps)
    return Weighed(
        maps.names,
        choice.masses(np.array(maps.cutouts), np.array(maps.redshifts)),
        maps.problems,
        maps.notes_in_words(),
        facts.survey,
        facts.made_with,
        choice.prior_in_words(),
        where,
    )


def _record(named: Path | None) -> tuple[Record, str]:
    """A record and where it is from, in words: the one that szmass comes with, unless named."""
    if named is not None:
        return Record.read(named), str(named)
    released = released_record()
    return Record.read(released.path), f"released with szmass {released.szmass_version}"


def weigh(
    maps: np.ndarray | str | Path | Sequence[str | Path],
    redshift: object = None,
    *,
    prior: str | Path = "psz2",
    gas: str | None = None,
    record: str | Path | None = None,
    pixel_arcmin: float | None = None,
) -> Masses:
    """Masses M500c of the clusters in the middle of y-maps.

    Args:
        maps: Compton y without a unit, `(pixels, pixels)` or `(n, pixels, pixels)`; or files, as
            `szmass predict` reads them.
        redshift: of all clusters, or one for each; may be left out where the files say it.
        prior: `psz2`, `flat` (in log10 M), or a CSV table with the columns `log10_msun` and
            `density`. It multiplies exactly, for no prior is part of the networks.
        gas: model of the gas that the statistical interval has; the record's own without.
        record: file with filters and networks; without, the one that szmass comes with.
        pixel_arcmin: side of a pixel, where it is not that of the record and no file states it.

    Raises:
        PredictionError: no map, another number of redshifts, or maps that cannot be used; the
            message names each.
        RecordError, ReleaseError, WeighingError, PriorError, UserFileError: the record, gas, prior
            or a file cannot be used.
    """
    weigher = Weigher(_record(None if record is None else Path(record))[0])
    choice = _Choice.of(weigher, str(prior), gas)
    cutouts, redshifts, problems = [], [], []
    for found in _with_redshifts(list(_user_maps(maps, pixel_arcmin)), redshift):
        try:
            cutout, checked = usable_map(found, weigher.record.facts.grid)
        except SzmassError as error:
            problems.append(f"{found.label}: {error}")
            continue
        cutouts.append(cutout)
        redshifts.append(checked)
    if problems:
        raise PredictionError("maps that cannot be used:\n" + "\n".join(problems))
    return choice.masses(np.array(cutouts), np.array(redshifts))


def _user_maps(
    maps: np.ndarray | str | Path | Sequence[str | Path], pixel_arcmin: float | None
) -> Iterator[UserMap]:
    if isinstance(maps, str | Path):
        maps = [maps]
    if isinstance(maps, np.ndarray) or not all(isinstance(one, str | Path) for one in maps):
        images: np.ndarray = np.ma.asanyarray(maps)
        if images.ndim not in {2, 3}:
            raise PredictionError(
                f"maps of shape {images.shape}: expected (pixels, pixels) or (n, pixels, pixels)"
            )
        for row, image in enumerate(images if images.ndim == 3 else images[None]):
            yield UserMap(f"map {row}", image, pixel_arcmin, None)
        return
    for path in maps:
        for found in read_user_maps(Path(path)):
            size = pixel_arcmin if found.pixel_arcmin is None else found.pixel_arcmin
            yield replace(found, pixel_arcmin=size)


def _with_redshifts(maps: list[UserMap], redshift: object) -> list[UserMap]:
    """The maps with the redshifts that are given; one for all, or each its own."""
    if not maps:
        raise PredictionError("no maps: expected one at least")
    if redshift is None:
        return maps
    given = np.asarray(redshift, dtype=object)
    if given.ndim == 0:
        return [replace(found, redshift=redshift) for found in maps]
    if given.shape != (len(maps),):
        raise PredictionError(
            f"redshifts of shape {given.shape}: expected one, or one for each of {len(maps)} maps"
        )
    return [replace(found, redshift=z) for found, z in zip(maps, given, strict=True)]


@dataclass(frozen=True)
class _Choice:
    """A prior and a gas that the record has."""

    weigher: Weigher
    prior: str
    density: str | np.ndarray
    """What `Weigher` takes as the prior."""
    gas: str

    @classmethod
    def of(cls, weigher: Weigher, prior: str, gas: str | None) -> _Choice:
        """Checks both before any map is read."""
        gas = gas or weigher.record.facts.reference_gas
        weigher.gas(gas)
        return cls(weigher, prior, _density(weigher, prior), gas)

    def prior_in_words(self) -> str:
        """What the masses are drawn towards."""
        if self.prior == FLAT:
            return "flat in log10 M"
        if not isinstance(self.density, str):
            return f"{self.prior}, a table"
        count = len(self.weigher.record.population.redshift)
        return f"{self.prior}, the masses of {count} clusters of the catalogue at like redshift"

    def masses(self, cutouts: np.ndarray, redshift: np.ndarray) -> Masses:
        """Weighs cutouts `(n, pixels, pixels)` on the record's grid."""
        inputs = self.weigher.inputs(cutouts, redshift)
        columns: Mapping[str, Any] = self.weigher(inputs, prior=self.density, gas=self.gas)
        return Masses(
            redshift=redshift,
            **columns,
            **self.weigher.novelty(inputs, columns["m500_msun"]),
            prior=self.prior,
            gas=self.gas,
            model_version=self.weigher.record.facts.model_version,
        )


def _density(weigher: Weigher, prior: str) -> str | np.ndarray:
    known = [weigher.record.facts.survey_prior, FLAT]
    if prior in known:
        return prior
    expected = f"expected {', '.join(known)}, or a CSV table with the columns {','.join(COLUMNS)}"
    if prior == TRAINING_PRIOR:
        raise PredictionError(
            f"prior {prior!r}: the networks of weighing are trained on masses that are {FLAT} in "
            f"log10 M: {expected}"
        )
    if not Path(prior).is_file():
        raise PredictionError(f"prior {prior!r}: {expected}{did_you_mean(prior, known)}")
    density = named_prior(prior, weigher.record.axis)
    if density is None or not density.max() > 0:
        low, high = weigher.record.facts.axis_log10_msun
        raise PredictionError(
            f"{prior}: expected a density above 0 somewhere between log10_msun = {low:g} and "
            f"{high:g}"
        )
    return density
