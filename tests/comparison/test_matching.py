"""Pairs of clusters in two tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from szmass.comparison.matching import MatchError, match
from szmass.comparison.tables import MassTable

COUNT = 8


def table(**columns: object) -> MassTable:
    """Clusters far apart on the galactic equator, or with other columns."""
    longitude = np.asarray(columns.get("longitude_deg", 10.0 * np.arange(COUNT)), float)
    count = len(longitude)
    masses = np.full(count, 5e14)
    return MassTable(
        path=Path(str(columns.get("path", "ours.fits"))),
        name=np.array(columns.get("name", [""] * count), dtype=object),
        longitude_deg=longitude,
        latitude_deg=np.asarray(columns.get("latitude_deg", np.zeros(count)), float),
        frame=str(columns.get("frame", "galactic")),
        redshift=np.asarray(columns.get("redshift", np.full(count, 0.3)), float),
        mass_msun=masses,
        low_msun=0.8 * masses,
        up_msun=1.2 * masses,
        out_of_range=np.zeros(count, dtype=bool),
        sky="",
        taken="",
        problems=(),
    )


def theirs(**columns: object) -> MassTable:
    return table(path="theirs.csv", **columns)


def test_pairs_lie_within_the_radius() -> None:
    offsets_arcmin = np.array([0, 1, 2, 3, 4, 4.9, 5.1, 60])
    other = theirs(longitude_deg=10.0 * np.arange(COUNT) + offsets_arcmin / 60)
    pairs = match(table(), other, radius_arcmin=5.0, max_dz=0.03)
    assert pairs.ours.tolist() == pairs.theirs.tolist() == [0, 1, 2, 3, 4, 5]
    assert pairs.separation_arcmin == pytest.approx(offsets_arcmin[:6])
    assert (pairs.method, pairs.other_redshift) == ("position", 0)


def test_a_position_is_the_same_in_both_frames() -> None:
    """The galactic centre and the north galactic pole in ICRS (Astropy, J2000)."""
    ours = table(longitude_deg=[0, 0, 10, 20, 30, 40], latitude_deg=[0, 90, 0, 0, 0, 0])
    icrs = theirs(
        frame="icrs",
        longitude_deg=[266.405, 192.859, 0, 0, 0, 0],
        latitude_deg=[-28.936, 27.128, 80, 81, 82, 83],
    )
    with pytest.raises(MatchError, match="2 of its 6 clusters are of ours.fits"):
        match(ours, icrs, radius_arcmin=0.2, max_dz=0.03)


def test_redshifts_agree() -> None:
    redshift = np.full(COUNT, 0.3)
    redshift[:3] += 0.02, -0.02, 0.04
    pairs = match(table(), theirs(redshift=redshift), radius_arcmin=5.0, max_dz=0.03)
    assert pairs.ours.tolist() == [0, 1, 3, 4, 5, 6, 7]
    assert pairs.other_redshift == 1


def test_of_two_near_ones_the_nearer_is_taken_and_none_twice() -> None:
    longitude = 10.0 * np.arange(COUNT)
    other = theirs(longitude_deg=[*longitude, 2 / 60, 1 / 60])  # beside cluster 0
    ours = table(longitude_deg=[*longitude, -1 / 60 % 360])
    pairs = match(ours, other, radius_arcmin=5.0, max_dz=0.03)
    assert pairs.ours.tolist() == [*range(COUNT), COUNT]
    assert dict(zip(pairs.ours.tolist(), pairs.theirs.tolist(), strict=True)) == {
        **{row: row for row in range(COUNT)},
        COUNT: COUNT + 1,
    }


def test_names_where_there_are_no_positions() -> None:
    names = [f"PSZ2 G{row}" for row in range(COUNT)]
    spelt = [f"psz2_G{row}" for row in reversed(range(COUNT))]
    pairs = match(table(name=names), theirs(name=spelt, frame=""), radius_arcmin=5.0, max_dz=0.03)
    assert pairs.method == "name"
    assert pairs.theirs[np.argsort(pairs.ours)].tolist() == list(reversed(range(COUNT)))
    assert np.isnan(pairs.separation_arcmin).all()
    twice = theirs(name=["A"] * COUNT, frame="")
    with pytest.raises(MatchError, match="theirs.csv: name 'A' twice: expected each once"):
        match(table(name=names), twice, radius_arcmin=5.0, max_dz=0.03)
    with pytest.raises(MatchError, match="theirs.csv: no names: expected them, since"):
        match(table(name=names), theirs(frame=""), radius_arcmin=5.0, max_dz=0.03)
    other = theirs(name=[f"A{row}" for row in range(COUNT)], frame="")
    with pytest.raises(MatchError, match="0 are with the name of one of ours, 0 of these at"):
        match(table(name=names), other, radius_arcmin=5.0, max_dz=0.03)


def test_too_few_pairs_say_why() -> None:
    far = theirs(latitude_deg=[0.0] * 6 + [1.0] * 2, redshift=[0.3] * 4 + [0.5] * 4)
    with pytest.raises(
        MatchError,
        match="theirs.csv: 4 of its 8 clusters are of ours.fits: 6 are within 5' of one of ours, "
        "2 of these at a redshift that differs by more than 0.03: expected 5 pairs or more",
    ):
        match(table(), far, radius_arcmin=5.0, max_dz=0.03)


@pytest.mark.parametrize(
    ("radius", "dz", "message"),
    [
        (0.0, 0.03, "--radius-arcmin = 0: expected a number above 0"),
        (5.0, -1.0, "--max-dz = -1: expected a number above 0"),
        (float("nan"), 0.03, "--radius-arcmin = nan: expected a number above 0"),
    ],
)
def test_a_limit_is_above_zero(radius: float, dz: float, message: str) -> None:
    with pytest.raises(MatchError, match=message):
        match(table(), theirs(), radius_arcmin=radius, max_dz=dz)
