"""What the matched filter claims of its amplitude is the scatter that it has, and the closed form.

Noise of a periodic grid is exactly what the filter takes noise for, so there the errors agree; a
cutout of a larger sky is not periodic, and there the test says by how much the claim is off.
"""

from __future__ import annotations

import numpy as np
import pytest

from szmass.compton.masses.matched_filter import (
    MASS_AXIS_MSUN,
    THETA500_ARCMIN,
    MatchedFilter,
    unit_images,
)
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
from szmass.sky.cosmology import Cosmology
from szmass.sky.fields import GaussianPatch, pixel_covariance
from szmass.sky.grid import PixelGrid, gaussian_beam
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.units import ARCMIN_RAD

GRID = PixelGrid(pixels=32, pixel_arcmin=1.7)
BEAM_ARCMIN = 10.0
NOISE_Y = 1e-6
MAPS = 4000
ANGLES = [int(np.argmin(np.abs(THETA500_ARCMIN - theta))) for theta in (1.0, 4.0, 8.0)]
"""Nodes of theta500 whose images the cutout holds."""
REDSHIFT = 0.3
RELATION = ScalingRelation(alpha=1.63, log10_b=-0.19)
COSMOLOGY = Cosmology("multidark-planck", "diemer15_orig")


def matched_filter(noise_y: np.ndarray) -> MatchedFilter:
    return MatchedFilter(
        noise_y,
        grid=GRID,
        beam_fwhm_arcmin=BEAM_ARCMIN,
        pressure=UNIVERSAL_PRESSURE,
        relation=RELATION,
        cosmology=COSMOLOGY,
    )


def wave_numbers() -> np.ndarray:
    """Distance of each mode of the grid from zero, in steps, `(pixels, pixels)`."""
    step = np.fft.fftfreq(GRID.pixels, 1.0 / GRID.pixels)
    return np.hypot(step[:, None], step[None, :])


def periodic_power() -> np.ndarray:
    """E |F(k)|^2 of the noise, red as Planck's and the same for all modes of a ring."""
    return NOISE_Y**2 * GRID.pixels**2 / (1.0 + np.rint(wave_numbers()) / 4.0) ** 2


def periodic_noise(maps: int, seed: int) -> np.ndarray:
    white = np.random.default_rng(seed).standard_normal((maps, GRID.pixels, GRID.pixels))
    modes = np.fft.fft2(white) / GRID.pixels
    return np.fft.ifft2(modes * np.sqrt(periodic_power())).real


@pytest.fixture(scope="module")
def periodic_filter() -> MatchedFilter:
    return matched_filter(periodic_noise(500, seed=1))


def test_the_claimed_error_is_the_scatter_on_noise_alone(periodic_filter):
    amplitude, error = periodic_filter.amplitude_arcmin2(periodic_noise(MAPS, seed=2))
    ratio = amplitude[:, ANGLES].std(axis=0) / error[ANGLES]
    # a standard deviation of n values is known to 1 / sqrt(2 n), 1.1 %; the power to 1 %
    assert ratio == pytest.approx(np.ones(len(ANGLES)), abs=4 * 0.015)
    assert np.abs(amplitude[:, ANGLES].mean(axis=0) / error[ANGLES]).max() < 4 / np.sqrt(MAPS)


def test_the_claimed_error_is_that_of_the_exact_covariance(periodic_filter):
    """(T^T C^-1 T)^(-1/2) with every pixel's covariance, and a mean level that is not known."""
    power = periodic_power()
    power[0, 0] *= 1e8
    of_first_pixel = np.fft.ifft2(power).real / GRID.pixels**2
    y, x = np.divmod(np.arange(GRID.pixels**2), GRID.pixels)
    covariance = of_first_pixel[
        (y[:, None] - y[None, :]) % GRID.pixels, (x[:, None] - x[None, :]) % GRID.pixels
    ]
    images = unit_images(THETA500_ARCMIN[ANGLES], GRID, BEAM_ARCMIN, UNIVERSAL_PRESSURE)
    images = images.reshape(len(ANGLES), -1)
    weighed = np.linalg.solve(covariance, images.T).T
    exact = np.sum(images * weighed, axis=1) ** -0.5
    _, error = periodic_filter.amplitude_arcmin2(np.zeros((1, GRID.pixels, GRID.pixels)))
    assert error[ANGLES] == pytest.approx(exact, rel=0.03)


def test_the_likelihood_is_that_of_the_amplitude(periodic_filter):
    """At the mass of a map without noise ln L is (Y / error)^2 / 2, and no mass has more."""
    node = ANGLES[1]
    image = unit_images(THETA500_ARCMIN[[node]], GRID, BEAM_ARCMIN, UNIVERSAL_PRESSURE)[0]
    _, error = periodic_filter.amplitude_arcmin2(image[None])
    theta500 = COSMOLOGY.theta500_arcmin(MASS_AXIS_MSUN, np.full(len(MASS_AXIS_MSUN), REDSHIFT))
    nearest = int(np.argmin(np.abs(theta500 - THETA500_ARCMIN[node])))
    mass, z = MASS_AXIS_MSUN[[nearest]], np.array([REDSHIFT])
    y_arcmin2 = (y_cyl_mpc2(mass, z, RELATION, COSMOLOGY) / mpc2_per_arcmin2(z, COSMOLOGY))[0]
    ln_likelihood = periodic_filter.ln_likelihood(y_arcmin2 * image[None], z)[0]
    signal_to_noise = y_arcmin2 / error[node]
    assert ln_likelihood[nearest] == pytest.approx(signal_to_noise**2 / 2, rel=0.02)
    assert int(ln_likelihood.argmax()) == pytest.approx(nearest, abs=2)


def test_on_cutouts_of_a_larger_sky_the_claim_is_right_to_a_tenth():
    ell = np.arange(4000)
    cl = gaussian_beam(ell, BEAM_ARCMIN) ** 2 * (NOISE_Y * 10 * ARCMIN_RAD) ** 2
    covariance = pixel_covariance(cl, GRID)
    patch = GaussianPatch.from_covariance(covariance, eigenvalue_cut=1e-9)
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((MAPS, len(patch.modes)), dtype=np.float32)
    maps = patch.synthesise(draws).reshape(MAPS, GRID.pixels, GRID.pixels)
    amplitude, error = matched_filter(maps[:500]).amplitude_arcmin2(maps[500:])
    ratio = amplitude[:, ANGLES].std(axis=0) / error[ANGLES]
    assert ratio == pytest.approx(np.ones(len(ANGLES)), abs=0.1)
