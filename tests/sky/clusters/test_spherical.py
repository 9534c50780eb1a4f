import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.signal import fftconvolve

from helpers.analytic import projected_beta_model
from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes
from szmass.sky.clusters.spherical import (
    Y_PER_KEV_CM3_MPC,
    ClusterImages,
    compton_y_profile,
    nfw_surface_density,
)
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid, gaussian_beam, pixel_window
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA, sz_temperature_uk

REDSHIFT = 0.7
MASSES_MSUN = np.array([1, 2, 4, 5, 8]) * 1e14
TABLE = {  # of G&R20's clusters by an independent calculation, with the model `diemer15`
    "m500c_1e14": [0.682, 1.356, 2.713, 3.399, 5.480],
    "theta500_arcmin": [1.10, 1.39, 1.75, 1.89, 2.21],
    "peak_y": [4.75e-6, 1.28e-5, 3.43e-5, 4.72e-5, 9.24e-5],
    "peak_uk": [-12.3, -33.2, -89.1, -122.6, -240.0],
    "y500_mpc2": [1.733e-6, 5.862e-6, 2.010e-5, 3.000e-5, 7.018e-5],
    "pixel_minimum_uk": [-11.69, -31.58, -85.26, -117.4, -230.7],
}


@pytest.fixture(scope="module")
def pressure(params):
    return GnfwPressure(**vars(params.microwave.pressure))


@pytest.fixture(scope="module")
def diemer15():
    return Cosmology("planck18", "diemer15")


def observed_profile(
    masses_msun, radius_arcmin, *, cosmology, pressure, fwhm_arcmin=1.0, pixel_arcmin=0.25
):
    nodes, weights = np.polynomial.legendre.leggauss(800)
    ell = (nodes + 1) * 25_000
    return compton_y_profile(
        np.asarray(masses_msun),
        np.asarray(radius_arcmin),
        redshift=REDSHIFT,
        cosmology=cosmology,
        pressure=pressure,
        ell=ell,
        ell_weight=weights * 25_000,
        transfer=gaussian_beam(ell, fwhm_arcmin) * pixel_window(ell, pixel_arcmin),
    )


def test_sanity_table_of_masses(diemer15, pressure):
    m500c, r500c = diemer15.m500c_and_r500c(MASSES_MSUN, REDSHIFT)
    np.testing.assert_allclose(m500c / 1e14, TABLE["m500c_1e14"], atol=5.1e-4)
    theta500 = r500c / diemer15.angular_distance_mpc(REDSHIFT) / ARCMIN_RAD
    np.testing.assert_allclose(theta500, TABLE["theta500_arcmin"], atol=5.1e-3)
    x, weights = radial_nodes(1.0)
    shells = pressure.electron_pressure_kev_cm3(
        x, m500c[:, None], e_z=diemer15.e_z(REDSHIFT), h70=diemer15.h70
    )
    y500_mpc2 = Y_PER_KEV_CM3_MPC * r500c**3 * (shells @ (weights * 4 * np.pi * x**2))
    np.testing.assert_allclose(y500_mpc2, TABLE["y500_mpc2"], rtol=4e-4)


def test_sanity_table_of_peaks(diemer15, pressure):
    peak_y = observed_profile(
        MASSES_MSUN, [0.0], cosmology=diemer15, pressure=pressure, pixel_arcmin=0.0
    )[:, 0]
    # the table was made on a grid of finite pixels: 0.2 % low, and rounded
    np.testing.assert_allclose(peak_y, TABLE["peak_y"], rtol=3e-3)
    np.testing.assert_allclose(peak_y * sz_temperature_uk(150), TABLE["peak_uk"], rtol=6e-3)
    centre = PixelGrid(40, 0.25).unique_radii[0][:1]
    minimum_uk = sz_temperature_uk(150) * observed_profile(
        MASSES_MSUN, centre, cosmology=diemer15, pressure=pressure
    )
    np.testing.assert_allclose(minimum_uk[:, 0], TABLE["pixel_minimum_uk"], rtol=1.2e-3)


def test_the_published_concentration_makes_clusters_half_a_percent_fainter(diemer15, pressure):
    centre = PixelGrid(40, 0.25).unique_radii[0][:1]
    corrected, published = (
        observed_profile(MASSES_MSUN, centre, cosmology=cosmology, pressure=pressure)
        for cosmology in (diemer15, Cosmology("planck18", "diemer15_orig"))
    )
    np.testing.assert_allclose(published / corrected, 0.9948, atol=1.3e-3)


def test_projection_of_a_beta_model(diemer15):
    """(1 + (c x)^2)^(-4) is a GNFW profile, and its projection a closed form."""
    beta_model = GnfwPressure(
        p0=1.0, c500=8.0, gamma=0.0, alpha=2.0, beta=8.0,
        alpha_p=0.12, alpha_p_of_radius=False, truncation_r500=5.0,
    )  # fmt: skip
    mass = np.array([5e14])
    m500c, r500c = diemer15.m500c_and_r500c(mass, REDSHIFT)
    core_mpc = r500c[0] / 8
    core_arcmin = core_mpc / diemer15.angular_distance_mpc(REDSHIFT) / ARCMIN_RAD
    radius_cores = np.array([0.0, 0.5, 1.0, 2.0])
    # the transform falls as exp(-l * core): 1e-15 at the end
    end = 45 / (core_arcmin * ARCMIN_RAD)
    nodes, weights = np.polynomial.legendre.leggauss(800)
    profile = compton_y_profile(
        mass,
        radius_cores * core_arcmin,
        redshift=REDSHIFT,
        cosmology=diemer15,
        pressure=beta_model,
        ell=(nodes + 1) * end / 2,
        ell_weight=weights * end / 2,
        transfer=np.ones(800),
    )[0]
    central = beta_model.electron_pressure_kev_cm3(
        np.array(1e-9), m500c[0], e_z=diemer15.e_z(REDSHIFT), h70=diemer15.h70
    )
    expected = Y_PER_KEV_CM3_MPC * central * core_mpc * projected_beta_model(radius_cores, 4.0)
    np.testing.assert_allclose(profile, expected, rtol=1e-5)


def test_image_against_a_projection_and_a_convolution_on_a_fine_grid(diemer15, pressure):
    """Nothing shared with the code under test but the pressure: line of sight, beam, pixel."""
    step, oversampling = 0.05, 5
    axis = (np.arange(401) - 200) * step
    mass = np.array([4e14])
    (m500c,), (r500c,) = diemer15.m500c_and_r500c(mass, REDSHIFT)
    mpc = diemer15.angular_distance_mpc(REDSHIFT) * ARCMIN_RAD
    edge = 5 * r500c
    nodes, weights = np.polynomial.legendre.leggauss(100)

    def line_of_sight(radius_arcmin):
        radius = radius_arcmin * mpc
        if radius >= edge:
            return 0.0
        # z = radius sinh(t) resolves the cusp at any radius
        end = np.arcsinh(np.sqrt(edge**2 - radius**2) / radius)
        r = radius * np.cosh((nodes + 1) * end / 2)
        values = pressure.electron_pressure_kev_cm3(
            r / r500c, m500c, e_z=diemer15.e_z(REDSHIFT), h70=diemer15.h70
        )
        return 2 * Y_PER_KEV_CM3_MPC * np.sum(values * r * weights) * end / 2

    radii = np.geomspace(1e-3, 15, 500)
    tabulated = np.array([line_of_sight(radius) for radius in radii])
    # every fine pixel is the mean over 4 x 4 points of it; none of them is the very centre
    offsets = (np.arange(4) - 1.5) / 4 * step
    fine = np.zeros((401, 401))
    for dy in offsets:
        for dx in offsets:
            radius = np.hypot(axis[:, None] + dy, axis[None, :] + dx)
            fine += np.interp(radius, radii, tabulated) / len(offsets) ** 2
    sigma = 1.0 / FWHM_PER_SIGMA
    kernel_axis = (np.arange(121) - 60) * step
    kernel = np.exp(-(kernel_axis**2) / (2 * sigma**2))
    kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
    beamed = fftconvolve(fine, kernel, mode="same")
    # a pixel of 0.25' about each point: five fine pixels a side
    box = np.ones((oversampling, oversampling)) / oversampling**2
    pixelised = fftconvolve(beamed, box, mode="same")
    row = pixelised[200, 200:290:5]
    profile = observed_profile(mass, axis[200:290:5], cosmology=diemer15, pressure=pressure)[0]
    np.testing.assert_allclose(profile, row, atol=1e-3 * row[0])
    assert profile[0] == pytest.approx(row[0], rel=1e-3)


def test_integral_of_an_image_is_the_clusters_y(diemer15, pressure):
    """Beam and pixel move the signal and leave its sum."""
    radius = np.linspace(0, 25, 2001)
    profile = observed_profile([4e14], radius, cosmology=diemer15, pressure=pressure)[0]
    total_arcmin2 = np.trapezoid(2 * np.pi * radius * profile, radius)
    (m500c,), (r500c,) = diemer15.m500c_and_r500c(np.array([4e14]), REDSHIFT)
    x, weights = radial_nodes(5.0)
    shells = pressure.electron_pressure_kev_cm3(
        x, m500c, e_z=diemer15.e_z(REDSHIFT), h70=diemer15.h70
    )
    y_mpc2 = Y_PER_KEV_CM3_MPC * r500c**3 * np.sum(4 * np.pi * x**2 * shells * weights)
    distance = diemer15.angular_distance_mpc(REDSHIFT) * ARCMIN_RAD
    assert total_arcmin2 == pytest.approx(y_mpc2 / distance**2, rel=1e-4)


def test_images_between_tabulated_masses_are_those_of_the_integral(params, sky, pressure):
    microwave = params.microwave
    cosmology = Cosmology.of(microwave)
    masses = np.exp(np.random.default_rng(3).uniform(np.log(0.5e14), np.log(10e14), 30))
    radii, index = sky.grid.unique_radii
    direct = sz_temperature_uk(150) * observed_profile(
        masses, radii, cosmology=cosmology, pressure=pressure
    )
    difference = np.abs(sky.cluster_uk(masses).reshape(30, -1) - direct[:, index])
    assert (difference / np.abs(direct).max(axis=1, keepdims=True)).max() < 1e-6


def test_images_have_the_symmetry_of_the_square_and_their_peak_in_the_middle(sky):
    image = sky.cluster_uk(3e14)[0]
    for other in (image.T, image[::-1], image[:, ::-1]):
        np.testing.assert_array_equal(image, other)
    assert image.argmin() in (19 * 40 + 19, 19 * 40 + 20, 20 * 40 + 19, 20 * 40 + 20)


def test_amplitudes_multiply_images(sky):
    masses, factor = np.array([2e14, 5e14]), np.array([0.8, 1.5])
    np.testing.assert_allclose(
        sky.cluster_uk(masses, factor), sky.cluster_uk(masses) * factor[:, None, None], rtol=1e-14
    )


@pytest.mark.parametrize("mass_msun", [0.0, 1e12, 5e15])
def test_masses_outside_the_table_are_refused(sky, mass_msun):
    with pytest.raises(ValueError, match=re.escape(f"m200c_msun = {mass_msun:g} lies outside")):
        sky.cluster_uk(np.array([3e14, mass_msun]))


def test_profiles_that_change_sign_are_refused():
    grid = PixelGrid(4, 0.25)
    profiles = -np.ones((5, len(grid.unique_radii[0])))
    profiles[3, 1] = 1e-9
    with pytest.raises(ValueError, match=r"4e\+14 Msun is 0 or changes sign"):
        ClusterImages(grid, np.arange(1, 6) * 1e14, profiles)


def test_nfw_projection_against_the_line_of_sight():
    def projected(radius):
        value, _ = quad(
            lambda z: 1 / (np.hypot(radius, z) * (1 + np.hypot(radius, z)) ** 2), 0, np.inf
        )
        return value

    x = np.array([0.1, 0.5, 0.9, 1.0, 1.1, 2.0, 5.0])
    np.testing.assert_allclose(nfw_surface_density(x), [projected(r) for r in x], rtol=1e-6)


def test_nfw_projection_is_smooth_through_the_scale_radius():
    x = 1 + np.linspace(-3e-4, 3e-4, 61)
    np.testing.assert_allclose(
        nfw_surface_density(x),
        np.polyval(np.polyfit(x - 1, nfw_surface_density(x), 2), x - 1),
        rtol=1e-7,
    )


def test_pressure_scales_with_mass_as_its_exponent_says(pressure):
    """Without the mass-dependent exponent the profile scales as M^(2/3 + 0.12) at fixed x."""
    simple = replace(pressure, alpha_p_of_radius=False)
    x = np.array([0.3])
    ratio = simple.electron_pressure_kev_cm3(
        x, np.array([8e14]), e_z=1.0, h70=1.0
    ) / simple.electron_pressure_kev_cm3(x, np.array([1e14]), e_z=1.0, h70=1.0)
    assert ratio[0] == pytest.approx(8 ** (2 / 3 + 0.12))
