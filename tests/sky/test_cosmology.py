import numpy as np
import pytest

from szmass.sky.cosmology import Cosmology

REDSHIFT = 0.7


@pytest.fixture(scope="module")
def planck18():
    return Cosmology("planck18", "diemer15_orig")


# M500c / M200c of 5e14 Msun at z = 0.7, from colossus 1.4
@pytest.mark.parametrize(
    ("model", "ratio"),
    [
        ("diemer15_orig", 0.6772),
        ("diemer15", 0.6797),
        ("diemer19", 0.6835),
        ("duffy08", 0.6423),
    ],
)
def test_mass_conversion_follows_the_concentration_model(model, ratio):
    m500c, _ = Cosmology("planck18", model).m500c_and_r500c(np.array([5e14]), REDSHIFT)
    assert m500c[0] / 5e14 == pytest.approx(ratio, abs=6e-5)


def test_mass_conversion_inverts():
    m500c, _ = Cosmology("planck18", "diemer15_orig").m500c_and_r500c(
        np.array([7.340e14]), REDSHIFT
    )
    assert m500c[0] == pytest.approx(5e14, rel=2e-4)


def test_r500c_encloses_500_times_the_critical_density(planck18):
    m500c, r500c = planck18.m500c_and_r500c(np.array([1e14, 8e14]), REDSHIFT)
    # 2.77536627e11 h^2 Msun / Mpc^3: the critical density today
    critical = 2.77536627e11 * planck18.h**2 * planck18.e_z(REDSHIFT) ** 2
    np.testing.assert_allclose(m500c / (4 / 3 * np.pi * r500c**3), 500 * critical, rtol=1e-4)


def test_expansion_and_distance_of_flat_lcdm(planck18):
    # radiation adds 1e-4 to colossus' E(z)
    e_z = lambda z: np.sqrt(0.3111 * (1 + z) ** 3 + 1 - 0.3111)  # noqa: E731
    assert planck18.e_z(REDSHIFT) == pytest.approx(e_z(REDSHIFT), rel=3e-4)
    z = np.linspace(0, REDSHIFT, 20_001)
    comoving_mpc = 299_792.458 / (100 * planck18.h) * np.trapezoid(1 / e_z(z), z)
    distance = planck18.angular_distance_mpc(REDSHIFT)
    assert distance == pytest.approx(comoving_mpc / (1 + REDSHIFT), rel=3e-4)
    assert planck18.h70 == pytest.approx(0.6766 / 0.7)


def test_scale_radius_is_that_of_the_concentration(planck18):
    m200c = np.array([5e14])
    critical = 2.77536627e11 * planck18.h**2 * planck18.e_z(REDSHIFT) ** 2
    r200c_mpc = (m200c / (4 / 3 * np.pi * 200 * critical)) ** (1 / 3)
    c200c = r200c_mpc / planck18.nfw_scale_radius_mpc(m200c, REDSHIFT)
    assert c200c[0] == pytest.approx(3.617, abs=1e-3)


def test_shapes_are_kept(planck18):
    masses = np.full((2, 3), 5e14)
    for array in (
        *planck18.m500c_and_r500c(masses, 0.7),
        planck18.nfw_scale_radius_mpc(masses, 0.7),
    ):
        assert array.shape == (2, 3)
        assert np.ptp(array) == 0


@pytest.mark.parametrize(
    ("name", "model", "wrong"),
    [("planck81", "diemer15", "planck81"), ("planck18", "diemer51", "diemer51")],
)
def test_unknown_names_are_refused_with_what_there_is(name, model, wrong):
    with pytest.raises(ValueError, match=f"unknown .*{wrong}.* (planck18|diemer15)"):
        Cosmology(name, model)


def test_two_cosmologies_live_side_by_side(planck18):
    before = planck18.m500c_and_r500c(np.array([5e14]), 0.7)[0][0]
    other = Cosmology("WMAP5", "diemer15_orig")
    assert other.m500c_and_r500c(np.array([5e14]), 0.7)[0][0] != before
    assert planck18.m500c_and_r500c(np.array([5e14]), 0.7)[0][0] == before


def test_arrays_of_redshifts_give_arrays(planck18):
    redshifts = np.array([0.1, 0.7])
    for function in (planck18.e_z, planck18.angular_distance_mpc):
        np.testing.assert_allclose(function(redshifts), [function(0.1), function(0.7)], rtol=1e-12)


def test_halo_density_falls_and_integrates_to_a_share_of_all_matter(planck18):
    masses = np.geomspace(1e10, 1e16, 200)
    density = planck18.halo_density_mpc3(masses, 0.0)
    assert (np.diff(density) < 0).all()
    # the mean matter density, of which haloes of Tinker et al. above 1e10 Msun hold a part
    mean_msun_mpc3 = 2.77536627e11 * planck18.h**2 * 0.3111
    share = np.trapezoid(density * masses, np.log(masses)) / mean_msun_mpc3
    assert 0.2 < share < 0.6
