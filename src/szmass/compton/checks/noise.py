"""Expectations of the cutouts of Planck's noise: level, correlation, independence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.polynomial.legendre import legval
from scipy.interpolate import CubicSpline
from scipy.stats import norm

from szmass.compton.checks.maps import FALSE_ALARM
from szmass.compton.checks.statistics import MOST_LAG, lag_products
from szmass.params import PlanckSky
from szmass.planck.catalogue import Psz2Catalogue
from szmass.planck.noise import ECLIPTIC_POLE_DEG
from szmass.planck.stores import PARTITIONS
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import (
    band_limited_variance,
    gnomonic_pixels,
    pixel_vectors,
    unit_vectors,
)
from szmass.storage.store import MapStore
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA
from szmass.validation.expectations import CheckedTable, equal, every, mean, unique
from szmass.validation.statistics import digests, names_of, sampling_error

ROWS_AT_ONCE = 256
CELL_LONGITUDES, CELL_BANDS = 12, 6
"""Cells of the sky whose noise counts as independent, 30 deg of longitude wide."""
GEOMETRY_CUTOUTS = 32
"""Of how many cutouts the distances of pixels are taken, for the expected correlation."""
SEPARATION_NODES = 256
SQUARE = "square_over_expected"

NOISE_MEANINGS = {
    "unusable_values": "pixels of a cutout that are no number; it is left out of all else",
    "digest": "digest of the bytes of a cutout",
}
REALISATION_MEANINGS = {
    "partitions": "number of partitions that cutouts of a realisation are for",
    "cutouts": "number of cutouts of a realisation",
    "asked": "number of sources in the catalogue",
}
PARTITION_MEANINGS = {
    "realisations": "number of realisations of noise for the maps of a partition",
    "asked": "number that planck_sky asks for",
}
CELL_MEANINGS = {
    SQUARE: "mean square of the noise in a cell of the sky, over that of the noise level",
} | {
    f"correlation_{lag}": f"mean product of noise {lag} pixels apart in a cell, over the mean "
    "square in all cells"
    for lag in range(1, MOST_LAG + 1)
}


@dataclass(frozen=True)
class NoiseTheory:
    """What noise is expected."""

    cl: np.ndarray
    """Spectrum of the noise over its standard deviation, from l = 0, as far as it has power."""
    nside: int
    mean_square: float
    """Of the noise, over all positions."""
    mean_square_error: float
    """How far that of a faultless store may be from it, as a share of it."""


def stand_in_theory(cl: np.ndarray, planck_sky: PlanckSky, catalogue: Psz2Catalogue) -> NoiseTheory:
    """The noise of `planck_noise.noise_level`, in the mean over skies.

    ln (sigma / noise_rms) = s (g + e) / sqrt(2), s = noise_modulation_ln, with a known function e
    of the ecliptic latitude and a unit Gaussian field g of a Gaussian beam's smoothness b, whose
    correlation at a distance t is exp(-t^2 / 4 b^2). So sigma^2 has the mean
    noise_rms^2 exp(s^2 + sqrt(2) s e), and the covariance of two positions is the product of
    their means times exp(2 s^2 exp(-t^2 / 4 b^2)) - 1.

    Args:
        cl: spectrum of variance 1.
        planck_sky: level and modulation.
        catalogue: the positions.
    """
    scatter = planck_sky.noise_modulation_ln
    towards = unit_vectors(catalogue.glon_deg, catalogue.glat_deg)
    mean_square = planck_sky.noise_rms**2 * np.exp(
        scatter**2 + np.sqrt(2.0) * scatter * ecliptic_modulation(towards)
    )
    beam_rad = np.radians(planck_sky.noise_modulation_deg) / FWHM_PER_SIGMA
    distance_rad = np.arccos(np.clip(towards @ towards.T, -1.0, 1.0))
    of_field = np.exp(-(distance_rad**2) / (4.0 * beam_rad**2))
    variance = mean_square @ np.expm1(2.0 * scatter**2 * of_field) @ mean_square
    error = float(norm.isf(FALSE_ALARM / 2.0) * np.sqrt(variance) / mean_square.sum())
    return NoiseTheory(cl, planck_sky.nside, float(mean_square.mean()), error)


def ecliptic_modulation(towards: np.ndarray) -> np.ndarray:
    """A function linear in |sin beta|, of mean 0 and variance 1 on the sky; `(n, 3)` vectors."""
    return (0.5 - np.abs(towards @ unit_vectors(*np.array(ECLIPTIC_POLE_DEG)))) * np.sqrt(12.0)


def measured_theory(
    cl: np.ndarray, level: np.ndarray, catalogue: Psz2Catalogue, grid: PixelGrid
) -> NoiseTheory:
    """The noise of a stddev map, as it is at the catalogue's positions.

    Args:
        cl: spectrum of the noise over that map.
        level: sigma, full sky.
        catalogue: the positions.
        grid: the pixels of a cutout.
    """
    nside = round((len(level) / 12) ** 0.5)
    squares = []
    for start in range(0, len(catalogue), ROWS_AT_ONCE):
        part = catalogue.at(np.arange(start, min(start + ROWS_AT_ONCE, len(catalogue))))
        shown = gnomonic_pixels(nside, part.glon_deg, part.glat_deg, grid)
        squares.append((level[shown].astype(float) ** 2).mean(axis=(1, 2)))
    mean_square = float(np.concatenate(squares).mean()) * band_limited_variance(cl)
    return NoiseTheory(cl, nside, mean_square, 0.0)


def noise_tables(
    noise: MapStore,
    noise_y: np.ndarray,
    catalogue: Psz2Catalogue,
    planck_sky: PlanckSky,
    theory: NoiseTheory,
    grid: PixelGrid,
) -> list[CheckedTable]:
    """The tables that the cutouts of noise are judged by.

    Args:
        noise: the store of cutouts.
        noise_y: its cutouts.
        catalogue: its positions in each realisation.
        planck_sky: how many realisations.
        theory: the noise that is expected.
        grid: the pixels of a cutout.
    """
    cutouts = _measure_noise(noise, noise_y)
    expectations = [every("unusable_values", 0, 0, where=None), unique("digest")]
    return [
        CheckedTable("noise", cutouts, "position", expectations, NOISE_MEANINGS),
        *_realisation_tables(cutouts, len(catalogue), planck_sky),
        _cells_table(cutouts, theory, grid),
    ]


def _measure_noise(noise: MapStore, noise_y: np.ndarray) -> pd.DataFrame:
    """One row a cutout; the mean products of its pixels are columns 0 to MOST_LAG."""
    rows = pd.DataFrame(
        {name: noise.read(name) for name in ("realisation", "glon_deg", "glat_deg")}
    )
    rows.insert(0, "position", np.arange(len(rows)))
    rows["partition"] = names_of(PARTITIONS, noise.read("partition"))
    rows["digest"] = digests(noise_y)
    parts = [slice(start, start + ROWS_AT_ONCE) for start in range(0, len(rows), ROWS_AT_ONCE)]
    products = np.concatenate([lag_products(noise_y[part]) for part in parts])
    bad = [np.count_nonzero(~np.isfinite(noise_y[part]), axis=(1, 2)) for part in parts]
    rows["unusable_values"] = np.concatenate(bad)
    return rows.join(pd.DataFrame(products))


def _realisation_tables(
    cutouts: pd.DataFrame, positions: int, planck_sky: PlanckSky
) -> Iterator[CheckedTable]:
    """One row a realisation; and one a partition."""
    groups = cutouts.groupby("realisation")["partition"]
    rows = pd.DataFrame({"cutouts": groups.size(), "partitions": groups.nunique()}).reset_index()
    rows["asked"] = positions
    expectations = [every("partitions", 1, 1, where=None), equal("cutouts", "asked")]
    yield CheckedTable("realisations", rows, "realisation", expectations, REALISATION_MEANINGS)
    found = cutouts.groupby("partition")["realisation"].nunique()
    asked = {
        "development": planck_sky.development_realisations,
        "test": planck_sky.test_realisations,
    }
    names = [*asked, *sorted(set(found.index) - set(asked))]
    counts = pd.DataFrame(
        {
            "partition": names,
            "realisations": [int(found.get(name, 0)) for name in names],
            "asked": [asked.get(name, 0) for name in names],
        }
    )
    wanted = [equal("realisations", "asked")]
    yield CheckedTable("noise_partitions", counts, "partition", wanted, PARTITION_MEANINGS)


def _cells_table(cutouts: pd.DataFrame, theory: NoiseTheory, grid: PixelGrid) -> CheckedTable:
    """One row a cell of the sky in a realisation: level and correlation of the noise in it."""
    usable = cutouts[cutouts["unusable_values"] == 0]
    longitude = (usable["glon_deg"] % 360.0 // (360.0 / CELL_LONGITUDES)).astype(int)
    height = np.sin(np.radians(usable["glat_deg"])) + 1.0
    band = np.minimum(height // (2.0 / CELL_BANDS), CELL_BANDS - 1).astype(int)
    parts = [part.astype(str) for part in (usable["realisation"], longitude, band)]
    cell = (parts[0] + " " + parts[1] + " " + parts[2]).rename("cell")
    # weighted by its cutouts, so that the mean over cells is that over cutouts
    products = usable.groupby(cell)[list(range(MOST_LAG + 1))].sum()
    products *= len(products) / len(usable)
    square = products[0].to_numpy()
    rows = pd.DataFrame({"cell": products.index, SQUARE: square / theory.mean_square})
    chance = sampling_error(rows[SQUARE].to_numpy(), FALSE_ALARM)
    error = float(np.hypot(chance, theory.mean_square_error))
    expectations = [mean(SQUARE, 1.0 - error, 1.0 + error, where=None)]
    chosen = np.unique(np.linspace(0, len(usable) - 1, GEOMETRY_CUTOUTS).astype(int))
    glon_deg, glat_deg = usable[["glon_deg", "glat_deg"]].to_numpy()[chosen].T
    expected = expected_correlation(theory.cl, theory.nside, glon_deg, glat_deg, grid)
    for lag in range(1, MOST_LAG + 1):
        column, wanted = f"correlation_{lag}", expected[:, lag]
        rows[column] = products[lag].to_numpy() / square.mean()
        departure = rows[column] - wanted.mean() * square / square.mean()
        error = float(
            np.hypot(
                sampling_error(departure.to_numpy(), FALSE_ALARM),
                sampling_error(wanted, FALSE_ALARM),
            )
        )
        expectations.append(mean(column, wanted.mean() - error, wanted.mean() + error, where=None))
    return CheckedTable("noise_cells", rows, "cell", expectations, CELL_MEANINGS)


def expected_correlation(
    cl: np.ndarray, nside: int, glon_deg: np.ndarray, glat_deg: np.ndarray, grid: PixelGrid
) -> np.ndarray:
    """Correlation of a Gaussian sky between pixels of cutouts, by lag along x and y.

    sum (2 l + 1) C_l P_l(cos s) / sum (2 l + 1) C_l at the separation s of the centres of the
    sky's pixels that the cutout shows, which is not that of the cutout's: a cutout takes the
    nearest.

    Args:
        cl: C_l from l = 0.
        nside: of the sky.
        glon_deg: longitudes of the cutouts, `(n,)`.
        glat_deg: their latitudes.
        grid: the pixels of a cutout.

    Returns:
        Of each cutout at the lags 0 to MOST_LAG, `(n, MOST_LAG + 1)`.
    """
    # a pixel of the sky is at most 1.5 times as long as its mean side
    side_rad = np.sqrt(np.pi / 3.0) / nside
    end_rad = MOST_LAG * grid.pixel_arcmin * ARCMIN_RAD + 3.0 * side_rad
    nodes = np.linspace(0.0, end_rad, SEPARATION_NODES)
    weight = (2.0 * np.arange(len(cl)) + 1.0) * cl
    correlation = CubicSpline(nodes, legval(np.cos(nodes), weight) / weight.sum())
    rows = []
    for pixels in gnomonic_pixels(nside, glon_deg, glat_deg, grid):
        vectors = pixel_vectors(nside, pixels)
        row = [1.0]
        for lag in range(1, MOST_LAG + 1):
            along_x = np.linalg.norm(vectors[:, lag:] - vectors[:, :-lag], axis=-1)
            along_y = np.linalg.norm(vectors[lag:] - vectors[:-lag], axis=-1)
            separations = [2.0 * np.arcsin(chord / 2.0) for chord in (along_x, along_y)]
            row.append(float(np.mean([correlation(s).mean() for s in separations])))
        rows.append(row)
    return np.array(rows)
