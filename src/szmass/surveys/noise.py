"""Noise of a survey's pixels: its spectrum from settings, and maps of it."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.fft import irfft2, rfft2

from szmass.errors import SzmassError
from szmass.params.survey import NoiseSettings
from szmass.sky.grid import PixelGrid
from szmass.sky.healpix import band_limited_variance
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
LEAST_SQUARES, LEAST_DEG = 8, 10.0
"""Sides of the field that maps of noise are cut from: in maps, and in degrees."""
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
    has = ", ".join(map(str, rows[0])) if rows else "no row"
    for row in rows:
        row.setdefault(CL, row.get(OTHER_CL))
    if not rows or ELL not in rows[0] or rows[0][CL] is None:
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

    grid: PixelGrid
    """The pixels of all bands."""
    cl: np.ndarray
    """Auto and cross spectra, `(bands, bands, lmax + 1)`, equal under exchange of bands."""
    jitter_arcmin: float
    """As for `PixelNoise.of_spectrum`. Where it is 0, `LEAST_WHITE` is added."""

    @property
    def _step_rad(self) -> float:
        return self.grid.pixel_arcmin * ARCMIN_RAD

    @property
    def _is_whole(self) -> bool:
        """Whether the spectra go on to the end of the pixels' modes.

        What they end with there is then the power of white noise, independent in each pixel: cut
        off in a circle, it would be alike in neighbours.
        """
        return self.cl.shape[-1] - 1 >= last_multipole(self.grid)

    @cached_property
    def pairs(self) -> list[list[PixelNoise]]:
        """The covariance between the pixels of one band and those of another, bands by bands."""
        bands = range(len(self.cl))
        known: dict[tuple[int, int], PixelNoise] = {}
        for one in bands:
            for other in bands[one:]:
                cl = self.cl[one, other]
                white = float(cl[-1]) if self._is_whole else 0.0
                pair = PixelNoise.of_spectrum(
                    cl - white, self.grid, jitter_arcmin=self.jitter_arcmin
                )
                pair.of_square[0] += white / self._step_rad**2
                if one == other and self.jitter_arcmin == 0.0:
                    pair.of_square[0] *= 1.0 + LEAST_WHITE
                known[one, other] = known[other, one] = pair
        return [[known[one, other] for other in bands] for one in bands]

    @property
    def variance(self) -> float:
        """Of a pixel of the band with the largest."""
        return max(row[number].variance for number, row in enumerate(self.pairs))

    def symmetric_covariance(self) -> np.ndarray:
        """C among images with the square's symmetries; see `filters.Noise`."""
        return np.block([[pair.symmetric_covariance() for pair in row] for row in self.pairs])

    def covariance_without_mean(self) -> np.ndarray:
        """C of maps less their mean in each band, `(bands pixels^2, bands pixels^2)`."""
        row, column = np.divmod(np.arange(self.grid.pixels**2), self.grid.pixels)
        squares = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
        blocks = []
        for pairs in self.pairs:
            whole = [pair.of_square[squares] for pair in pairs]
            blocks.append([c - c.mean(axis=0) - c.mean(axis=1)[:, None] + c.mean() for c in whole])
        return np.block(blocks)

    def maps(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Maps of nothing but noise, `(count, bands, pixels, pixels)` float32.

        They are the squares of a periodic field that is much larger, drawn anew for more.
        """
        pixels = self.grid.pixels
        squares = max(LEAST_SQUARES, math.ceil(LEAST_DEG * 60.0 / pixels / self.grid.pixel_arcmin))
        root, bands, side = self._root(squares * pixels), len(self.cl), squares * pixels
        drawn = np.empty((0, bands, pixels, pixels), dtype=np.float32)
        while len(drawn) < count:
            white = rfft2(rng.standard_normal((bands, side, side), dtype=np.float32))
            field = irfft2(np.einsum("yxbc,cyx->byx", root, white), s=(side, side))
            tiles = field.reshape(bands, squares, pixels, squares, pixels)
            tiles = tiles.transpose(1, 3, 0, 2, 4).reshape(-1, bands, pixels, pixels)
            drawn = np.concatenate([drawn, tiles.astype(np.float32)])
        return drawn[:count]

    def _root(self, side: int) -> np.ndarray:
        """Root of the bands' power at each mode of a periodic square, `(y, x, bands, bands)`."""
        step = self._step_rad
        cycles = np.fft.fftfreq(side, step), np.fft.rfftfreq(side, step)
        ell = 2.0 * np.pi * np.hypot(cycles[0][:, None], cycles[1])
        last = self.cl.shape[-1] - 1
        blur_rad2 = (self.jitter_arcmin * ARCMIN_RAD) ** 2
        power = self.cl[..., np.minimum(np.rint(ell).astype(int), last)] / step**2
        if not self._is_whole:
            power = np.where(ell > last, 0.0, power)
        power = power * np.exp(-(ell**2) * blur_rad2)
        at = np.arange(last + 1.0)
        for number, row in enumerate(self.pairs):
            # what reading beside the pixels' centres, and the least white noise, add to a pixel
            smooth = self.cl[number, number] * np.exp(-at * (at + 1.0) * blur_rad2)
            power[number, number] += row[number].of_square[0] - band_limited_variance(smooth)
        values, vectors = np.linalg.eigh(np.moveaxis(power, (0, 1), (-2, -1)))
        root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        return np.asarray(root, dtype=np.float32)
