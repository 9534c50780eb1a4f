"""Spots are found where they are, as bright as a filter says, and clean maps seldom have one."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.mock_record import (
    BEAM_FWHM_ARCMIN,
    GRID,
    INNER_ARCMIN,
    mock_map,
    mock_maps,
    mock_record,
    mock_survey,
)
from szmass.params import Params
from szmass.sky.grid import PixelGrid
from szmass.units import FWHM_PER_SIGMA
from szmass.weighing.novelty import OFFSET_FLAG, SPOT_FLAG
from szmass.weighing.spots import Finder
from szmass.weighing.weigher import Weigher

SURVEY = mock_survey()
FINDER = Finder.of(SURVEY.bank, GRID, BEAM_FWHM_ARCMIN, INNER_ARCMIN)
COARSE = PixelGrid(pixels=96, pixel_arcmin=1.7)


def source(x_arcmin: float, y_arcmin: float, grid: PixelGrid = GRID) -> np.ndarray:
    """A point source behind the beam, of height 1, as float32."""
    x, y = np.meshgrid(grid.axis_arcmin, grid.axis_arcmin)
    sigma = BEAM_FWHM_ARCMIN / FWHM_PER_SIGMA
    square = (x - x_arcmin) ** 2 + (y - y_arcmin) ** 2
    return np.exp(-0.5 * square / sigma**2).astype(np.float32)


def test_at_the_centre_it_is_the_filters_own_amplitude() -> None:
    maps = 1e-5 * source(0.0, 0.0)[None]
    level = np.array([1e-6])
    spots = FINDER(maps, level)
    assert spots.near[0] == pytest.approx(SURVEY.bank.amplitudes(maps)[0, 0] / 1e-6, rel=1e-4)
    assert spots.offset_arcmin[0] == GRID.pixel_arcmin


@pytest.mark.parametrize(("x", "y"), [(5.0, 0.0), (-10.0, 2.5), (7.5, 7.5)])
def test_a_source_beside_the_centre_is_where_it_is(x: float, y: float) -> None:
    spots = FINDER(source(x, y)[None], np.ones(1))
    assert spots.offset_arcmin[0] == pytest.approx(np.hypot(x, y))


@pytest.mark.parametrize(("x", "y"), [(25.0, 0.0), (-30.0, 25.0), (0.0, -37.5)])
def test_a_source_elsewhere_is_as_bright_as_at_the_centre(x: float, y: float) -> None:
    elsewhere, centre = (FINDER(image[None], np.ones(1)) for image in (source(x, y), source(0, 0)))
    assert elsewhere.elsewhere[0] == pytest.approx(centre.near[0], rel=0.02)
    assert elsewhere.near[0] < 0.3 * centre.near[0]


@pytest.mark.parametrize(("x", "y"), [(55.0, 0.0), (-40.0, 45.0)])
def test_a_source_beyond_what_a_mass_is_measured_on_is_none(x: float, y: float) -> None:
    far, centre = (FINDER(image[None], np.ones(1)) for image in (source(x, y), source(0, 0)))
    assert far.elsewhere[0] < 0.1 * centre.near[0]


def test_small_pixels_are_added_and_change_little() -> None:
    """Of 1.7' pixels two by two: a filter that is the beam itself, against the sum over pixels."""
    kernel = source(0.0, 0.0, COARSE)
    kernel -= kernel.mean()
    found = Finder(COARSE, BEAM_FWHM_ARCMIN, kernel[None], INNER_ARCMIN)(
        source(3.4, 0.0, COARSE)[None], np.ones(1)
    )
    exact = float(np.sum(kernel * source(0.0, 0.0, COARSE)))
    assert found.near[0] == pytest.approx(exact, rel=0.05)
    assert found.offset_arcmin[0] == pytest.approx(3.4)


def test_maps_are_looked_at_alone() -> None:
    """However many there are, and whatever their noise."""
    maps = np.concatenate([mock_maps(300, 3), source(30.0, 0.0)[None] * 1e-5])
    level = SURVEY.meter(maps)
    whole, alone = FINDER(maps, level), FINDER(maps[290:291], level[290:291])
    for name in ("near", "offset_arcmin", "elsewhere"):
        assert getattr(whole, name)[290] == pytest.approx(getattr(alone, name)[0], rel=1e-5)


def test_clean_maps_have_the_flags_at_the_stated_rate(params: Params) -> None:
    """Limits made of 600 maps, tried on 600 others: half a per cent each, at most."""
    weigher = Weigher(mock_record(params))
    maps = mock_maps(600, 11)
    inputs = weigher.inputs(maps, np.full(600, 0.3))
    flags = weigher.novelty(inputs, np.full(600, 5e14))["flags"]
    for words in (OFFSET_FLAG, SPOT_FLAG):
        # 3 of 600 are expected; more than 11 have a probability of 1e-4
        assert sum(words in flag for flag in flags) <= 11, words


def test_a_brighter_source_elsewhere_and_one_beside_the_centre_are_flagged(params: Params) -> None:
    weigher = Weigher(mock_record(params))
    cluster = mock_map(8.0, 21)
    unit = float(
        SURVEY.bank.amplitudes(source(0.0, 0.0)[None])[0, 0] / SURVEY.meter(cluster[None])[0]
    )
    maps = np.stack(
        [
            cluster,
            cluster + 20.0 / unit * source(-30.0, 20.0),
            cluster + 14.0 / unit * source(12.5, 0.0),
        ]
    )
    inputs = weigher.inputs(maps, np.full(3, 0.3))
    plain, elsewhere, beside = weigher.novelty(inputs, np.full(3, 5e14))["flags"]
    assert plain == ""
    assert SPOT_FLAG in elsewhere
    assert OFFSET_FLAG in beside
