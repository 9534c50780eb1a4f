"""Closed forms that the tests compare with, kept as code."""

from __future__ import annotations

import numpy as np
from scipy.special import beta as beta_function
from scipy.special import eval_legendre

from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA


def band_limited_white_covariance(
    power: float, lmax: int, separation_arcmin: np.ndarray
) -> np.ndarray:
    """C(theta) of a spectrum that is `power` up to `lmax` and 0 beyond.

    sum_{l <= L} (2 l + 1) P_l(x) = (L + 1) [P_L(x) - P_{L+1}(x)] / (1 - x), and (L + 1)^2 at x = 1
    (Christoffel and Darboux).
    """
    x = np.cos(np.asarray(separation_arcmin) * ARCMIN_RAD)
    difference = eval_legendre(lmax, x) - eval_legendre(lmax + 1, x)
    # 1 - cos(t) = 2 sin^2(t / 2), without the cancellation
    gap = 2.0 * np.sin(np.asarray(separation_arcmin) * ARCMIN_RAD / 2.0) ** 2
    with np.errstate(invalid="ignore"):
        total = np.where(gap > 0, (lmax + 1) * difference / gap, (lmax + 1.0) ** 2)
    return power / (4.0 * np.pi) * total


def beam_smoothed_white_covariance(
    power: float, fwhm_arcmin: float, separation_arcmin: np.ndarray
) -> np.ndarray:
    """C(theta) of white noise of C_l = `power` behind a Gaussian beam.

    N / (4 pi s^2) exp(-theta^2 / (4 s^2)) for beams much smaller than the sphere.
    """
    sigma_arcmin = fwhm_arcmin / FWHM_PER_SIGMA
    variance = power / (4.0 * np.pi * (sigma_arcmin * ARCMIN_RAD) ** 2)
    return variance * np.exp(-((np.asarray(separation_arcmin) / sigma_arcmin) ** 2) / 4.0)


def projected_beta_model(radius: np.ndarray, exponent: float) -> np.ndarray:
    """The line-of-sight integral of (1 + r^2)^(-exponent), radii in core radii.

    int dz (1 + R^2 + z^2)^(-e) = B(1/2, e - 1/2) (1 + R^2)^(1/2 - e).
    """
    return beta_function(0.5, exponent - 0.5) * (1.0 + np.asarray(radius) ** 2) ** (0.5 - exponent)


def square_pixel_average(wavevector: np.ndarray, side: float) -> np.ndarray:
    """The mean of cos(k . r) over a square pixel about the origin.

    Args:
        wavevector: `(..., 2)`.
        side: of the pixel.
    """
    return np.prod(np.sinc(np.asarray(wavevector) * side / (2.0 * np.pi)), axis=-1)


def gaussian_posterior_mean(
    estimate: np.ndarray, error: float, prior_mean: float, prior_sigma: float
) -> np.ndarray:
    """The posterior mean of a Gaussian measurement under a Gaussian prior."""
    trust = prior_sigma**2 / (prior_sigma**2 + error**2)
    return prior_mean + trust * (estimate - prior_mean)
