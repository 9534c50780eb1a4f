"""Where in a cluster an image lies, stacked over clusters in units of R500."""

from __future__ import annotations

import numpy as np


def radial_density(
    images: np.ndarray, radius_arcmin: np.ndarray, theta500_arcmin: np.ndarray, edges: np.ndarray
) -> np.ndarray:
    """Density of each image over the radius in R500, its integral over the whole map being 1.

    The image's share in each annulus, divided by the annulus' width.

    Args:
        images: not negative, `(n, pixels, pixels)`.
        radius_arcmin: of each pixel from the cluster, `(pixels, pixels)`.
        theta500_arcmin: `(n,)`.
        edges: of the annuli in R500, `(k + 1,)`.

    Returns:
        `(n, k)`, per R500.
    """
    radius = radius_arcmin.ravel()
    density = np.empty((len(images), len(edges) - 1))
    for row, (image, theta500) in enumerate(zip(images, theta500_arcmin, strict=True)):
        weights = image.ravel() / image.sum()
        density[row], _ = np.histogram(radius / theta500, edges, weights=weights)
    return density / np.diff(edges)


def share_within(
    images: np.ndarray,
    radius_arcmin: np.ndarray,
    theta500_arcmin: np.ndarray,
    range_r500: tuple[float, float],
) -> np.ndarray:
    """Each image's share between two radii in R500, `(n,)`; arguments as of `radial_density`."""
    edges = np.array(range_r500)
    density = radial_density(images, radius_arcmin, theta500_arcmin, edges)
    return density[:, 0] * (edges[1] - edges[0])
