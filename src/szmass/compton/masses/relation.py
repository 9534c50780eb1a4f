"""Masses without a network: from an integrated Y, by a matched filter, and from the prior alone.

The relation between mass and Y is `szmass.sky.scaling`'s (de Andres et al. 2022, dA22, Eq. 4).
"""

from __future__ import annotations

import numpy as np

from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
)


def relation_msun(
    y500_arcmin2: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Masses from Y within the known R500, `(n,)` in Msun.

    Args:
        y500_arcmin2: integral of y within R500 on the sky, `(n,)`.
        redshift: `(n,)`.
        relation: between mass and Y in the cylinder.
        cosmology: E(z), h and distances.
    """
    y_mpc2 = np.asarray(y500_arcmin2) * mpc2_per_arcmin2(redshift, cosmology)
    return m500c_msun_from_y_cyl(y_mpc2, redshift, relation, cosmology)


def planck_msz_msun(
    y500_arcmin2: np.ndarray, redshift: np.ndarray, cosmology: Cosmology
) -> np.ndarray:
    """What Planck would weigh: alpha = 1.79 with Y / 1.2, the sphere's (dA22, Fig. 3)."""
    return relation_msun(y500_arcmin2, redshift, PLANCK_RELATION, cosmology)


def aperture_y_arcmin2(
    maps_y: np.ndarray, theta500_arcmin: np.ndarray, pixel_arcmin: float
) -> np.ndarray:
    """Sum of y over the pixels within R500 of a map's centre (dA22 Eq. 3), `(n,)` in arcmin^2.

    Args:
        maps_y: `(n, pixels, pixels)`.
        theta500_arcmin: angles of R500, `(n,)`.
        pixel_arcmin: side of a pixel.
    """
    radius = PixelGrid(maps_y.shape[-1], pixel_arcmin).radius_arcmin
    inside = radius <= np.asarray(theta500_arcmin)[:, None, None]
    return np.sum(maps_y, axis=(1, 2), where=inside, dtype=float) * pixel_arcmin**2


def prior_msun(training_m500c_msun: np.ndarray, count: int) -> np.ndarray:
    """The median training mass for every cluster, `(count,)`: what is known without a map."""
    return np.full(count, np.median(training_m500c_msun))
