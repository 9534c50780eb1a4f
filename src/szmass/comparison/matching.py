"""Which clusters of two tables are the same: by position and redshift, or by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from szmass.comparison.tables import MassTable
from szmass.errors import SzmassError

FEWEST = 5
"""Pairs that three parameters and their errors can be fitted to."""


class MatchError(SzmassError):
    """Two tables cannot be matched, or have too few clusters in common."""


@dataclass(frozen=True)
class Match:
    """Pairs of rows that are one cluster, each row in one pair at most."""

    ours: np.ndarray
    theirs: np.ndarray
    separation_arcmin: np.ndarray
    """NaN where they were matched by name."""
    method: str
    """position or name."""
    other_redshift: int
    """Rows of theirs that have a cluster of ours in their place, at another redshift."""

    def __len__(self) -> int:
        return len(self.ours)


def match(ours: MassTable, theirs: MassTable, *, radius_arcmin: float, max_dz: float) -> Match:
    """Pairs each cluster with the nearest one of the other table.

    A pair lies within `radius_arcmin` on the sky, and its redshifts differ by `max_dz` at most.
    Pairs are made from the closest on, and what is in one is in no other. If a table has no
    positions, a pair is two clusters of one name, spaces and case apart.

    Raises:
        MatchError: too few pairs, a name twice, no way to match, or a limit that is none.
    """
    for option, value in (("--radius-arcmin", radius_arcmin), ("--max-dz", max_dz)):
        if not value > 0:
            raise MatchError(f"{option} = {value:g}: expected a number above 0")
    if ours.frame and theirs.frame:
        method, near = "position", f"within {radius_arcmin:g}' of one of ours"
        left, right, separation = _neighbours(ours, theirs, radius_arcmin)
    else:
        method, near = "name", "with the name of one of ours"
        left, right, separation = _namesakes(ours, theirs)
    same = np.abs(ours.redshift[left] - theirs.redshift[right]) <= max_dz
    other_redshift = len(np.setdiff1d(right, right[same]))
    chosen = _one_to_one(left[same], right[same], separation[same])
    found = Match(
        left[same][chosen], right[same][chosen], separation[same][chosen], method, other_redshift
    )
    if len(found) < FEWEST:
        raise MatchError(
            f"{theirs.path}: {len(found)} of its {len(theirs)} clusters are of {ours.path}: "
            f"{len(np.unique(right))} are {near}, {other_redshift} of these at a redshift that "
            f"differs by more than {max_dz:g}: expected {FEWEST} pairs or more"
        )
    return found


def _neighbours(
    ours: MassTable, theirs: MassTable, radius_arcmin: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs within a radius: rows of ours, of theirs, and how far apart, in arcmin."""
    from astropy import units
    from astropy.coordinates import SkyCoord, search_around_sky

    first, second = (
        SkyCoord(
            table.longitude_deg * units.deg, table.latitude_deg * units.deg, frame=table.frame
        ).galactic
        for table in (ours, theirs)
    )
    left, right, separation, _ = search_around_sky(first, second, radius_arcmin * units.arcmin)
    return left, right, separation.arcmin


def _namesakes(ours: MassTable, theirs: MassTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pairs of one name."""
    rows_of = []
    for table in (ours, theirs):
        rows: dict[str, int] = {}
        for row, name in enumerate(table.name):
            key = re.sub(r"[\s_]", "", name).lower()
            if key in rows:
                raise MatchError(f"{table.path}: name {name!r} twice: expected each once")
            if key:
                rows[key] = row
        if not rows:
            raise MatchError(
                f"{table.path}: no names: expected them, since one of the tables has no positions"
            )
        rows_of.append(rows)
    left, right = rows_of
    names = [name for name in left if name in right]
    pairs = np.array([(left[name], right[name]) for name in names], dtype=int).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], np.full(len(pairs), np.nan)


def _one_to_one(left: np.ndarray, right: np.ndarray, separation: np.ndarray) -> np.ndarray:
    """The pairs that remain if the closest are made first and no row is used twice."""
    chosen: list[int] = []
    used_left: set[int] = set()
    used_right: set[int] = set()
    for pair in np.argsort(separation, kind="stable").tolist():
        if left[pair] not in used_left and right[pair] not in used_right:
            chosen.append(pair)
            used_left.add(left[pair])
            used_right.add(right[pair])
    return np.array(sorted(chosen), dtype=int)
