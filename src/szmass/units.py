"""Physical constants (CODATA 2018, IAU 2015) and the conversions that szmass uses."""

from __future__ import annotations

import numpy as np

T_CMB_K = 2.7255  # Fixsen 2009, arXiv 0911.1955, rounded as Planck and CAMB use it
PLANCK_J_S = 6.62607015e-34
BOLTZMANN_J_K = 1.380649e-23
THOMSON_CM2 = 6.6524587321e-25
ELECTRON_REST_KEV = 510.99895
LIGHT_M_S = 299_792_458.0
MPC_CM = 3.0856775814913673e24
MJY_W_M2_HZ = 1e-29

ARCMIN_RAD = np.pi / (180.0 * 60.0)
FWHM_PER_SIGMA = np.sqrt(8.0 * np.log(2.0))
MASS_UNIT_MSUN = 1e14  # masses in params.yaml carry the suffix _1e14


def sz_temperature_uk(frequency_ghz: float) -> float:
    """Returns dT / y, the thermodynamic temperature change per Compton y, in uK_CMB.

    dT / T = y (x coth(x / 2) - 4) with x = h nu / (k T), non-relativistic
    (Sunyaev & Zel'dovich 1972).

    Example:
        A cluster dims the CMB at 150 GHz, is invisible at 217.5 GHz and shines at 353 GHz; in K:

        >>> [round(sz_temperature_uk(ghz) / 1e6, 2) + 0 for ghz in (150, 217.5, 353)]
        [-2.6, 0.0, 6.11]
    """
    x = PLANCK_J_S * frequency_ghz * 1e9 / (BOLTZMANN_J_K * T_CMB_K)
    return float(T_CMB_K * 1e6 * (x / np.tanh(x / 2.0) - 4.0))
