"""Exact Gaussian random patches of an isotropic sky, and the covariances behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from szmass.sky.grid import PixelGrid
from szmass.units import ARCMIN_RAD

BLOCK_ROWS = 128
"""Patches of one matrix product; its float64 numbers then stay in a processor's cache."""
COEFFICIENT_STEP = 2.0**-18
"""Of a unit Gaussian number; its variance changes by a step squared over twelve, 1e-12."""
EXACT_BITS = 53
"""Of a float64, which adds whole numbers of a step without rounding up to 2**53 steps."""
NEVER_SIGMA = 16.0
"""No sum of Gaussian numbers is ever this many of its standard deviations."""


def correlation_function(cl: np.ndarray, separation_arcmin: np.ndarray) -> np.ndarray:
    """C(theta) = sum_l (2 l + 1) / (4 pi) C_l P_l(cos theta).

    Args:
        cl: power C_l for l = 0, 1, ..., lmax.
        separation_arcmin: angles, shape `(n,)`.

    Returns:
        C(theta), shape `(n,)`, in the unit of `cl`.

    Example:
        A dipole of C_1 = 1 is 3 / (4 pi) cos(theta), here at 0, 60 and 90 degrees:

        >>> correlation_function(np.array([0.0, 1.0]), np.array([0.0, 3600.0, 5400.0])).round(4)
        array([0.2387, 0.1194, 0.    ])
    """
    cosine = np.cos(np.asarray(separation_arcmin) * ARCMIN_RAD)
    weighted = (2.0 * np.arange(len(cl)) + 1.0) / (4.0 * np.pi) * cl
    below, legendre = np.ones_like(cosine), cosine.copy()
    total = weighted[0] * below + weighted[1] * legendre
    for ell in range(2, len(cl)):
        below, legendre = (
            legendre,
            ((2.0 * ell - 1.0) * cosine * legendre - (ell - 1.0) * below) / ell,
        )
        total += weighted[ell] * legendre
    return total


def pixel_covariance(cl: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """Covariance of the pixels of a patch under an isotropic Gaussian sky.

    Args:
        cl: power C_l with beam and pixel window applied, for l = 0, 1, ..., lmax.
        grid: the pixels.

    Returns:
        Matrix of shape `(pixels**2, pixels**2)`, in the unit of `cl`.

    Example:
        Pixels of 1' under white noise of 1 uK-arcmin behind a beam of 2' are correlated:

        >>> from szmass.sky.grid import gaussian_beam
        >>> cl = ARCMIN_RAD**2 * gaussian_beam(np.arange(12_000), 2.0) ** 2
        >>> pixel_covariance(cl, PixelGrid(pixels=2, pixel_arcmin=1.0))[0].round(3)
        array([0.11 , 0.078, 0.078, 0.055])
    """
    separations_arcmin, index = grid.unique_separations()
    return correlation_function(cl, separations_arcmin)[index]


@dataclass(frozen=True)
class GaussianPatch:
    """Draws patches whose pixels have a given covariance, all scales of the sky included.

    A patch is `coefficients @ modes` with independent unit Gaussian coefficients: the modes are
    the covariance's eigenvectors times the square roots of their eigenvalues. Power from scales
    larger than the patch is thus included, which a Fourier transform of the patch alone lacks.

    Modes and coefficients are rounded to whole numbers of a step, which changes a map by some
    1e-6 of its standard deviation and lets float64 add their products without rounding. A patch
    thus has the same bits in whatever order a processor's BLAS adds, on any number of threads and
    beside any number of other patches.

    Example:
        >>> grid = PixelGrid(pixels=2, pixel_arcmin=1.0)
        >>> covariance = np.exp(-(grid.unique_separations()[0] ** 2))[grid.unique_separations()[1]]
        >>> patch = GaussianPatch.from_covariance(covariance, eigenvalue_cut=1e-9)
        >>> np.allclose(patch.modes.T @ patch.modes, covariance)
        True
        >>> coefficients = np.random.default_rng(1).standard_normal((1000, 4), dtype=np.float32)
        >>> patch.synthesise(coefficients).shape
        (1000, 4)
    """

    modes: np.ndarray
    """`(modes, pixels**2)` float64, in the unit of the map: those even in x, largest first, and
    then those odd in x."""

    @classmethod
    def from_covariance(cls, covariance: np.ndarray, *, eigenvalue_cut: float) -> GaussianPatch:
        """Keeps the eigenmodes above `eigenvalue_cut` times the largest eigenvalue.

        The modes are the same on every machine, to rounding. The symmetry of the square makes
        many of them degenerate in pairs, which an eigensolver mixes arbitrarily; so modes even and
        odd under x -> -x are solved for separately, which leaves none degenerate. The sign of a
        mode is arbitrary too: it is made positive where the mode first exceeds half its maximum.

        Args:
            covariance: covariance of the pixels of a square patch with an even number of pixels a
                side, symmetric under x -> -x as that of every isotropic sky is.
            eigenvalue_cut: smallest eigenvalue that is kept, as a fraction of the largest.
        """
        side = math.isqrt(len(covariance))
        pixel = np.arange(side**2).reshape(side, side)
        left, right = pixel[:, : side // 2].ravel(), pixel[:, : side // 2 - 1 : -1].ravel()
        beside, across = covariance[np.ix_(left, left)], covariance[np.ix_(left, right)]
        solutions = [(parity, *np.linalg.eigh(beside + parity * across)) for parity in (1, -1)]
        least = eigenvalue_cut * max(values[-1] for _, values, _ in solutions)
        parts = []
        for parity, values, vectors in solutions:
            kept = np.flatnonzero(values > least)[::-1]
            half = vectors[:, kept].T * np.sqrt(values[kept] / 2.0)[:, None]
            clear = np.abs(half) > 0.5 * np.abs(half).max(axis=1, keepdims=True)
            half *= np.sign(np.take_along_axis(half, clear.argmax(axis=1)[:, None], axis=1))
            modes = np.empty((len(kept), side**2))
            modes[:, left], modes[:, right] = half, parity * half
            parts.append(modes)
        return cls(_exactly_summable(np.concatenate(parts)))

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """Patches from coefficients.

        Args:
            coefficients: `(n, modes)` float32, unit Gaussian.

        Returns:
            `(n, pixels**2)` float32.
        """
        patches = np.empty((len(coefficients), self.modes.shape[1]), dtype=np.float32)
        for start in range(0, len(coefficients), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            steps = np.rint(coefficients[rows] / COEFFICIENT_STEP, dtype=np.float64)
            patches[rows] = (steps * COEFFICIENT_STEP) @ self.modes
        return patches


def _exactly_summable(modes: np.ndarray) -> np.ndarray:
    """Modes rounded to the smallest power of two that leaves sums over them exact in float64."""
    largest = NEVER_SIGMA * math.sqrt(np.sum(modes**2, axis=0).max(initial=0.0))
    step = math.ldexp(1.0, math.frexp(largest)[1] - EXACT_BITS) / COEFFICIENT_STEP
    return np.rint(modes / step) * step
