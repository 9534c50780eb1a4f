from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes
from szmass.sky.clusters.spherical import Y_PER_KEV_CM3_MPC
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
from szmass.sky.cosmology import Cosmology

ARNAUD2010 = GnfwPressure(
    p0=8.403, c500=1.177, gamma=0.3081, alpha=1.0510, beta=5.4905,
    alpha_p=0.12, alpha_p_of_radius=True, truncation_r500=5.0,
)  # fmt: skip


def test_the_universal_profile_is_arnauds(params):
    assert GnfwPressure(**vars(params.microwave.pressure)) == ARNAUD2010
    assert UNIVERSAL_PRESSURE == ARNAUD2010


def test_integrals_of_the_universal_profile():
    inside, cylinder, total = (
        ARNAUD2010.sphere_integral(1.0),
        ARNAUD2010.cylinder_integral(1.0),
        ARNAUD2010.sphere_integral(5.0),
    )
    assert inside == pytest.approx(0.6148, abs=5e-5)
    assert cylinder == pytest.approx(0.7402, abs=5e-5)
    assert total == pytest.approx(1.1045, abs=5e-5)
    assert inside / total == pytest.approx(0.5567, abs=5e-5)
    assert cylinder / inside == pytest.approx(1.204, abs=5e-4)
    # what Arnaud+2010 print after their Eqs. 16 and 20
    assert inside == pytest.approx(0.6145, rel=1e-3)
    assert cylinder == pytest.approx(0.7398, rel=1e-3)


def test_integrals_agree_with_adaptive_quadrature():
    def shell(u):
        return 3 * u**2 * float(ARNAUD2010.shape(u))

    sphere, _ = quad(shell, 0, 1, epsabs=1e-12)
    outside, _ = quad(lambda u: shell(u) * (1 - np.sqrt(1 - 1 / u**2)), 1, 5, epsabs=1e-12)
    assert ARNAUD2010.sphere_integral(1.0) == pytest.approx(sphere, rel=1e-9)
    assert ARNAUD2010.cylinder_integral(1.0) == pytest.approx(sphere + outside, rel=1e-8)


def test_a_cylinder_as_wide_as_the_cluster_holds_it_all():
    assert ARNAUD2010.cylinder_integral(5.0) == pytest.approx(ARNAUD2010.sphere_integral(5.0))


def test_mass_exponent_is_hasselfields_form():
    x = np.linspace(0.01, 5, 50)
    np.testing.assert_allclose(ARNAUD2010.mass_exponent(x) - 2 / 3, 0.22 / (1 + 8 * x**3))
    np.testing.assert_allclose(
        replace(ARNAUD2010, alpha_p_of_radius=False).mass_exponent(x), 2 / 3 + 0.12
    )


def test_pressure_ends_at_the_truncation():
    assert ARNAUD2010.shape(np.array([4.999, 5.0, 5.001])).astype(bool).tolist() == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("redshift", [0.0, 0.7])
def test_y_of_a_cluster_at_the_pivot_is_arnauds_relation(redshift):
    """E^(-2/3) Y(R500) = 2.925e-5 I(1) / h70 Mpc^2 at M500 = 3e14 / h70 Msun (Eqs. 20, 22)."""
    cosmology = Cosmology("planck18", "diemer15")
    e_z, h70 = cosmology.e_z(redshift), cosmology.h70
    m500c = 3e14 / h70
    critical = 2.77536627e11 * cosmology.h**2 * e_z**2
    r500c_mpc = (m500c / (4 / 3 * np.pi * 500 * critical)) ** (1 / 3)
    x, weights = radial_nodes(1.0)
    pressure = ARNAUD2010.electron_pressure_kev_cm3(x, np.array(m500c), e_z=e_z, h70=h70)
    y_mpc2 = Y_PER_KEV_CM3_MPC * r500c_mpc**3 * np.sum(4 * np.pi * x**2 * pressure * weights)
    # I has p0, and the pressure p0 h70^(-3/2)
    prefactor = y_mpc2 / (e_z ** (2 / 3) * ARNAUD2010.sphere_integral(1.0) / h70) * h70**1.5
    assert prefactor == pytest.approx(2.925e-5, rel=1e-3)


def test_nodes_integrate_a_cusp():
    x, weights = radial_nodes(2.0, 0.5)
    assert np.sum(weights * np.sqrt(x - 0.5)) == pytest.approx(1.5**1.5 * 2 / 3, rel=1e-12)
