"""Exact Gaussian random patches of an isotropic sky, and the covariances behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from szmass.sky.grid import PixelGrid
from szmass.units import ARCMIN_RAD

BLOCK_ROWS = 128
"""Rows of every matrix product: BLAS rounds by the shape, so the shape must not vary."""


def correlation_function(cl: np.ndarray, separation_arcmin: np.ndarray) -> np.ndarray:
    """C(theta) = sum_l (2 l + 1) / (4 pi) C_l P_l(cos theta).

    Args:
        cl: power C_l for l = 0, 1, ..., lmax.
        separation_arcmin: angles, shape `(n,)`.

    Returns:
        C(theta), shape `(n,)`, in the unit of `cl`.
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
    """
    separations_arcmin, index = grid.unique_separations()
    return correlation_function(cl, separations_arcmin)[index]


@dataclass(frozen=True)
class GaussianPatch:
    """Draws patches whose pixels have a given covariance, all scales of the sky included.

    A patch is `coefficients @ modes` with independent unit Gaussian coefficients: the modes are
    the covariance's eigenvectors times the square roots of their eigenvalues. Power from scales
    larger than the patch is thus present, as no Fourier transform of the patch alone has it.
    """

    modes: np.ndarray
    """`(kept, pixels**2)` float32, in the unit of the map: those even in x, largest first, and
    then those odd in x."""

    @classmethod
    def from_covariance(cls, covariance: np.ndarray, *, eigenvalue_cut: float) -> GaussianPatch:
        """Keeps the eigenmodes above `eigenvalue_cut` times the largest eigenvalue.

        The modes are the same on every machine, to rounding. The symmetry of the square makes
        many of them degenerate in pairs, which an eigensolver mixes at will; so modes even and
        odd under x -> -x are solved for apart, which leaves none degenerate. Their signs, as
        arbitrary, are fixed: positive where a mode first exceeds half of its maximum.

        Args:
            covariance: of the pixels of a square patch with an even number of them a side,
                symmetric under x -> -x as every isotropic sky's.
            eigenvalue_cut: relative to the largest eigenvalue.
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
            modes = np.empty((len(kept), side**2), dtype=np.float32)
            modes[:, left], modes[:, right] = half, parity * half
            parts.append(modes)
        return cls(np.concatenate(parts))

    def synthesise(self, coefficients: np.ndarray) -> np.ndarray:
        """Patches from coefficients, in products of `BLOCK_ROWS` rows whatever the number.

        Args:
            coefficients: `(n, kept)` float32, unit Gaussian.

        Returns:
            `(n, pixels**2)` float32.
        """
        count = len(coefficients)
        patches = np.empty((count, self.modes.shape[1]), dtype=np.float32)
        whole = count - count % BLOCK_ROWS
        for start in range(0, whole, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            np.matmul(coefficients[rows], self.modes, out=patches[rows])
        if whole < count:
            padded = np.zeros((BLOCK_ROWS, self.modes.shape[0]), dtype=np.float32)
            padded[: count - whole] = coefficients[whole:]
            patches[whole:] = (padded @ self.modes)[: count - whole]
        return patches
