"""Y of the simulated clusters at full resolution, against the Y-M relation put in or measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from szmass.compton.masses.relation import aperture_y_arcmin2
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import PLANCK_RELATION, ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.storage.store import MapStore


@dataclass(frozen=True)
class RelationTest:
    """E(z)^(-2/3) D_A^2 Y_500 in Mpc^2 against mass (dA22 Eq. 4)."""

    m500c_msun: np.ndarray
    """`(n,)`."""
    measured_mpc2: Mapping[str, np.ndarray]
    """`(n,)` each: by the model of a cluster, and by the sum over the pixels of its map."""
    line_msun: np.ndarray
    """Masses that the lines are given at, `(m,)`."""
    lines_mpc2: Mapping[str, np.ndarray]
    """`(m,)` each: the relation put in or measured, and Planck's for a cylinder."""


def relation_test(
    originals: MapStore, relation: ScalingRelation, cosmology: Cosmology, *, origin: str
) -> RelationTest:
    """Measures Y within R500 of the maps at full resolution.

    Args:
        originals: maps without a beam.
        relation: that the clusters were made with, or that was measured of them.
        cosmology: E(z), h and distances.
        origin: of the relation, in words.
    """
    theta, redshift, mass = (
        originals.read(key) for key in ("theta500_arcmin", "redshift", "m500c_msun")
    )
    axis_arcmin = originals.read("x")
    rows = [slice(row, row + 1) for row in range(len(theta))]  # one map at a time: each is large
    summed_arcmin2 = [
        aperture_y_arcmin2(
            originals.read("compton_y", row), theta[row], axis_arcmin[1] - axis_arcmin[0]
        )
        for row in rows
    ]
    intrinsic = mpc2_per_arcmin2(redshift, cosmology) * cosmology.e_z(redshift) ** (-2.0 / 3.0)
    line_msun = np.geomspace(mass.min() / 1.2, mass.max() * 1.2, 50)
    today = np.zeros(len(line_msun))
    return RelationTest(
        mass,
        {
            "model": intrinsic * originals.read("y500_cyl_arcmin2"),
            "sum of pixels": intrinsic * np.concatenate(summed_arcmin2),
        },
        line_msun,
        {
            label: y_cyl_mpc2(line_msun, today, law, cosmology)
            for label, law in (
                (f"alpha = {relation.alpha:.4g}, {origin}", relation),
                (f"Planck, alpha = {PLANCK_RELATION.alpha:g}, cylinder", PLANCK_RELATION),
            )
        },
    )
