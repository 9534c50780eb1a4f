"""The factor between two relations of mass and Y, and the published one for Magneticum."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from szmass.microwave.hydro.clusters import HydroUniverse, SzImages
from szmass.microwave.hydro.mass_factor import (
    MeanRelations,
    arnaud_m200c_msun,
    arnaud_y500_arcmin2,
    fitted_relation,
    relation_y500_arcmin2,
)
from szmass.params import Params
from szmass.sky.clusters.haloes import mass_quantiles_msun
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2

MASSES_MSUN = np.geomspace(1e14, 9e14, 20)


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.microwave)


def test_the_mass_of_an_arnaud_cluster_is_its_own(params):
    y500_arcmin2 = arnaud_y500_arcmin2(MASSES_MSUN, params.microwave)
    masses = arnaud_m200c_msun(y500_arcmin2, params.microwave)
    np.testing.assert_allclose(masses, MASSES_MSUN, rtol=1e-4)


def test_y_of_arnaud_clusters_is_the_published_one(params, cosmology):
    """Arnaud et al. 2010, Eq. 25, where the profile's shape does not depend on mass."""
    pressure = replace(params.microwave.pressure, alpha_p_of_radius=False)
    microwave = replace(params.microwave, pressure=pressure)
    m500c_msun, _ = cosmology.m500c_and_r500c(MASSES_MSUN, microwave.redshift)
    # p0 is times h70^(-3/2), the other 1 / h70 is the equation's own
    factor = 2.925e-5 * GnfwPressure(**asdict(pressure)).cylinder_integral(1.0)
    factor *= cosmology.e_z(microwave.redshift) ** (2 / 3) / cosmology.h70**2.5
    expected_mpc2 = factor * (m500c_msun * cosmology.h70 / 3e14) ** (5 / 3 + 0.12)
    scale = mpc2_per_arcmin2(np.asarray(microwave.redshift), cosmology)
    found_mpc2 = arnaud_y500_arcmin2(MASSES_MSUN, microwave) * scale
    np.testing.assert_allclose(found_mpc2, expected_mpc2, rtol=1e-3)


def test_a_fit_gives_back_the_relation(cosmology):
    relation = ScalingRelation(alpha=1.7, log10_b=-0.3)
    redshift = np.linspace(0.67, 0.73, 20)
    y500_arcmin2 = relation_y500_arcmin2(MASSES_MSUN, redshift, relation, cosmology)
    fitted = fitted_relation(MASSES_MSUN, redshift, y500_arcmin2, cosmology)
    assert fitted.alpha == pytest.approx(1.7, abs=1e-9)
    assert fitted.log10_b == pytest.approx(-0.3, abs=1e-9)


def test_the_factor_of_magneticum_is_the_published_1_287(params, cosmology):
    gas = params.baryon_models["magneticum"]
    low, high = (mass * 1e14 for mass in params.hydro.masses_1e14)
    m200c_msun = mass_quantiles_msun(
        (np.arange(95) + 0.5) / 95, redshift=0.7, range_msun=(low, high), cosmology=cosmology
    )
    m500c_msun, _ = cosmology.m500c_and_r500c(m200c_msun, 0.7)
    redshift = np.full(95, 0.7)
    relation = ScalingRelation.of(gas)
    mean_arcmin2 = relation_y500_arcmin2(m500c_msun, redshift, relation, cosmology)
    factor = m200c_msun / arnaud_m200c_msun(mean_arcmin2, params.microwave)
    assert factor.mean() == pytest.approx(1.287, abs=0.01)
    # 1.7 % in the paper
    assert factor.std() / factor.mean() < 0.02


def test_other_clusters_give_back_the_relation_that_was_put_in(params, cosmology):
    """Y within R500 over all directions has the relation; on one line of sight it scatters."""
    gas = params.baryon_models["magneticum"]
    universe = HydroUniverse(params.hydro, gas, params.morphology, cosmology)
    side_arcmin = SzImages(universe.tables, params.microwave).side_arcmin
    numbers = range(params.hydro.clusters, params.hydro.clusters + 400)
    clusters = [universe.draw(params.seed, number, side_arcmin) for number in numbers]
    found = MeanRelations.fit(clusters, universe.tables, cosmology)
    scatter = found.metrics["scatter_ln_y500_cyl"]
    assert gas.sigma_lny < scatter < 1.5 * gas.sigma_lny
    m500c_msun = np.array([cluster.m500c_msun for cluster in clusters])
    redshift = np.array([cluster.redshift for cluster in clusters])
    fitted, put_in = (
        relation_y500_arcmin2(m500c_msun, redshift, relation, cosmology)
        for relation in (found.own, ScalingRelation.of(gas))
    )
    assert np.mean(np.log(fitted / put_in)) == pytest.approx(0, abs=4 * scatter / np.sqrt(400))
