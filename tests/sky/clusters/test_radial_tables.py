from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.radial_tables import RadialTables

CUT = 5.0
UNIVERSAL = GnfwPressure(8.403, 1.177, 0.3081, 1.0510, 5.4905, 0.12, False, CUT)
CUSPY = GnfwPressure(3.249, 1.128, 0.7736, 1.2223, 5.4905, 0.0, False, CUT)


@pytest.fixture(scope="module")
def tables():
    return RadialTables([UNIVERSAL, CUSPY])


def only(index):
    return np.eye(2)[[index]]


def shape(profile, m):
    return float(profile.shape(np.array(m)))


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("radius", [1e-3, 0.03, 0.4, 1.0, 2.7, 4.9])
def test_projection_is_the_integral_along_the_line(tables, index, radius):
    profile = (UNIVERSAL, CUSPY)[index]
    end = np.sqrt(CUT**2 - radius**2)
    expected = 2 * sum(
        quad(lambda z: shape(profile, np.hypot(radius, z)), *ends, epsrel=1e-10)[0]
        for ends in ((0, min(radius, end)), (min(radius, end), end))
    )
    found = tables.projected(np.array([[radius]]), only(index))[0, 0]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_nothing_lies_beyond_the_cut(tables):
    m = np.array([[CUT, CUT + 1e-9, 8.0]])
    np.testing.assert_array_equal(tables.projected(m, only(0)), 0.0)
    enclosed = tables.enclosed(m, only(0)) * m**2
    np.testing.assert_allclose(enclosed, enclosed[0, 0], rtol=1e-12)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("radius", [0.01, 0.3, 1.0, 3.0])
def test_enclosed_is_the_cylinder_of_the_published_integral(tables, index, radius):
    # 2 pi G = 4 pi / 3 J
    profile = (UNIVERSAL, CUSPY)[index]
    found = tables.enclosed(np.array([[radius]]), only(index))[0, 0] * radius**2
    assert found == pytest.approx(2 / 3 * profile.cylinder_integral(radius), rel=1e-5)


def test_enclosed_at_the_centre_is_half_the_central_value(tables):
    centre = np.zeros((1, 1))
    assert tables.enclosed(centre, only(0)) == pytest.approx(
        tables.projected(centre, only(0)) / 2, rel=1e-12
    )


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize("wavenumber", [0.0, 0.013, 0.5, 3.3, 17.0, 90.0])
def test_transform_is_the_spherical_bessel_integral(tables, index, wavenumber):
    profile = (UNIVERSAL, CUSPY)[index]
    step = np.pi / max(wavenumber, 1.0)
    edges = np.append(np.arange(0.0, CUT, step), CUT)
    expected = sum(
        quad(
            lambda m: 4 * np.pi * m**2 * shape(profile, m) * np.sinc(wavenumber * m / np.pi), a, b
        )[0]
        for a, b in pairwise(edges)
    )
    found = tables.transform(np.array([[wavenumber]]), only(index))[0, 0]
    total = tables.transform(np.zeros((1, 1)), only(index))[0, 0]
    assert found == pytest.approx(expected, abs=1e-5 * total)


def test_transform_at_zero_is_the_published_integral(tables):
    # I(5) of the universal profile, and that of a cylinder which holds all: Arnaud+2010, Sec. 6
    total = tables.transform(np.zeros((1, 1)), only(0))[0, 0]
    assert total * 3 / (4 * np.pi) == pytest.approx(1.1045, abs=5e-5)
    whole = 2 * np.pi * CUT**2 * tables.enclosed(np.full((1, 1), CUT), only(0))[0, 0]
    assert whole == pytest.approx(total, rel=1e-5)


def test_beyond_the_table_the_transform_is_negligible(tables):
    end, far, zero = (
        tables.transform(np.full((1, 1), k), only(1))[0, 0] for k in (199.9, 1e4, 0.0)
    )
    assert abs(end) < 1e-4 * zero
    assert abs(far) < 1e-4 * zero


def test_profiles_must_end_at_one_radius():
    with pytest.raises(ValueError, match=r"cut off at \[4.0, 5.0\]"):
        RadialTables([UNIVERSAL, replace(CUSPY, truncation_r500=4.0)])
