"""The factor r between masses weighed by one mass-Y relation and masses under another.

A network that was trained on clusters of Arnaud et al. 2010 gives a cluster the mass F_Ar(Y) of an
Arnaud cluster as bright. Where the mean Y at mass M is G(M, z) instead, its masses are multiplied
by r = M / F_Ar(G(M, z)) (Gupta & Reichardt 2020, arXiv 2003.06135, Eqs. 2 and 3; as printed, Eq. 2
is the inverse, below 1 for clusters fainter than Arnaud's, though their r is 1.287).

Equal Y is not an equal image: a cluster of mass M is wider on the sky than its Arnaud twin of mass
M / r, so less of its light stands out, and some bias is left, for a network as for the exact
posterior.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from szmass.microwave.hydro.clusters import HydroCluster
from szmass.params import Microwave
from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.clusters.spherical import Y_PER_KEV_CM3_MPC
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import (
    PIVOT_M500_MSUN,
    ScalingRelation,
    mpc2_per_arcmin2,
    y_cyl_mpc2,
)
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

MASS_AXIS_MSUN = np.geomspace(0.1, 30.0, 240) * MASS_UNIT_MSUN


def fitted_relation(
    m500c_msun: np.ndarray, redshift: np.ndarray, y500_arcmin2: np.ndarray, cosmology: Cosmology
) -> ScalingRelation:
    """The mean relation of a set of clusters: least squares in ln Y against ln M.

    Args:
        m500c_msun: true masses, `(n,)`.
        redshift: `(n,)`.
        y500_arcmin2: Y within R500 on the sky, `(n,)`.
        cosmology: E(z), h and distances.
    """
    unit = y_cyl_mpc2(np.full_like(redshift, PIVOT_M500_MSUN), redshift, _UNIT, cosmology)
    ln_y = np.log(y500_arcmin2 * mpc2_per_arcmin2(redshift, cosmology) / unit)
    alpha, ln_b = np.polyfit(np.log(m500c_msun / PIVOT_M500_MSUN), ln_y, 1)
    # the power of h in the relation is alpha - 2
    ln_b -= (alpha - _UNIT.alpha) * np.log(cosmology.h70)
    return ScalingRelation(float(alpha), float(ln_b / np.log(10.0)))


_UNIT = ScalingRelation(alpha=2.0, log10_b=0.0)


def relation_y500_arcmin2(
    m500c_msun: np.ndarray, redshift: np.ndarray, relation: ScalingRelation, cosmology: Cosmology
) -> np.ndarray:
    """Y within R500 on the sky, G(M, z), `(n,)`."""
    y_mpc2 = y_cyl_mpc2(m500c_msun, redshift, relation, cosmology)
    return y_mpc2 / mpc2_per_arcmin2(redshift, cosmology)


def arnaud_y500_arcmin2(m200c_msun: np.ndarray, microwave: Microwave) -> np.ndarray:
    """Y within R500 on the sky of the clusters that the microwave line is trained on, `(n,)`."""
    cosmology = Cosmology.of(microwave)
    pressure = GnfwPressure(**asdict(microwave.pressure))
    redshift = microwave.redshift
    m500c_msun, r500c_mpc = cosmology.m500c_and_r500c(m200c_msun, redshift)
    inside = radial_nodes(1.0)
    outside = radial_nodes(pressure.truncation_r500, 1.0)
    x, weight = (np.concatenate(parts) for parts in zip(inside, outside, strict=True))
    # share of a shell that lies within the cylinder of radius R500
    share = 1.0 - np.sqrt(1.0 - np.minimum(1.0 / x, 1.0) ** 2)
    shells = 4.0 * np.pi * x**2 * weight * share
    profiles = pressure.electron_pressure_kev_cm3(
        x, m500c_msun[:, None], e_z=cosmology.e_z(redshift), h70=cosmology.h70
    )
    y_mpc2 = Y_PER_KEV_CM3_MPC * r500c_mpc**3 * (profiles @ shells)
    return y_mpc2 / mpc2_per_arcmin2(np.asarray(redshift), cosmology)


def arnaud_m200c_msun(y500_arcmin2: np.ndarray, microwave: Microwave) -> np.ndarray:
    """F_Ar: the mass that such a cluster has by its Y, at the microwave line's redshift, `(n,)`."""
    axis = arnaud_y500_arcmin2(MASS_AXIS_MSUN, microwave)
    return np.exp(np.interp(np.log(y500_arcmin2), np.log(axis), np.log(MASS_AXIS_MSUN)))


@dataclass(frozen=True)
class MeanRelations:
    """The mean relations of Y and M of a set of clusters, and the scatter about them."""

    own: ScalingRelation
    """Relation of mass and Y within R500, of the clusters alone, without haloes beside them."""
    metrics: Mapping[str, float]
    """Slope, normalisation and scatter of this relation and of that with unrelated haloes."""

    @classmethod
    def fit(
        cls, clusters: Sequence[HydroCluster], tables: RadialTables, cosmology: Cosmology
    ) -> Self:
        """Fits both relations to clusters along their lines of sight.

        Args:
            clusters: others than those that are weighed, so that r does not contain their scatter.
            tables: of the clusters' pressure.
            cosmology: E(z), h and distances.
        """
        m500c_msun = np.array([cluster.m500c_msun for cluster in clusters])
        redshift = np.array([cluster.redshift for cluster in clusters])
        own, light_cone = np.array([cluster.y500_arcmin2(tables) for cluster in clusters]).T
        relations: dict[str, ScalingRelation] = {}
        metrics: dict[str, float] = {}
        for name, y500_arcmin2 in (("y500_cyl", own), ("y500_light_cone", light_cone)):
            relation = fitted_relation(m500c_msun, redshift, y500_arcmin2, cosmology)
            mean_arcmin2 = relation_y500_arcmin2(m500c_msun, redshift, relation, cosmology)
            relations[name] = relation
            metrics |= {
                f"alpha_{name}": relation.alpha,
                f"log10_b_{name}": relation.log10_b,
                f"scatter_ln_{name}": float(np.std(np.log(y500_arcmin2 / mean_arcmin2))),
            }
        return cls(relations["y500_cyl"], metrics)


def mass_factors(
    store: MapStore, relation: ScalingRelation, microwave: Microwave
) -> tuple[np.ndarray, np.ndarray]:
    """True M200c and r of each cluster of a store, `(clusters,)`.

    Args:
        store: the clusters' maps.
        relation: G, between mass and the clusters' own Y. Unrelated haloes only add to a map's mean
            level on average, which the estimators do not use.
        microwave: of the Arnaud clusters.
    """
    first = np.flatnonzero(store.read("realisation") == 0)
    m200c_msun, m500c_msun, redshift = (
        store.read(name, first) for name in ("m200c_msun", "m500c_msun", "redshift")
    )
    mean_arcmin2 = relation_y500_arcmin2(m500c_msun, redshift, relation, Cosmology.of(microwave))
    return m200c_msun, m200c_msun / arnaud_m200c_msun(mean_arcmin2, microwave)
