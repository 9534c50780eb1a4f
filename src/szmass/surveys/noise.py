"""Noise of a survey's pixels: its spectrum from settings, and maps of it."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.fft import irfft2, rfft2

from szmass.errors import SzmassError
from szmass.params.survey import NoiseSettings
from szmass.sky.grid import PixelGrid
from szmass.units import ARCMIN_RAD
from szmass.weighing.filters import PixelNoise

ELL, CL, ERROR = "ell", "cl", "error"
"""Columns of a table of a spectrum; the last is not needed."""
OTHER_CL = "c_ell"
"""What Planck's table calls it."""
ENDS_AT = 0.8
"""Share of a grid's multipoles that a table must have; beyond, its last value is taken."""
MOST_ELL = 200_000
"""Of pixels of 0.06'."""
LEAST_WHITE = 1e-4
"""White noise that is added to every spectrum, as a share of the pixels' variance. Without it the
filters of maps that end at the beam would rest on differences far below their noise."""


class NoiseError(SzmassError):
    """A table is no spectrum of noise, or ends too early."""


def last_multipole(grid: PixelGrid) -> int:
    """Where the spectrum of a grid's pixels ends: in a circle as large as the square of modes.

    Modes fill the square |l_x|, |l_y| < pi / pixel, whose area is that of a circle of radius
    2 sqrt(pi) / pixel.
    """
    return int(2.0 * math.sqrt(math.pi) / (grid.pixel_arcmin * ARCMIN_RAD))


def spectrum_of(settings: NoiseSettings, grid: PixelGrid, folder: Path) -> np.ndarray:
    """C_l of a band's noise in its pixels, from l = 0 to `last_multipole` or `last_ell`.

    Args:
        settings: of the band.
        grid: the pixels.
        folder: of the survey's file, from which tables are named.

    Raises:
        NoiseError: the table cannot be read, is no spectrum, or ends too early.
    """
    end = min(last_multipole(grid), settings.last_ell or MOST_ELL)
    ell = np.arange(end + 1.0)
    if settings.spectrum is not None:
        path = folder / settings.spectrum
        try:
            cl = read_spectrum(path).at(ell)
        except NoiseError as error:
            named = str(error).startswith(str(path))
            raise NoiseError(str(error) if named else f"{path}: {error}") from error
    else:
        cl = np.full(len(ell), ((settings.white_arcmin or 0.0) * ARCMIN_RAD) ** 2)
        if settings.knee_ell is not None and settings.knee_slope is not None:
            cl *= 1.0 + (np.maximum(ell, 1.0) / settings.knee_ell) ** settings.knee_slope
    return cl


def pixel_noise(cl: np.ndarray, grid: PixelGrid, *, jitter_arcmin: float) -> PixelNoise:
    """Noise of one band, or what two bands have in common; see `PixelNoise.of_spectrum`."""
    # one separation more than the grid has, for the periodic square of `BandNoise.maps`
    wider = PixelGrid(grid.pixels + 1, grid.pixel_arcmin)
    return replace(PixelNoise.of_spectrum(cl, wider, jitter_arcmin=jitter_arcmin), grid=grid)


@dataclass(frozen=True)
class Spectrum:
    """Power of noise at some multipoles."""

    ell: np.ndarray
    """Ascending, from 0."""
    cl: np.ndarray
    """In the maps' unit squared times sr, from 0."""
    error: np.ndarray
    """Standard deviation of `cl`."""

    def at(self, ell: np.ndarray) -> np.ndarray:
        """C_l at whole multipoles from 0: those of the table, a power law in between.

        Before the table's first it is constant; a table of all multipoles is taken as it is.

        Raises:
            NoiseError: the table ends before the multipoles.
        """
        ends, needed = float(self.ell[-1]), ENDS_AT * float(ell[-1])
        if ends < needed:
            raise NoiseError(
                f"ends at l = {ends:.0f}: expected multipoles to {needed:.0f}, where the pixels' "
                "noise ends, or noise.last_ell where there is none beyond"
            )
        if np.array_equal(self.ell[: len(ell)], ell):
            return self.cl[: len(ell)]
        ln_ell = np.log(np.maximum(ell, 1.0)), np.log(np.maximum(self.ell, 1.0))
        return np.exp(np.interp(*ln_ell, np.log(np.maximum(self.cl, np.finfo(float).tiny))))

    def write(self, path: Path) -> None:
        """Writes the table."""
        with path.open("w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow([ELL, CL, ERROR])
            for ell, cl, error in zip(self.ell, self.cl, self.error, strict=True):
                rows.writerow([f"{ell:.1f}", f"{cl:.6e}", f"{error:.2e}"])


def read_spectrum(path: Path) -> Spectrum:
    """Reads a table with the columns `ell`, `cl` and, if there is one, `error`.

    Raises:
        NoiseError: it cannot be read, has no such columns, or values that are no spectrum; the
            message names the file and the row.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NoiseError(f"{path}: cannot be read as a CSV table: {error}") from error
    for row in rows:
        row.setdefault(CL, row.get(OTHER_CL))
    if not rows or ELL not in rows[0] or rows[0][CL] is None:
        has = ", ".join(map(str, rows[0])) if rows else "no row"
        raise NoiseError(f"{path}: has {has}: expected rows of {ELL},{CL}")
    values: dict[str, list[float]] = {ELL: [], CL: [], ERROR: []}
    for number, row in enumerate(rows, start=2):
        for name, column in values.items():
            text = row.get(name) or ("0" if name == ERROR else "nothing")
            try:
                column.append(float(text))
            except ValueError:
                column.append(math.nan)
            if not 0.0 <= column[-1] < math.inf:
                raise NoiseError(f"{path}, line {number}: {name} = {text!r}: expected 0 or more")
    if not any(values[CL]):
        raise NoiseError(f"{path}: {CL} is 0 throughout: expected power")
    ell = np.array(values[ELL])
    if not (np.diff(ell) > 0).all():
        line = int(np.argmin(np.diff(ell) > 0)) + 3
        raise NoiseError(f"{path}, line {line}: {ELL} = {ell[line - 2]:g}: expected it to ascend")
    return Spectrum(ell, np.array(values[CL]), np.array(values[ERROR]))


@dataclass(frozen=True)
class BandNoise:
    """Noise of a map's bands, which may have parts in common, as the CMB is."""

    pairs: tuple[tuple[PixelNoise, ...], ...]
    """The covariance between the pixels of one band and those of another, bands by bands."""

    @classmethod
    def of_spectra(cls, cl: np.ndarray, grid: PixelGrid, *, jitter_arcmin: float) -> BandNoise:
        """Noise of given spectra.

        Args:
            cl: auto and cross spectra, `(bands, bands, lmax + 1)`, equal under exchange.
            grid: the pixels of all bands.
            jitter_arcmin: as for `PixelNoise.of_spectrum`. Where it is 0, `LEAST_WHITE` is added.
        """
        known: dict[tuple[int, int], PixelNoise] = {}
        for one in range(len(cl)):
            for other in range(one, len(cl)):
                pair = pixel_noise(cl[one, other], grid, jitter_arcmin=jitter_arcmin)
                if one == other and jitter_arcmin == 0.0:
                    pair.of_square[0] *= 1.0 + LEAST_WHITE
                known[one, other] = known[other, one] = pair
        numbers = range(len(cl))
        return cls(tuple(tuple(known[one, other] for other in numbers) for one in numbers))

    @property
    def grid(self) -> PixelGrid:
        """The pixels of all bands."""
        return self.pairs[0][0].grid

    @property
    def variance(self) -> float:
        """Of a pixel of the band with the largest."""
        return max(row[number].variance for number, row in enumerate(self.pairs))

    def symmetric_covariance(self) -> np.ndarray:
        """C among images with the square's symmetries; see `filters.Noise`."""
        return np.block([[pair.symmetric_covariance() for pair in row] for row in self.pairs])

    @cached_property
    def _root(self) -> np.ndarray:
        """Root of the bands' covariance at each mode of a square of twice the side, periodic.

        The covariance of pixels is that of a larger periodic square, up to its half. What little
        of it is negative there is left out.
        """
        side = 2 * self.grid.pixels
        shift = np.minimum(np.arange(side), side - np.arange(side))
        squares = shift[:, None] ** 2 + shift**2
        modes = np.array(
            [[rfft2(pair.of_square[squares]).real for pair in row] for row in self.pairs]
        )
        values, vectors = np.linalg.eigh(np.moveaxis(modes, (0, 1), (-2, -1)))
        return vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]

    def maps(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Maps of nothing but noise, `(count, bands, pixels, pixels)` float32."""
        bands, pixels = len(self.pairs), self.grid.pixels
        side = 2 * pixels
        drawn = np.empty((count, bands, pixels, pixels), dtype=np.float32)
        for number in range(count):
            white = rfft2(rng.standard_normal((bands, side, side)))
            modes = np.einsum("yxbc,cyx->byx", self._root, white)
            drawn[number] = irfft2(modes, s=(side, side))[:, :pixels, :pixels]
        return drawn
