"""Images of clusters in several bands of a survey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass.sky.clusters.images import BeamedImages
from szmass.sky.clusters.projection import Ellipsoids


@dataclass(frozen=True)
class BandImages:
    """Images of a cluster in the bands of a survey, each behind its beam and in its unit.

    Example:
        A sphere of R500 = 4' in y, and where a y of 1 is -2.6e6 uK:

        >>> from szmass.sky.clusters.radial_tables import RadialTables
        >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
        >>> from szmass.sky.grid import PixelGrid
        >>> y = BeamedImages(RadialTables([UNIVERSAL_PRESSURE]), PixelGrid(32, 1.0), 5.0)
        >>> sphere = Ellipsoids(np.ones((1, 1)), np.zeros((1, 3)), 16.0 * np.eye(3)[None])
        >>> images = BandImages([y, y], [1.0, -2.6e6])(sphere)
        >>> images.shape, bool(np.allclose(images[1], -2.6e6 * images[0]))
        ((2, 32, 32), True)
    """

    bands: Sequence[BeamedImages]
    """Of y, on one grid."""
    per_y: Sequence[float]
    """What a Compton y of 1 is in each band, in the unit of its images."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(bands, pixels, pixels)`."""
        pixels = self.bands[0].grid.pixels
        return len(self.bands), pixels, pixels

    def __call__(self, ellipsoids: Ellipsoids) -> np.ndarray:
        """Images, `(bands, pixels, pixels)` float32, of components in arcmin about the centre."""
        images = [band(ellipsoids) for band in self.bands]
        return np.array(images) * np.array(self.per_y, dtype=np.float32)[:, None, None]
