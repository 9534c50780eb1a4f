from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.projection import (
    Ellipsoids,
    disc_integral,
    mean_disc_integral,
    projected_y,
    random_rotation,
    transformed_y,
)
from szmass.sky.clusters.radial_tables import RadialTables

CUT = 5.0
UNIVERSAL = GnfwPressure(8.403, 1.177, 0.3081, 1.0510, 5.4905, 0.12, False, CUT)
DISTURBED = GnfwPressure(3.202, 1.083, 0.3798, 1.4063, 5.4905, 0.0, False, CUT)
SPHERE = Ellipsoids(np.array([[1.0, 0.0]]), np.zeros((1, 3)), np.eye(3)[None])


@pytest.fixture(scope="module")
def tables():
    return RadialTables([UNIVERSAL, DISTURBED])


def ellipsoids(seed=3, count=4):
    """A large component at the origin, and smaller ones about it."""
    rng = np.random.default_rng(seed)
    axes = rng.uniform(0.5, 1.2, (count, 3)) * np.array([1.0, *[0.4] * (count - 1)])[:, None]
    turned = np.array([random_rotation(rng) for _ in range(count)]) * axes[:, None]
    position = rng.uniform(-1.0, 1.0, (count, 3))
    position[0] = 0.0
    return Ellipsoids(rng.uniform(0.2, 1.0, (count, 2)), position, turned @ turned.swapaxes(1, 2))


def pressure(parts, point):
    """P at a point of space, from the definition."""
    total = 0.0
    for amplitude, position, shape in zip(
        parts.amplitude, parts.position, parts.shape, strict=True
    ):
        offset = point - position
        m = np.sqrt(offset @ np.linalg.solve(shape, offset))
        values = [float(profile.shape(np.array(m))) for profile in (UNIVERSAL, DISTURBED)]
        total += amplitude @ values
    return total


@pytest.mark.parametrize("point", [(0.05, -0.02), (0.4, 0.3), (-1.1, 0.8), (2.0, -1.5), (9.0, 0.0)])
def test_projection_of_an_ellipsoid_is_its_integral_along_the_line(tables, point):
    parts = ellipsoids(count=1)
    end = float(np.sqrt(CUT**2 * np.linalg.eigvalsh(parts.shape[0])[-1]))
    steps = np.linspace(-end, end, 41)
    expected = sum(
        quad(lambda z: pressure(parts, np.array([*point, z])), a, b, epsrel=1e-9, limit=200)[0]
        for a, b in pairwise(steps)
    )
    found = projected_y(tables, parts, *np.array(point)[:, None])[0]
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_projection_is_the_rule_of_the_inverse_matrix(tables):
    # R^2 = d^T (A_2 - a a^T / A_zz) d and a factor A_zz^(-1/2), with A = S^-1
    parts = ellipsoids(count=1)
    inverse = np.linalg.inv(parts.shape[0])
    d = np.array([0.3, -0.7])
    plane = inverse[:2, :2] - np.outer(inverse[:2, 2], inverse[:2, 2]) / inverse[2, 2]
    radius = np.array([[np.sqrt(d @ plane @ d)]])
    expected = tables.projected(radius, parts.amplitude)[0, 0] / np.sqrt(inverse[2, 2])
    assert projected_y(tables, parts, *d[:, None])[0] == pytest.approx(expected, rel=1e-12)


def test_a_sphere_has_the_published_integrals(tables):
    # I(1), J(1) and I(5) of the universal profile
    sphere = 4 * np.pi / 3
    within = [
        inside_sphere(tables, 1.0),
        disc_integral(tables, SPHERE, 1.0),
        disc_integral(tables, SPHERE, CUT),
    ]
    found = np.array(within) / sphere
    np.testing.assert_allclose(found, [0.6148, 0.7402, 1.1045], atol=5e-5)
    # as Arnaud+2010 (arXiv 0910.1234) print them
    np.testing.assert_allclose(found, [0.6145, 0.7398, 1.1037], rtol=1e-3)
    assert mean_disc_integral(tables, SPHERE, 1.0) / sphere == pytest.approx(found[1], abs=5e-5)


def inside_sphere(tables, radius):
    """What lies within a sphere, from what is seen of it in projection.

    Of the disc's integral the part in front of and behind the sphere is taken, Abel's inversion:
    4 int_r R F(R) [1 / sqrt(x^2 - 1) - arctan(1 / sqrt(x^2 - 1))] dR with x = R / r = cosh(u).
    """
    nodes, weight = np.polynomial.legendre.leggauss(400)
    end = np.arccosh(CUT / radius)
    u = (nodes + 1) / 2 * end
    seen = projected_y(tables, SPHERE, radius * np.cosh(u), np.zeros_like(u))
    height = np.sinh(u)
    outside = radius * np.cosh(u) * seen * (1 - height * np.arctan(1 / height)) * radius
    return disc_integral(tables, SPHERE, radius) - 4 * (outside @ weight) * end / 2


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.0])
def test_disc_is_the_integral_over_the_plane(tables, radius):
    parts = ellipsoids()
    u, weight = np.polynomial.legendre.leggauss(400)
    r = (u + 1) / 2 * radius
    phi = (np.arange(400) + 0.5) * 2 * np.pi / 400
    y = projected_y(tables, parts, np.outer(r, np.cos(phi)), np.outer(r, np.sin(phi)))
    expected = (y.mean(axis=1) * 2 * np.pi * r) @ weight * radius / 2
    assert disc_integral(tables, parts, radius) == pytest.approx(expected, rel=1e-4)


def test_a_disc_that_holds_all_has_the_same_y_from_everywhere(tables):
    parts = ellipsoids()
    total = parts.volume_factor() @ tables.transform(np.zeros((4, 1)), parts.amplitude)[:, 0]
    rng = np.random.default_rng(1)
    for _ in range(10):
        seen = parts.rotated(random_rotation(rng))
        assert disc_integral(tables, seen, seen.reach(CUT) + 0.1) == pytest.approx(total, rel=1e-5)


def test_mean_over_all_directions_is_the_mean_of_the_discs(tables):
    parts = ellipsoids()
    rng = np.random.default_rng(2)
    discs = [disc_integral(tables, parts.rotated(random_rotation(rng)), 1.0) for _ in range(2000)]
    error = np.std(discs) / np.sqrt(len(discs))
    assert np.std(discs) > 0.02 * np.mean(discs)
    assert mean_disc_integral(tables, parts, 1.0) == pytest.approx(np.mean(discs), abs=4 * error)


def test_mean_of_a_component_anywhere_is_its_integral_over_space(tables):
    # a sphere at a distance: shells of the sphere about the origin, in its own polar angle
    distance, radius = 0.9, 1.0
    parts = Ellipsoids(SPHERE.amplitude, np.array([[0.0, 0.0, distance]]), SPHERE.shape)
    cosine, weight = np.polynomial.legendre.leggauss(400)
    edges = np.linspace(0.0, CUT, 200)
    expected = 0.0
    for low, high in pairwise(edges):
        m = low + (high - low) * (cosine[:, None] + 1) / 2
        r = np.sqrt(distance**2 + m**2 + 2 * distance * m * cosine)
        share = 1 - np.sqrt(1 - np.minimum(radius / np.maximum(r, radius), 1) ** 2)
        shell = 2 * np.pi * m[:, 0] ** 2 * UNIVERSAL.shape(m[:, 0]) * (share @ weight)
        expected += shell @ weight * (high - low) / 2
    assert mean_disc_integral(tables, parts, radius) == pytest.approx(expected, rel=2e-3)


def test_transform_is_that_of_the_projection(tables):
    parts = ellipsoids()
    step, half = 0.02, 7.0
    axis = np.arange(-half, half, step) + step / 2
    x, y = np.meshgrid(axis, axis)
    image = projected_y(tables, parts, x, y)
    k_x, k_y = np.array([0.0, 0.7, -1.9, 3.0]), np.array([0.0, 1.1, 0.4, -5.0])
    expected = [
        np.exp(-1j * b * axis) @ image @ np.exp(-1j * a * axis) * step**2
        for a, b in zip(k_x, k_y, strict=True)
    ]
    found = transformed_y(tables, parts, k_x, k_y)
    np.testing.assert_allclose(found, expected, atol=3e-4 * abs(found[0]))


def test_random_rotations_point_everywhere():
    rng = np.random.default_rng(5)
    turned = np.array([random_rotation(rng) for _ in range(4000)])
    np.testing.assert_allclose(
        turned @ turned.swapaxes(1, 2), np.tile(np.eye(3), (4000, 1, 1)), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(turned), 1.0)
    for axis in range(3):
        np.testing.assert_allclose(
            turned[:, :, axis].mean(axis=0), 0.0, atol=4.5 / np.sqrt(3 * 4000)
        )
        np.testing.assert_allclose((turned[:, :, axis] ** 2).mean(axis=0), 1 / 3, atol=0.02)
