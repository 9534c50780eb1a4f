import numpy as np
import pytest

from szmass.sky.spectra import COMPONENTS, FOREGROUND_SLOPES, cl_from_dl, foregrounds_dl_uk2

# CAMB 2.0 with the best fit of Planck 2018, and the published best fit of George+2015 at 150 GHz
CMB_DL_UK2 = {220: 5727.1, 1000: 1062.44, 2000: 231.51, 3000: 28.215, 4000: 3.900}
FOREGROUNDS_DL_UK2 = {
    "dsfg_poisson": [1.05, 4.19, 9.415, 26.15, 104.6],
    "dsfg_clustered": [1.40, 2.43, 3.367, 5.07, 8.82],
    "tsz": [2.38, 3.15, 3.244, 2.85, 1.68],
    "ksz": [2.26, 2.72, 2.963, 2.74, 2.44],
    "radio": [0.112, 0.447, 1.005, 2.79, 11.17],
    "tsz_cib": [-0.49, -0.93, -1.311, -1.92, -2.81],
    "cirrus": [0.57, 0.25, 0.153, 0.08, 0.04],
}
SPOT_ELL = [1000, 2000, 3000, 5000, 10_000]


def test_lensed_cmb_is_cambs(dl_uk2):
    computed = [dl_uk2["cmb"][ell] for ell in CMB_DL_UK2]
    np.testing.assert_allclose(computed, list(CMB_DL_UK2.values()), rtol=2e-3)


def test_cmb_goes_on_beyond_camb(dl_uk2, params):
    last = params.spectra.camb_lmax
    cmb = dl_uk2["cmb"]
    assert cmb[last + 1] == pytest.approx(cmb[last], rel=0.02)
    # a power law, with about the slope before it
    slopes = [
        np.log(cmb[b] / cmb[a]) / np.log(b / a)
        for a, b in ((last - 800, last), (last + 1, last + 1000), (last + 1, len(cmb) - 1))
    ]
    assert slopes[1] == pytest.approx(slopes[2], abs=1e-9)
    assert slopes[0] == pytest.approx(slopes[1], abs=0.2)
    assert (cmb[2:] > 0).all()
    assert (np.diff(cmb[last + 1 :]) < 0).all()
    # so far down that the continuation cannot matter
    total = np.sum(list(dl_uk2.values()), axis=0)
    assert cmb[last] < 5e-3 * total[last]


@pytest.mark.parametrize("name", FOREGROUNDS_DL_UK2)
def test_foregrounds_are_those_of_george2015(dl_uk2, name):
    # half a unit of the last digit of the published values
    np.testing.assert_allclose(
        dl_uk2[name][SPOT_ELL], FOREGROUNDS_DL_UK2[name], rtol=2e-3, atol=5.1e-3
    )
    at_3000 = FOREGROUNDS_DL_UK2[name][2]
    assert dl_uk2[name][3000] == pytest.approx(at_3000, rel=2e-3, abs=5e-4)


def test_tsz_cib_correlation_is_that_of_george2015(dl_uk2):
    ell = np.array(SPOT_ELL)
    dust = dl_uk2["dsfg_poisson"][ell] + dl_uk2["dsfg_clustered"][ell]
    xi = -dl_uk2["tsz_cib"][ell] / (2 * np.sqrt(dl_uk2["tsz"][ell] * dust))
    np.testing.assert_allclose(xi, 0.1018, atol=1e-4)


@pytest.mark.parametrize(("name", "slope"), FOREGROUND_SLOPES.items())
def test_foregrounds_are_power_laws_beyond_the_table(dl_uk2, name, slope):
    dl = dl_uk2[name]
    assert np.log(dl[19_000] / dl[12_000]) / np.log(19 / 12) == pytest.approx(slope, abs=1e-12)
    assert dl[12_001] == pytest.approx(dl[12_000], rel=3 / 12_000)


def test_every_component_has_every_multipole(dl_uk2, params):
    assert tuple(dl_uk2) == COMPONENTS
    assert {len(dl) for dl in dl_uk2.values()} == {params.spectra.lmax + 1}


def test_a_table_may_end_beyond_lmax():
    table = {name: np.arange(10.0, 21.0) for name in FOREGROUND_SLOPES}
    dl = foregrounds_dl_uk2(np.arange(10, 21), table, lmax=15)["tsz"]
    np.testing.assert_array_equal(dl, [0.0] * 10 + [10, 11, 12, 13, 14, 15])


def test_cl_from_dl():
    ell = np.arange(50)
    np.testing.assert_allclose(cl_from_dl(ell * (ell + 1.0))[1:], 2 * np.pi)
    assert cl_from_dl(np.ones(5))[0] == 0
