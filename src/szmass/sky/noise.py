"""Instrumental noise."""

from __future__ import annotations

from szmass.units import ARCMIN_RAD


def white_noise_uk_per_pixel(noise_uk_arcmin: float, pixel_arcmin: float) -> float:
    """Standard deviation of a pixel of side d, noise / d.

    Example:
        >>> white_noise_uk_per_pixel(noise_uk_arcmin=5.0, pixel_arcmin=0.25)
        20.0
    """
    return noise_uk_arcmin / pixel_arcmin


def white_noise_cl_uk2(noise_uk_arcmin: float) -> float:
    """Power C_l in uK^2 sr of white noise, the same at every multipole.

    Example:
        >>> f"{white_noise_cl_uk2(noise_uk_arcmin=5.0):.2e}"  # (5 pi / 10800)^2
        '2.12e-06'
    """
    return (noise_uk_arcmin * ARCMIN_RAD) ** 2
