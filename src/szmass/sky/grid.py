"""The square pixel grid of a cutout, and what beam and pixel do to each multipole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, Self

import numpy as np

from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA


class HasPixels(Protocol):
    """Settings that give the pixels of a cutout."""

    @property
    def pixels(self) -> int:
        """Number of pixels on a side."""

    @property
    def pixel_arcmin(self) -> float:
        """Side of a pixel in arcmin."""


@dataclass(frozen=True)
class PixelGrid:
    """A flat square grid whose centre is the cluster.

    With an even number of pixels the centre is the corner between the four middle pixels,
    array position ((pixels - 1) / 2, (pixels - 1) / 2).

    Example:
        >>> grid = PixelGrid(pixels=4, pixel_arcmin=0.5)
        >>> grid.axis_arcmin
        array([-0.75, -0.25,  0.25,  0.75])
        >>> round(float(grid.radius_arcmin[0, 0]), 3)  # the corner: 0.75 sqrt(2)
        1.061
    """

    pixels: int
    pixel_arcmin: float

    @classmethod
    def of(cls, settings: HasPixels) -> Self:
        """The grid that settings give."""
        return cls(settings.pixels, settings.pixel_arcmin)

    @cached_property
    def axis_arcmin(self) -> np.ndarray:
        """Pixel centres along x or y, relative to the grid's centre, shape `(pixels,)`."""
        return (np.arange(self.pixels) - (self.pixels - 1) / 2.0) * self.pixel_arcmin

    @cached_property
    def radius_arcmin(self) -> np.ndarray:
        """Distance of every pixel centre from the grid's centre, `(pixels, pixels)`."""
        return np.hypot(self.axis_arcmin[:, None], self.axis_arcmin[None, :])

    @cached_property
    def unique_radii(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct values of `radius_arcmin`, and the index of each pixel's among them.

        Returns:
            `(radii_arcmin, index)` with `radii_arcmin[index]` equal to `radius_arcmin.ravel()`.

        Example:
            The middle, the edges and the corners of 4 x 4 pixels:

            >>> PixelGrid(pixels=4, pixel_arcmin=1.0).unique_radii[0].round(3)
            array([0.707, 1.581, 2.121])
        """
        steps = np.abs(2 * np.arange(self.pixels) - (self.pixels - 1))
        squares, index = np.unique(steps[:, None] ** 2 + steps[None, :] ** 2, return_inverse=True)
        return np.sqrt(squares) * self.pixel_arcmin / 2.0, index.ravel()

    def unique_separations(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct distances between two pixels, and their index for every pair.

        Returns:
            `(separations_arcmin, index)`, `index` of shape `(pixels**2, pixels**2)`.

        Example:
            >>> PixelGrid(pixels=2, pixel_arcmin=1.0).unique_separations()[0].round(3)
            array([0.   , 1.   , 1.414])
        """
        offset = np.arange(self.pixels)
        square = (offset[:, None] - offset[None, :]) ** 2
        pairs = square[:, None, :, None] + square[None, :, None, :]
        squares, index = np.unique(pairs, return_inverse=True)
        size = self.pixels**2
        return np.sqrt(squares) * self.pixel_arcmin, index.reshape(size, size)

    def cosine_taper(self, width_arcmin: float) -> np.ndarray:
        """Apodisation: 1 inside, falling as half a cosine to 0 at the edge of the map.

        Args:
            width_arcmin: width of the falling band; 0 returns ones.

        Returns:
            Window of shape `(pixels, pixels)`.

        Example:
            A row through the middle; the outer pixel centres lie 0.5' from the edge:

            >>> PixelGrid(pixels=6, pixel_arcmin=1.0).cosine_taper(2.0)[2].round(3)
            array([0.146, 0.854, 1.   , 1.   , 0.854, 0.146])
        """
        if width_arcmin == 0:
            return np.ones((self.pixels, self.pixels))
        to_edge_arcmin = self.pixels * self.pixel_arcmin / 2.0 - np.abs(self.axis_arcmin)
        ramp = np.clip(to_edge_arcmin / width_arcmin, 0.0, 1.0)
        taper = 0.5 * (1.0 - np.cos(np.pi * ramp))
        return taper[:, None] * taper[None, :]


def centre_mean(images: np.ndarray) -> np.ndarray:
    """Mean of the four middle pixels, between which the cluster's centre lies.

    Args:
        images: `(n, pixels, pixels)`, with an even number of pixels a side.

    Returns:
        `(n,)` float64.

    Example:
        >>> centre_mean(np.arange(16.0).reshape(1, 4, 4))  # (5 + 6 + 9 + 10) / 4
        array([7.5])
    """
    middle = slice(images.shape[-1] // 2 - 1, images.shape[-1] // 2 + 1)
    return np.asarray(images[:, middle, middle].mean(axis=(1, 2), dtype=float))


def gaussian_beam(ell: np.ndarray, fwhm_arcmin: float) -> np.ndarray:
    """B_l = exp(-l (l + 1) sigma^2 / 2), the transfer function of a Gaussian beam.

    Example:
        >>> gaussian_beam(np.array([0.0, 3000.0, 10_000.0]), fwhm_arcmin=1.0).round(3)
        array([1.   , 0.934, 0.466])
    """
    sigma_rad = fwhm_arcmin * ARCMIN_RAD / FWHM_PER_SIGMA
    return np.exp(-0.5 * ell * (ell + 1.0) * sigma_rad**2)


def pixel_window(ell: np.ndarray, pixel_arcmin: float, directions: int = 16) -> np.ndarray:
    """The window of a square pixel, averaged over directions in the plane.

    W_l^2 = < sinc^2(l cos(phi) d / 2) sinc^2(l sin(phi) d / 2) >_phi for a pixel of side d:
    the average is taken of the square, which is what acts on a power spectrum.

    Args:
        ell: multipoles, shape `(n,)`.
        pixel_arcmin: side of the pixel; 0 returns ones.
        directions: number of quadrature nodes in the average, which is over one octant.

    Returns:
        W_l of shape `(n,)`.

    Example:
        >>> pixel_window(np.array([0.0, 3000.0, 10_000.0]), pixel_arcmin=0.25).round(3)
        array([1.   , 0.998, 0.978])
    """
    nodes, weights = np.polynomial.legendre.leggauss(directions)
    phi = (nodes + 1.0) * np.pi / 8.0
    # np.sinc(t) = sin(pi t) / (pi t)
    half_side = np.asarray(ell)[:, None] * pixel_arcmin * ARCMIN_RAD / (2.0 * np.pi)
    square = (np.sinc(half_side * np.cos(phi)) * np.sinc(half_side * np.sin(phi))) ** 2
    return np.sqrt(square @ weights / 2.0)
