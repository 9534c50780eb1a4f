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

from dataclasses import asdict

import numpy as np

from szmass.params import Microwave
from szmass.sky.clusters import Y_PER_KEV_CM3_MPC
from szmass.sky.cosmology import Cosmology
from szmass.sky.pressure import GnfwPressure, radial_nodes
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


def mass_factors(
    store: MapStore, microwave: Microwave
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """True M200c and r of each cluster, `(clusters,)`, and metrics of r and of the Y-M relations.

    G is the clusters' own: what unrelated haloes add on average is no part of a map's signal,
    whose mean level the sky drowns.
    """
    first = np.flatnonzero(store.read("realisation") == 0)
    m200c_msun, m500c_msun, redshift = (
        store.read(name, first) for name in ("m200c_msun", "m500c_msun", "redshift")
    )
    cosmology = Cosmology.of(microwave)
    metrics: dict[str, float] = {}
    mean_arcmin2 = {}
    for name in ("y500_cyl", "y500_light_cone"):
        y500_arcmin2 = store.read(f"{name}_arcmin2", first)
        relation = fitted_relation(m500c_msun, redshift, y500_arcmin2, cosmology)
        mean_arcmin2[name] = relation_y500_arcmin2(m500c_msun, redshift, relation, cosmology)
        metrics |= {
            f"alpha_{name}": relation.alpha,
            f"log10_b_{name}": relation.log10_b,
            f"scatter_ln_{name}": float(np.std(np.log(y500_arcmin2 / mean_arcmin2[name]))),
        }
    factor = m200c_msun / arnaud_m200c_msun(mean_arcmin2["y500_cyl"], microwave)
    metrics["mass_factor_mean"] = float(factor.mean())
    return m200c_msun, factor, metrics
