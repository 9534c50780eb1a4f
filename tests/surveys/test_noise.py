"""Noise of a survey: tables that are refused, and maps that have the spectrum that is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from szmass.params.survey import NoiseSettings
from szmass.sky.grid import PixelGrid
from szmass.surveys.noise import BandNoise, NoiseError, last_multipole, read_spectrum, spectrum_of
from szmass.units import ARCMIN_RAD
from szmass.weighing.filters import information

GRID = PixelGrid(16, 1.0)
ELL = np.arange(last_multipole(GRID) + 1.0)


def white(uk_arcmin: float) -> np.ndarray:
    return np.full(len(ELL), (uk_arcmin * ARCMIN_RAD) ** 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no row: expected rows of ell,cl"),
        ("ell,power\n2,1\n", "has ell, power: expected rows of ell,cl"),
        ("ell,cl\n2,1\n4,nan\n", "line 3: cl = 'nan': expected 0 or more"),
        ("ell,cl\n2,1\n4,-1\n", "line 3: cl = '-1': expected 0 or more"),
        ("ell,cl\n2,1\n4,\n", "line 3: cl = 'nothing': expected 0 or more"),
        ("ell,cl\n2,1\n1,1\n", "line 3: ell = 1: expected it to ascend"),
        ("ell,cl\n2,0\n4,0\n", "cl is 0 throughout: expected power"),
        ("ell,cl\n2,1\n400,1\n", "ends at l = 400: expected multipoles to 9749"),
    ],
)
def test_a_table_that_is_no_spectrum_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "n.csv").write_text(text)
    with pytest.raises(NoiseError) as error:
        spectrum_of(NoiseSettings(spectrum=Path("n.csv")), GRID, tmp_path)
    assert str(error.value).startswith(str(tmp_path / "n.csv"))
    assert message in str(error.value)


def test_a_table_of_all_multipoles_is_taken_as_it_is(tmp_path: Path) -> None:
    cl = 1e-12 / (10.0 + np.arange(50.0))
    lines = [f"{ell},{float(value)!r}" for ell, value in enumerate(cl)]
    (tmp_path / "n.csv").write_text("\n".join(["ell,c_ell", *lines]) + "\n")
    settings = NoiseSettings(spectrum=Path("n.csv"), last_ell=40)
    np.testing.assert_array_equal(spectrum_of(settings, GRID, tmp_path), cl[:41])


def test_a_sparse_table_is_a_power_law_in_between(tmp_path: Path) -> None:
    (tmp_path / "n.csv").write_text("ell,cl,error\n100,1e-12,0\n12000,1e-14,0\n")
    at = read_spectrum(tmp_path / "n.csv").at(ELL)
    slope = np.log(1e-14 / 1e-12) / np.log(120.0)
    assert at[1000] == pytest.approx(1e-12 * 10.0**slope)
    assert at[5] == pytest.approx(1e-12)


def test_white_noise_with_a_knee() -> None:
    settings = NoiseSettings(white_arcmin=2.0, knee_ell=1000.0, knee_slope=-2.0)
    cl = spectrum_of(settings, GRID, Path())
    assert cl[1000] == pytest.approx(2.0 * (2.0 * ARCMIN_RAD) ** 2)
    assert cl[5000] == pytest.approx(1.04 * (2.0 * ARCMIN_RAD) ** 2)


def test_white_pixels_are_independent() -> None:
    """Of 3 per arcmin and pixels of 1': a standard deviation of 3."""
    noise = BandNoise(GRID, white(3.0)[None, None], 0.0)
    assert noise.variance == pytest.approx(9.0, rel=2e-3)
    assert np.abs(noise.pairs[0][0].of_square[1:]).max() < 1e-6


def test_maps_have_the_covariance_of_the_filters() -> None:
    """Of two bands with a red part in common: covariances of pixels and between bands."""
    red = 30.0 * (3.0 * ARCMIN_RAD) ** 2 / (1.0 + (ELL / 800.0) ** 3)
    cl = np.array([[white(3.0) + red, 0.5 * red], [0.5 * red, white(2.0) + 0.25 * red]])
    noise = BandNoise(GRID, cl, 0.0)
    maps = noise.maps(np.random.default_rng(1), 12_000).reshape(12_000, 2, -1).astype(float)
    maps -= maps.mean(axis=2, keepdims=True)
    pixels = np.arange(GRID.pixels**2)
    row, column = np.divmod(pixels, GRID.pixels)
    squares = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    for one in range(2):
        for other in range(2):
            found = maps[:, one].T @ maps[:, other] / len(maps)
            exact = noise.pairs[one][other].of_square[squares]
            exact = exact - exact.mean(axis=0) - exact.mean(axis=1)[:, None] + exact.mean()
            scale = np.sqrt(noise.pairs[one][one].variance * noise.pairs[other][other].variance)
            assert np.abs(found - exact).mean() < 0.012 * scale
            assert np.abs(found - exact).max() < 0.07 * scale


def test_a_band_without_signal_takes_away_what_is_common() -> None:
    """A second band sees the common noise alone: the information on the first one's spot grows."""
    red = 50.0 * (3.0 * ARCMIN_RAD) ** 2 / (1.0 + (ELL / 2000.0) ** 2)
    alone = BandNoise(GRID, (white(1.0) + red)[None, None], 0.0)
    both = BandNoise(GRID, np.array([[white(1.0) + red, red], [red, white(1.0) + red]]), 0.0)
    spot = np.exp(-0.5 * (GRID.radius_arcmin / 1.5) ** 2)[None]
    two = np.stack([spot, np.zeros_like(spot)], axis=1)
    one_band, two_bands = information(spot, alone)[0], information(two, both)[0]
    assert two_bands > 3.0 * one_band
