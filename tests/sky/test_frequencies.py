"""Frequencies: the published power of the foregrounds at 95 and 220 GHz."""

from __future__ import annotations

import numpy as np
import pytest

from szmass.sky.frequencies import TABLE_GHZ, between_bands_cl_uk2, hot_sz_temperature_uk
from szmass.sky.spectra import cl_from_dl
from szmass.units import BOLTZMANN_J_K, ELECTRON_REST_KEV, PLANCK_J_S, T_CMB_K

# D_3000 in uK^2 of George et al. 2015 (arXiv 1408.3161) at 150, 95 and 220 GHz
GEORGE_2015 = {
    "tsz": (3.244, 9.10, 0.0),
    "dsfg_poisson": (9.415, 1.41, 68.1),
    "dsfg_clustered": (3.367, 0.20, 50.5),
    "radio": (1.005, 8.04, 0.34),
    "ksz": (2.963, 2.963, 2.963),
}


@pytest.mark.parametrize("name", GEORGE_2015)
def test_power_at_other_frequencies_is_the_published_one(name: str) -> None:
    """Within a fifth: that of bands, whose effective frequencies differ by component."""
    at_150, *others = GEORGE_2015[name]
    dl = np.full(3001, at_150)
    cl = between_bands_cl_uk2({name: dl}, [150.0, 95.0, 220.0])
    found = [cl[band, band, 3000] / cl_from_dl(dl)[3000] * at_150 for band in range(3)]
    assert found[0] == pytest.approx(at_150)
    for value, published in zip(found[1:], others, strict=True):
        assert value == pytest.approx(published, rel=0.25, abs=0.02)


def test_maps_of_one_component_are_proportional() -> None:
    cl = between_bands_cl_uk2({"radio": np.ones(100)}, [95.0, 220.0])[..., 50]
    assert np.linalg.det(cl) == pytest.approx(0.0, abs=1e-12)


def test_sz_and_dust_cancel_below_217_ghz_and_add_above() -> None:
    cl = between_bands_cl_uk2({"tsz_cib": -np.ones(100)}, [TABLE_GHZ, 280.0])[..., 50]
    assert cl[0, 0] < 0.0 < cl[1, 1]


@pytest.mark.parametrize("theta", [0.002, 0.005])
def test_the_null_of_hot_gas_is_where_it_is_published(theta: float) -> None:
    """x_0 = 3.830 (1 + 1.1674 theta - 0.8533 theta^2), Itoh et al. 1998; to first order here."""
    ghz = np.linspace(215.0, 225.0, 10_001)
    signal = [hot_sz_temperature_uk(nu, theta * ELECTRON_REST_KEV) for nu in ghz]
    x_0 = PLANCK_J_S * np.interp(0.0, signal, ghz) * 1e9 / (BOLTZMANN_J_K * T_CMB_K)
    assert x_0 == pytest.approx(3.830 * (1.0 + 1.1674 * theta - 0.8533 * theta**2), rel=2e-4)
