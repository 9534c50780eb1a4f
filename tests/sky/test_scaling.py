"""Mass and Compton y: Eq. 4 of de Andres et al. 2022, and what follows from two relations."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.params import Params
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
    y_cyl_mpc2,
)


@pytest.fixture(scope="module")
def cosmology(params: Params) -> Cosmology:
    return Cosmology.of(params.compton)


@pytest.fixture(scope="module")
def gadget_x(params: Params) -> ScalingRelation:
    model = params.baryon_models["gadget_x"]
    return ScalingRelation.of(model)


def test_the_pivot_mass_has_the_amplitude(cosmology, gadget_x):
    y = y_cyl_mpc2(np.array([6e14]), np.array([0.0]), gadget_x, cosmology)
    np.testing.assert_allclose(y, 1e-4 * 10**-0.19 * (0.6777 / 0.7) ** (1.63 - 2), rtol=1e-4)


def test_the_bias_of_planck_masses_is_that_of_the_paper(cosmology, gadget_x):
    """De Andres et al. 2022, Fig. 3: what the two slopes and the factor 1.2 do to a mass."""
    true, redshift = np.array([3e14, 6e14, 10e14]), np.full(3, 0.25)
    y = y_cyl_mpc2(true, redshift, gadget_x, cosmology)
    planck = m500c_msun_from_y_cyl(y, redshift, PLANCK_RELATION, cosmology)
    np.testing.assert_allclose((true - planck) / true, [0.04, 0.10, 0.14], atol=0.01)


def test_the_factor_from_sphere_to_cylinder_is_the_universal_profiles(params):
    pressure = params.microwave.pressure
    profile = GnfwPressure(**vars(pressure))
    ratio = profile.cylinder_integral(1.0) / profile.sphere_integral(1.0)
    assert ratio == pytest.approx(PLANCK_RELATION.cylinder_over_fitted, abs=0.005)


def test_a_square_arcminute_at_the_cluster(cosmology):
    redshift = np.array([0.1, 0.5])
    side_mpc = cosmology.angular_distance_mpc(redshift) * np.pi / 180 / 60
    np.testing.assert_allclose(mpc2_per_arcmin2(redshift, cosmology), side_mpc**2)
