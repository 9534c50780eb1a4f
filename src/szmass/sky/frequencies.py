"""How the sky's components change with frequency: power between the bands of a survey."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from szmass.sky.spectra import cl_from_dl
from szmass.units import (
    ARCMIN_RAD,
    BOLTZMANN_J_K,
    ELECTRON_REST_KEV,
    LIGHT_M_S,
    MJY_W_M2_HZ,
    PLANCK_J_S,
    T_CMB_K,
    sz_temperature_uk,
)

TABLE_GHZ = 150.0
"""Frequency of the spectra that are scaled."""
DUST_K = 20.0
POISSON_BETA, CLUSTERED_BETA = 1.428, 2.31
"""Emissivity indices of dusty galaxies, Poisson and clustered: those with which SPT's forecasts
scale George et al. 2015's spectra (arXiv 1408.3161), 1.505 - 0.077 and 2.51 - 0.2."""
RADIO_INDEX = -0.9
"""Of the flux of radio galaxies against frequency; George et al. 2015."""


def _x(frequency_ghz: float, temperature_k: float) -> float:
    return PLANCK_J_S * frequency_ghz * 1e9 / (BOLTZMANN_J_K * temperature_k)


def _flux_per_uk(frequency_ghz: float) -> float:
    """dB/dT of the CMB up to a factor."""
    x = _x(frequency_ghz, T_CMB_K)
    return float(x**4 * np.exp(x) / np.expm1(x) ** 2)


def temperature_of_flux_uk(frequency_ghz: float) -> float:
    """Returns the temperature in uK_CMB of a flux of 1 mJy that is spread over 1 arcmin^2.

    1 / (dB/dT) with dB/dT = 2 k^3 T^2 / (h c)^2 x^4 e^x / (e^x - 1)^2, x = h nu / (k T).

    Example:
        A source of 10 mJy at 150 GHz in a beam of 1.13 arcmin^2, as of 1 arcmin (FWHM), in uK:

        >>> round(10.0 * temperature_of_flux_uk(150.0) / 1.13)
        262
    """
    scale = 2.0 * BOLTZMANN_J_K**3 * T_CMB_K**2 / (PLANCK_J_S * LIGHT_M_S) ** 2
    w_m2_hz_sr_k = scale * _flux_per_uk(frequency_ghz)
    return float(MJY_W_M2_HZ / ARCMIN_RAD**2 / w_m2_hz_sr_k * 1e6)


def greybody(frequency_ghz: float, beta: float, temperature_k: float = DUST_K) -> float:
    """Temperature of dust over that at `TABLE_GHZ`, nu^beta B_nu(T) / (dB/dT of the CMB).

    Example:
        Dusty galaxies are 2.8 times brighter at 220 GHz, and 0.4 times at 95:

        >>> [round(greybody(ghz, POISSON_BETA), 2) for ghz in (95.0, 150.0, 220.0)]
        [0.4, 1.0, 2.8]
    """

    def flux(ghz: float) -> float:
        return float(ghz ** (3.0 + beta) / np.expm1(_x(ghz, temperature_k)))

    of_flux = flux(frequency_ghz) / flux(TABLE_GHZ)
    return of_flux * _flux_per_uk(TABLE_GHZ) / _flux_per_uk(frequency_ghz)


def radio(frequency_ghz: float) -> float:
    """Temperature of radio galaxies over that at `TABLE_GHZ`.

    Example:
        >>> [round(radio(ghz), 2) for ghz in (95.0, 150.0, 220.0)]
        [2.72, 1.0, 0.58]
    """
    of_flux = (frequency_ghz / TABLE_GHZ) ** RADIO_INDEX
    return float(of_flux * _flux_per_uk(TABLE_GHZ) / _flux_per_uk(frequency_ghz))


def tsz(frequency_ghz: float) -> float:
    """Temperature of the thermal SZ effect over that at `TABLE_GHZ`."""
    return sz_temperature_uk(frequency_ghz) / sz_temperature_uk(TABLE_GHZ)


def hot_sz_temperature_uk(frequency_ghz: float, temperature_kev: float) -> float:
    """Returns dT / y in uK_CMB of gas of a temperature, with the first relativistic correction.

    dT / T = y (X - 4 + theta Y1) with theta = k T_e / (m_e c^2), x = h nu / (k T_CMB),
    X = x coth(x / 2), S = x / sinh(x / 2) and
    Y1 = -10 + 47 X / 2 - 42 X^2 / 5 + 7 X^3 / 10 + S^2 (-21 / 5 + 7 X / 5)
    (Itoh, Kohyama & Nozawa 1998, arXiv astro-ph/9712289).

    Example:
        At 150 GHz gas of 8 keV has 6 % less signal than cold gas:

        >>> round(hot_sz_temperature_uk(150.0, 8.0) / hot_sz_temperature_uk(150.0, 0.0), 3)
        0.941
    """
    x = _x(frequency_ghz, T_CMB_K)
    big_x, s_squared = x / np.tanh(x / 2.0), (x / np.sinh(x / 2.0)) ** 2
    y1 = -10.0 + 23.5 * big_x - 8.4 * big_x**2 + 0.7 * big_x**3
    y1 += s_squared * (-4.2 + 1.4 * big_x)
    theta = temperature_kev / ELECTRON_REST_KEV
    return sz_temperature_uk(frequency_ghz) + float(T_CMB_K * 1e6 * theta * y1)


SCALINGS: Mapping[str, Callable[[float], float]] = {
    "cmb": lambda _: 1.0,
    "ksz": lambda _: 1.0,
    "tsz": tsz,
    "radio": radio,
    "dsfg_poisson": lambda ghz: greybody(ghz, POISSON_BETA),
    "dsfg_clustered": lambda ghz: greybody(ghz, CLUSTERED_BETA),
}
"""Of components whose maps in two bands differ by a factor alone."""
TSZ_CIB = "tsz_cib"


def between_bands_cl_uk2(
    dl_uk2: Mapping[str, np.ndarray], frequencies_ghz: list[float]
) -> np.ndarray:
    """Auto and cross spectra of the sky's temperature at some frequencies.

    A component's power between bands a and b is that at `TABLE_GHZ` times f_a f_b. The one between
    tSZ and dusty galaxies is that times (f_a g_b + g_a f_b) / 2, of tSZ f and clustered galaxies g.

    Args:
        dl_uk2: D_l in uK^2 of components at `TABLE_GHZ`, from l = 0; those that are missing count
            as 0, as Galactic cirrus does.
        frequencies_ghz: of the bands.

    Returns:
        C_l in uK^2 sr, `(bands, bands, lmax + 1)`.
    """
    length = len(next(iter(dl_uk2.values())))
    total = np.zeros((len(frequencies_ghz), len(frequencies_ghz), length))
    for name, scaling in SCALINGS.items():
        if name in dl_uk2:
            f = np.array([scaling(ghz) for ghz in frequencies_ghz])
            total += np.outer(f, f)[..., None] * cl_from_dl(dl_uk2[name])
    if TSZ_CIB in dl_uk2:
        f = np.array([tsz(ghz) for ghz in frequencies_ghz])
        g = np.array([greybody(ghz, CLUSTERED_BETA) for ghz in frequencies_ghz])
        both = (np.outer(f, g) + np.outer(g, f)) / 2.0
        total += both[..., None] * cl_from_dl(dl_uk2[TSZ_CIB])
    return total
