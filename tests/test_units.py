import numpy as np
import pytest

from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA, sz_temperature_uk


@pytest.mark.parametrize(
    ("frequency_ghz", "kelvin"), [(143, -2.8355), (145, -2.7685), (150, -2.5983)]
)
def test_temperature_per_compton_y(frequency_ghz, kelvin):
    assert sz_temperature_uk(frequency_ghz) == pytest.approx(kelvin * 1e6, abs=50)


def test_the_sz_effect_vanishes_at_217_5_ghz_and_is_positive_above():
    assert abs(sz_temperature_uk(217.5)) < 1e-3 * abs(sz_temperature_uk(150))
    assert sz_temperature_uk(250) > 0


def test_the_sz_effect_tends_to_minus_two_in_the_rayleigh_jeans_limit():
    assert sz_temperature_uk(0.01) == pytest.approx(-2 * 2.7255e6, rel=1e-6)


def test_angles():
    assert pytest.approx(np.pi) == 180 * 60 * ARCMIN_RAD
    # a Gaussian falls to a half at half of its full width at half maximum
    assert np.exp(-((FWHM_PER_SIGMA / 2) ** 2) / 2) == pytest.approx(0.5)
