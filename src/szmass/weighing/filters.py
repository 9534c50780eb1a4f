"""A bank of matched filters for round clusters, exact for the noise of a map's pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from szmass.sky.fields import correlation_function
from szmass.sky.grid import PixelGrid

MEAN_LEVEL_VARIANCES = 1e4
"""Variance given to the map's mean level, over that of a pixel: so large that the mean level has no
effect on an amplitude."""
LEAST_MODE = 1e-6


class Noise(Protocol):
    """Noise of level 1 in the pixels of a map, whose covariance has the square's eight symmetries.

    A map has one image, or several of the same pixels, one a band.
    """

    @property
    def grid(self) -> PixelGrid:
        """The pixels."""

    @property
    def variance(self) -> float:
        """Of a pixel, or their mean where pixels differ, or the largest of several bands."""

    def symmetric_covariance(self) -> np.ndarray:
        """The covariance among images that have the symmetries, `(bands orbits, bands orbits)`.

        The basis vector of one of `orbits(grid)` is 1 / sqrt(size) on its pixels.
        """


def orbits(grid: PixelGrid) -> tuple[np.ndarray, np.ndarray]:
    """The number of each pixel's orbit under the square's eight symmetries, and their sizes."""
    steps = np.abs(2 * np.arange(grid.pixels) - (grid.pixels - 1))
    far, near = np.maximum.outer(steps, steps), np.minimum.outer(steps, steps)
    _, index, sizes = np.unique(
        far * 2 * grid.pixels + near, return_inverse=True, return_counts=True
    )
    return index.ravel(), sizes


def in_orbits(images: np.ndarray, grid: PixelGrid) -> np.ndarray:
    """Images with the symmetries, in the orthonormal basis of `Noise`, `(n, bands orbits)`.

    Args:
        images: `(n, pixels, pixels)` or `(n, bands, pixels, pixels)`.
        grid: the pixels.
    """
    index, sizes = orbits(grid)
    sums = [np.bincount(index, image) for image in images.reshape(-1, grid.pixels**2)]
    return (np.array(sums) / np.sqrt(sizes)).reshape(len(images), -1)


def information(images: np.ndarray, noise: Noise) -> np.ndarray:
    """Squares of the signal-to-noise ratios of images in noise of level 1, s^T C^-1 s, `(n,)`.

    Args:
        images: `(n, pixels, pixels)` or `(n, bands, pixels, pixels)`, with the square's symmetries.
        noise: of the pixels.
    """
    values = in_orbits(images, noise.grid)
    whole = cho_solve(cho_factor(noise.symmetric_covariance()), values.T).T
    return np.asarray(np.sum(values * whole, axis=1))


@dataclass(frozen=True)
class CovarianceNoise:
    """Noise whose covariance is given as a matrix, as where a taper makes pixels differ.

    Example:
        Three orbits of 4, 8 and 4 pixels, all independent:

        >>> noise = CovarianceNoise(PixelGrid(pixels=4, pixel_arcmin=1.0), np.eye(16))
        >>> noise.symmetric_covariance().round(1).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    grid: PixelGrid
    covariance: np.ndarray
    """`(pixels**2, pixels**2)`, with the square's symmetries."""

    @property
    def variance(self) -> float:
        """Mean of the pixels'."""
        return float(np.trace(self.covariance)) / len(self.covariance)

    def symmetric_covariance(self) -> np.ndarray:
        """C among images that have the square's symmetries; see `Noise`."""
        index, sizes = orbits(self.grid)
        basis = np.zeros((len(index), len(sizes)))
        basis[np.arange(len(index)), index] = 1.0 / np.sqrt(sizes[index])
        return basis.T @ self.covariance @ basis


@dataclass(frozen=True)
class PixelNoise:
    """The covariance of a map's pixels under noise of level 1, C(|p - q|).

    Example:
        Noise whose pixels are independent:

        >>> noise = PixelNoise(PixelGrid(pixels=4, pixel_arcmin=1.0), np.eye(1, 19)[0])
        >>> noise.symmetric_covariance().round(1).tolist()
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    grid: PixelGrid
    of_square: np.ndarray
    """C at each squared distance in pixels, from 0 to 2 (pixels - 1)^2; entries that are no sum of
    two squares are not used."""

    @classmethod
    def of_spectrum(cls, cl: np.ndarray, grid: PixelGrid, *, jitter_arcmin: float) -> PixelNoise:
        """Noise with a given spectrum, in pixels that were read beside their centres.

        Args:
            cl: C_l of noise of level 1, from l = 0.
            grid: the pixels.
            jitter_arcmin: standard deviation, along x and y, of the distance between a pixel's
                centre and the point where its value was read; the covariance of two different
                pixels is the mean over these distances.
        """
        squares = np.unique(np.arange(grid.pixels)[:, None] ** 2 + np.arange(grid.pixels) ** 2)
        ell = np.arange(len(cl))
        blurred = cl * np.exp(-ell * (ell + 1.0) * np.radians(jitter_arcmin / 60.0) ** 2)
        of_square = np.zeros(int(squares[-1]) + 1)
        of_square[squares] = correlation_function(blurred, np.sqrt(squares) * grid.pixel_arcmin)
        of_square[0] = correlation_function(cl, np.zeros(1))[0]
        return cls(grid, of_square)

    @property
    def variance(self) -> float:
        """Of a pixel."""
        return float(self.of_square[0])

    def symmetric_covariance(self) -> np.ndarray:
        """C among images that have the square's symmetries, in their orthonormal basis.

        C commutes with the symmetries, so that a symmetric image's C^-1 is found among the
        orbits' (pixels / 2) (pixels / 2 + 1) / 2 values instead of the pixels' pixels^2.

        Returns:
            `(orbits, orbits)`; the basis vector of an orbit is 1 / sqrt(size) on its pixels.
        """
        index, sizes = orbits(self.grid)
        row, column = np.divmod(np.arange(self.grid.pixels**2), self.grid.pixels)
        order = np.argsort(index, kind="stable")
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        squares = (row[order[first]][:, None] - row[order]) ** 2
        squares += (column[order[first]][:, None] - column[order]) ** 2
        sums = np.add.reduceat(self.of_square[squares], first, axis=1)
        return sums * np.sqrt(sizes[:, None] / sizes)


@dataclass(frozen=True)
class FilterBank:
    """Filters K whose products with a map are its amplitudes, in units of the noise's level.

    For templates T (round, centred) and pixel covariance C, with a free mean level added to it,
    K = C^-1 T, each divided by the standard deviation of its product with noise of level 1. So an
    amplitude over the level is a signal-to-noise ratio. For a cluster with the shape of one of the
    templates, the amplitudes have all the information of the map.
    """

    filters: np.ndarray
    """`(filters, bands pixels**2)` float32; their sum over the pixels of a band is 0."""
    noise_covariance: np.ndarray
    """Of the amplitudes under noise of level 1, `(filters, filters)`; 1 on its diagonal."""

    @classmethod
    def of_templates(cls, templates: np.ndarray, noise: Noise) -> FilterBank:
        """The filters of round images.

        Args:
            templates: `(filters, pixels, pixels)` or `(filters, bands, pixels, pixels)`, with the
                square's symmetries.
            noise: of the map's pixels.
        """
        index, sizes = orbits(noise.grid)
        covariance = noise.symmetric_covariance()
        bands = len(covariance) // len(sizes)
        # a mean level of 1 in each band alone
        level = np.kron(np.eye(bands), np.sqrt(sizes))
        free_mean = MEAN_LEVEL_VARIANCES * noise.variance * level.T @ level
        images = in_orbits(templates, noise.grid)
        values = cho_solve(cho_factor(covariance + free_mean), images.T).T
        # the rest of the mean level, of which the free one leaves some 1e-8
        values -= (values @ level.T / np.sum(sizes)) @ level
        deviation = np.sqrt(np.einsum("ki,ij,kj->k", values, covariance, values))
        values /= deviation[:, None]
        of_pixels = values.reshape(len(values), bands, -1) / np.sqrt(sizes)
        filters = of_pixels[:, :, index].reshape(len(values), -1).astype(np.float32)
        return cls(filters, values @ covariance @ values.T)

    @cached_property
    def whitening(self) -> np.ndarray:
        """W with W^T N W = 1 for the amplitudes' noise covariance N, `(filters, modes)`.

        Filters of nearby sizes are all but the same; modes in which the noise has less than
        `LEAST_MODE` of the largest mode's variance are left out.
        """
        values, vectors = np.linalg.eigh(self.noise_covariance)
        kept = values > LEAST_MODE * values[-1]
        return vectors[:, kept] / np.sqrt(values[kept])

    def amplitudes(self, maps: np.ndarray) -> np.ndarray:
        """The maps' amplitudes, `(n, filters)`; those of a map do not depend on the others.

        Args:
            maps: `(n, pixels, pixels)` or `(n, bands, pixels, pixels)`, in any unit, which the
                amplitudes then have.
        """
        filters = self.filters.astype(maps.dtype, copy=False)
        # a product with all maps would round by a map's place among them
        return np.array([filters @ image for image in maps.reshape(len(maps), -1)])


class Level(Protocol):
    """Says how much noise a map has, over the noise that the filters are made for."""

    @property
    def modes(self) -> float:
        """How many independent values of the noise the level's square is the mean of."""

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """The level of each map, `(n,)`."""

    def of_clusters(self, maps: np.ndarray) -> np.ndarray:
        """The level that maps of clusters without noise add in quadrature, `(n,)`."""


@dataclass(frozen=True)
class FixedLevel:
    """Noise that is the same in all maps, as where most of it is the CMB and its foregrounds."""

    @property
    def modes(self) -> float:
        """Infinite: nothing is measured."""
        return math.inf

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """1 for each map, `(n,)`."""
        return np.ones(len(maps))

    def of_clusters(self, maps: np.ndarray) -> np.ndarray:
        """0 for each map, `(n,)`."""
        return np.zeros(len(maps))


@dataclass(frozen=True)
class LevelMeter:
    """Measures the noise's level in a map: the scatter of its pixels away from the cluster."""

    outside: np.ndarray
    """Whether a pixel is taken, `(pixels**2,)` bool."""
    variance: float
    """Of these pixels about their mean, under noise of level 1."""
    modes: float
    """How many independent values the variance is the mean of."""

    @classmethod
    def of_noise(cls, noise: PixelNoise, *, inner_arcmin: float) -> LevelMeter:
        """Takes the pixels beyond a radius."""
        from scipy.signal import fftconvolve  # a third of a second, for those who train alone

        outside = noise.grid.radius_arcmin > inner_arcmin
        count, pixels = int(outside.sum()), noise.grid.pixels
        # how many pairs have each separation; the covariance of each
        pairs = np.rint(fftconvolve(outside.astype(float), outside[::-1, ::-1].astype(float)))
        shift = np.arange(1 - pixels, pixels)
        covariance = noise.of_square[shift[:, None] ** 2 + shift**2]
        of_mean = np.sum(pairs * covariance) / count**2
        variance = float(noise.of_square[0] - of_mean)
        square = float(np.sum(pairs * (covariance - of_mean) ** 2))
        return cls(outside.ravel(), variance, (count * variance) ** 2 / square)

    def __call__(self, maps: np.ndarray) -> np.ndarray:
        """The level of each map, `(n,)`, in the unit of the maps.

        Args:
            maps: `(n, pixels, pixels)`.
        """
        values, taken = maps.reshape(len(maps), -1), self.outside.astype(maps.dtype)
        count = np.count_nonzero(self.outside)
        pixels = values - (np.vecdot(values, taken) / count)[:, None]
        pixels *= taken
        square = np.vecdot(pixels, pixels).astype(float) / count
        return np.sqrt(square / self.variance)

    def of_clusters(self, maps: np.ndarray) -> np.ndarray:
        """The same: the level does not know what makes a map's pixels differ."""
        return self(maps)
