"""Power spectra of the 150 GHz sky: CAMB's lensed CMB and the foregrounds of George+2015."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from szmass.units import T_CMB_K

FOREGROUND_SLOPES: Mapping[str, float] = {
    "dsfg_poisson": 2.0,
    "dsfg_clustered": 0.8,
    "radio": 2.0,
    "tsz": 0.0,
    "ksz": 0.0,
    "tsz_cib": 0.0,
    "cirrus": 0.0,
}
"""Components of George+2015 (arXiv 1408.3161), and the slope of D_l beyond their table's end."""

COMPONENTS = ("cmb", *FOREGROUND_SLOPES)


@dataclass(frozen=True)
class CmbCosmology:
    """Parameters of CAMB, in the notation of Planck 2018 (arXiv 1807.06209)."""

    h0_km_s_mpc: float
    ombh2: float
    omch2: float
    mnu_ev: float
    tau: float
    a_s: float
    n_s: float
    y_he: float
    lens_potential_accuracy: float
    """CAMB's setting of this name; at 4, D_4000 has converged to 0.1 %."""


def lensed_cmb_dl_uk2(cosmology: CmbCosmology, *, lmax: int, camb_lmax: int) -> np.ndarray:
    """Lensed CMB temperature spectrum D_l = l (l + 1) C_l / (2 pi) in uK^2, l = 0 ... lmax.

    CAMB computes D_l up to `camb_lmax`. Beyond, it is a power law with the slope of the last tenth;
    at l = 8000 the CMB is 2e-3 of the foregrounds.

    Args:
        cosmology: parameters of CAMB.
        lmax: last multipole that is returned.
        camb_lmax: last multipole that CAMB computes.

    Returns:
        Shape `(lmax + 1,)`; the monopole and dipole are 0.
    """
    import camb

    settings = camb.set_params(
        H0=cosmology.h0_km_s_mpc,
        ombh2=cosmology.ombh2,
        omch2=cosmology.omch2,
        mnu=cosmology.mnu_ev,
        num_massive_neutrinos=1,
        tau=cosmology.tau,
        As=cosmology.a_s,
        ns=cosmology.n_s,
        YHe=cosmology.y_he,
        TCMB=T_CMB_K,
        pivot_scalar=0.05,
        lmax=camb_lmax,
        lens_potential_accuracy=cosmology.lens_potential_accuracy,
        WantTensors=False,
    )
    # handed the settings here too, CAMB would solve for everything a second time
    spectra = camb.get_results(settings).get_cmb_power_spectra(
        spectra=["lensed_scalar"], CMB_unit="muK", lmax=camb_lmax
    )
    dl = np.zeros(lmax + 1)
    computed = min(lmax, camb_lmax) + 1
    dl[:computed] = spectra["lensed_scalar"][:computed, 0]
    dl[:2] = 0.0
    if lmax >= computed:
        ell = np.arange(lmax + 1.0)
        fit = slice(int(0.9 * camb_lmax), computed)
        slope, offset = np.polyfit(np.log(ell[fit]), np.log(dl[fit]), 1)
        dl[computed:] = np.exp(offset + slope * np.log(ell[computed:]))
    return dl


def foregrounds_dl_uk2(
    table_ell: np.ndarray, table: Mapping[str, np.ndarray], *, lmax: int
) -> dict[str, np.ndarray]:
    """Extends tabulated foregrounds to every multipole from 0 to `lmax`.

    Below the table's first multipole a component is 0 (the CMB is 1e3 times larger there); beyond
    its last one D_l is a power law with the slope in `FOREGROUND_SLOPES`.

    Args:
        table_ell: consecutive multipoles of the table.
        table: D_l in uK^2 by component, each of the length of `table_ell`.
        lmax: last multipole that is returned.

    Returns:
        D_l in uK^2 by component, each of shape `(lmax + 1,)`.

    Example:
        A table of D_l = 5 uK^2 at l = 2 and 3 alone; radio sources go on as l^2:

        >>> table = {name: np.array([5.0, 5.0]) for name in FOREGROUND_SLOPES}
        >>> dl_uk2 = foregrounds_dl_uk2(np.array([2, 3]), table, lmax=6)
        >>> dl_uk2["radio"].round(2)  # 5 * (6 / 3)^2 at the end
        array([ 0.  ,  0.  ,  5.  ,  5.  ,  8.89, 13.89, 20.  ])
        >>> dl_uk2["tsz"]
        array([0., 0., 5., 5., 5., 5., 5.])
    """
    first, last = int(table_ell[0]), int(table_ell[-1])
    beyond = np.arange(last + 1, lmax + 1) / last
    extended = {}
    for name, slope in FOREGROUND_SLOPES.items():
        dl = np.concatenate([np.zeros(first), table[name], table[name][-1] * beyond**slope])
        extended[name] = dl[: lmax + 1]
    return extended


def cl_from_dl(dl: np.ndarray) -> np.ndarray:
    """C_l = 2 pi D_l / (l (l + 1)), with 0 for the monopole; `dl` begins at l = 0.

    Example:
        >>> cl_from_dl(np.array([0.0, 2.0, 6.0])).round(4)
        array([0.    , 6.2832, 6.2832])
    """
    ell = np.arange(len(dl), dtype=float)
    return np.concatenate([[0.0], 2.0 * np.pi * dl[1:] / (ell[1:] * (ell[1:] + 1.0))])
