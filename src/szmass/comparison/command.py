"""`szmass check-masses`: our masses beside those of a user's table."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from szmass.comparison.fit import MassFit, fit_masses
from szmass.comparison.matching import Match, match
from szmass.comparison.tables import MassTable, read_masses
from szmass.errors import SzmassError
from szmass.planck.files import STAND_IN_NAME
from szmass.streams import CHECKED_MASSES
from szmass.units import MASS_UNIT_MSUN

LEAVES_OUT = (
    "selection: near the limit of a table its clusters are those that scatter upwards",
    "errors that the two masses of a cluster share",
    "an error common to all masses of a table, such as its calibration",
    "the pull of our masses towards their prior, which lowers the slope",
)
"""Sources of error that the intervals leave out."""
IN_WORDS = {
    "one_minus_b": "1 - b",
    "slope": "slope",
    "scatter_ln_mass": "scatter",
}


class CheckError(SzmassError):
    """Masses cannot be compared as was asked for."""


@dataclass(frozen=True)
class Wanted:
    """Tables, limits and units that the command line gives."""

    table: Path
    masses: Path
    radius_arcmin: float
    max_dz: float
    mass_column: str | None
    mass_unit_msun: float | None
    pivot_1e14: float | None
    in_range: bool
    skip_bad_rows: bool


@dataclass(frozen=True)
class Answer:
    """Both tables, the clusters matched, and the line fitted to their masses."""

    ours: MassTable
    theirs: MassTable
    """Reference masses of the matched clusters, in the order of `ours`."""
    pairs: Match
    sizes: tuple[int, int]
    """How many clusters our table and theirs have that could be used."""
    fit: MassFit

    @property
    def problems(self) -> list[str]:
        """Rows that were left out of both tables, and why."""
        return [*self.ours.problems, *self.theirs.problems]

    def as_json(self) -> str:
        """For programs: one object, with a list of clusters in it."""
        rows = [
            {
                "name": str(self.ours.name[row]),
                "reference_name": str(self.theirs.name[row]),
                "redshift": float(self.ours.redshift[row]),
                "reference_redshift": float(self.theirs.redshift[row]),
                "separation_arcmin": _number_or_none(self.pairs.separation_arcmin[row]),
                "m500_msun": float(self.ours.mass_msun[row]),
                "ln_error": float(self.ours.ln_error[row]),
                "reference_m500_msun": float(self.theirs.mass_msun[row]),
                "reference_ln_error": float(self.theirs.ln_error[row]),
                "out_of_range": bool(self.ours.out_of_range[row]),
            }
            for row in range(len(self.pairs))
        ]
        content = {
            "masses": str(self.ours.path),
            "masses_columns": self.ours.taken,
            "sky": self.ours.sky or None,
            "table": str(self.theirs.path),
            "table_columns": self.theirs.taken,
            "matched_by": self.pairs.method,
            "at_another_redshift": self.pairs.other_redshift,
            "pivot_msun": self.fit.pivot_msun,
            **{name: asdict(number) for name, number in self.fit.estimates.items()},
            "leaves_out": LEAVES_OUT,
            "clusters": rows,
            "problems": self.problems,
        }
        return json.dumps(content, indent=1)

    def as_text(self) -> str:
        """For people: what was taken for what, the pairs, the numbers, what these leave out."""
        sky = f"; of the {self.ours.sky}" if self.ours.sky else ""
        if self.ours.sky == STAND_IN_NAME:
            sky += ", which says nothing about real clusters"
        flagged = int(self.ours.out_of_range.sum())
        of_them = f", {flagged} of them out of range" if flagged else ""
        at_another = f"not paired, since the redshifts differ: {self.pairs.other_redshift}"
        lines = [
            f"{self.ours.path}: {self.sizes[0]} clusters{sky}",
            f"  taken: {self.ours.taken}",
            f"{self.theirs.path}: {self.sizes[1]} clusters",
            f"  taken: {self.theirs.taken}",
            f"pairs by {self.pairs.method}: {len(self.pairs)}{of_them}; {at_another}",
            "",
        ]
        pivot = f"at {self.fit.pivot_msun / MASS_UNIT_MSUN:g}e14 Msun"
        beside = {"one_minus_b": pivot, "scatter_ln_mass": "in ln M at given mass"}
        for name, number in self.fit.estimates.items():
            lines.append(
                f"{IN_WORDS[name]:8} {number.median:.3f}  68 %: {number.p16:.3f} - {number.p84:.3f}"
                f"  95 %: {number.p2p5:.3f} - {number.p97p5:.3f}  {beside.get(name, '')}".rstrip()
            )
        lines += ["", "M = (1 - b) pivot (M_ref / pivot)^slope; the intervals leave out:"]
        return "\n".join([*lines, *(f"- {reason}" for reason in LEAVES_OUT)])


def check_masses(wanted: Wanted, seed: int) -> Answer:
    """Matches our masses with those of a table, and fits the line between them.

    Args:
        wanted: the tables, and how they are matched.
        seed: of the draws from the posterior.

    Raises:
        MassTableError, MatchError, FitError, CheckError: the masses cannot be compared.
    """
    pivot_1e14 = wanted.pivot_1e14
    for option, value in (
        ("--pivot-1e14", pivot_1e14),
        ("--mass-unit-msun", wanted.mass_unit_msun),
    ):
        if value is not None and not 0 < value < np.inf:
            raise CheckError(f"{option} = {value:g}: expected a number above 0")
    if not wanted.masses.exists():
        raise CheckError(f"{wanted.masses}: not found: dvc repro weigh_psz2, or name it: --masses")
    ours = read_masses(wanted.masses, skip_bad_rows=wanted.skip_bad_rows)
    theirs = read_masses(
        wanted.table,
        mass_column=wanted.mass_column,
        mass_unit_msun=wanted.mass_unit_msun,
        skip_bad_rows=wanted.skip_bad_rows,
    )
    if wanted.in_range:
        inside = ~ours.out_of_range
        if not inside.any():
            raise CheckError(f"{ours.path}: --in-range: all {len(ours)} clusters are out of range")
        ours = ours.at(inside)
    pairs = match(ours, theirs, radius_arcmin=wanted.radius_arcmin, max_dz=wanted.max_dz)
    sizes = len(ours), len(theirs)
    ours, theirs = ours.at(pairs.ours), theirs.at(pairs.theirs)
    if pivot_1e14 is None:
        pivot_1e14 = float(f"{np.median(theirs.mass_msun) / MASS_UNIT_MSUN:.2g}")
    fit = fit_masses(
        ours.ln_mass,
        ours.ln_error,
        theirs.ln_mass,
        theirs.ln_error,
        pivot_msun=pivot_1e14 * MASS_UNIT_MSUN,
        rng=np.random.default_rng((seed, CHECKED_MASSES)),
    )
    return Answer(ours, theirs, pairs, sizes, fit)


def _number_or_none(value: float) -> float | None:
    """A number as JSON has it, which has no NaN."""
    return None if np.isnan(value) else float(value)
