"""Ellipsoids of hot gas seen from far away: their Compton y, its integrals and its transform.

A component has the pressure P(x) = sum_s A_s p_s(m), m^2 = (x - x_j)^T S^-1 (x - x_j), with a few
spherical profiles p_s that all components share. All functions here follow from three functions of
one variable for each p_s, which `RadialTables` holds: its projection on a plane, its integral in a
cylinder, and its Fourier transform.

Example:
    A sphere of the universal profile: y through its centre and at R500 from it, and the integral
    within R500, which in units of 4 pi / 3 is J(1) = 0.7402.

    >>> from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
    >>> tables = RadialTables([UNIVERSAL_PRESSURE])
    >>> sphere = Ellipsoids(np.ones((1, 1)), position=np.zeros((1, 3)), shape=np.eye(3)[None])
    >>> projected_y(tables, sphere, x=np.array([0.0, 0.6]), y=np.array([0.0, 0.8])).round(3)
    array([7.338, 0.294])
    >>> round(disc_integral(tables, sphere, radius=1.0) / (4 * np.pi / 3), 4)
    0.7402
    >>> round(mean_disc_integral(tables, sphere, radius=1.0) / (4 * np.pi / 3), 4)
    0.7402

    Twice as deep along the line of sight, the cluster shows twice the y; a longer axis across it
    spreads it out, and leaves y in the centre as it was:

    >>> for axes in (1.0, 1.0, 2.0), (2.0, 1.0, 1.0):
    ...     stretched = Ellipsoids(np.ones((1, 1)), np.zeros((1, 3)), np.diag(axes)[None] ** 2)
    ...     print(projected_y(tables, stretched, np.array([0.0]), np.array([0.0])).round(3))
    [14.677]
    [7.338]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.spatial.transform import Rotation

from szmass.sky.clusters.pressure import radial_nodes
from szmass.sky.clusters.radial_tables import RadialTables

BOUNDARY_NODES = 128
RADIAL_NODES = 32
DIRECTIONS = 192


@dataclass(frozen=True)
class Ellipsoids:
    """Components of a cluster; lengths in any one unit, the line of sight along the last axis.

    Example:
        A ball of radius 2 at a distance 3 from the line of sight, seen within 3 + 2:

        >>> ball = Ellipsoids(
        ...     np.ones((1, 1)), np.array([[3.0, 0.0, 9.0]]), shape=4 * np.eye(3)[None]
        ... )
        >>> ball.volume_factor(), ball.reach(truncation=1.0)
        (array([8.]), 5.0)
    """

    amplitude: np.ndarray
    """Factors A_s of the shared profiles, `(components, profiles)`."""
    position: np.ndarray
    """Centres, `(components, 3)`."""
    shape: np.ndarray
    """S, whose eigenvalues are the squared half-axes of m = 1; `(components, 3, 3)`."""

    def rotated(self, rotation: np.ndarray) -> Ellipsoids:
        """The components turned about the origin by a `(3, 3)` rotation matrix."""
        return replace(
            self,
            position=self.position @ rotation.T,
            shape=rotation @ self.shape @ rotation.T,
        )

    def scaled(self, *, length: float = 1.0, amplitude: float = 1.0) -> Ellipsoids:
        """The components with all lengths and all pressures multiplied by a factor.

        An integral along a line of sight grows by length * amplitude, one over the volume by
        length^3 * amplitude.
        """
        return Ellipsoids(
            self.amplitude * amplitude, self.position * length, self.shape * length**2
        )

    def volume_factor(self) -> np.ndarray:
        """sqrt(det S), the volume of m < 1 over that of a sphere of radius 1; `(components,)`."""
        return np.sqrt(np.linalg.det(self.shape))

    def reach(self, truncation: float) -> float:
        """Radius about the line of sight through the origin beyond which there is no pressure.

        Args:
            truncation: value of m at which the profiles end.
        """
        half_axis = np.sqrt(np.linalg.eigvalsh(self.shape[:, :2, :2])[:, -1])
        distance = np.hypot(self.position[:, 0], self.position[:, 1])
        return float(np.max(distance + truncation * half_axis))


def projected_y(
    tables: RadialTables, ellipsoids: Ellipsoids, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """The line-of-sight integral of the pressure at points of the plane of the sky.

    An ellipsoid projects to sqrt(det S / det S_2) F(R), R^2 = d^T S_2^-1 d, where S_2 is the
    upper 2 x 2 block of S; in terms of A = S^-1 this is A_zz^(-1/2) F with the matrix
    A_2 - a a^T / A_zz (Stark 1977, ApJ 213, 368, for any f(m)).

    Args:
        tables: tables of the shared profiles.
        ellipsoids: the components.
        x: first coordinates, any shape.
        y: second coordinates, of the same shape.
    """
    total = np.zeros(np.shape(x))
    inverse, depth = _plane(ellipsoids)
    for position, matrix, factor, amplitude in zip(
        ellipsoids.position, inverse, depth, ellipsoids.amplitude, strict=True
    ):
        m = _elliptical_radius(matrix, x - position[0], y - position[1])
        inside = m < tables.truncation
        total[inside] += factor * tables.projected(m[inside][None], amplitude[None])[0]
    return total


def transformed_y(
    tables: RadialTables, ellipsoids: Ellipsoids, k_x: np.ndarray, k_y: np.ndarray
) -> np.ndarray:
    """The two-dimensional Fourier transform of `projected_y` at wave vectors, complex.

    sum_j sqrt(det S) f(sqrt(k^T S_2 k)) exp(-i k x_j): a transform of a projection is a section
    of the three-dimensional transform.

    Args:
        tables: tables of the shared profiles.
        ellipsoids: the components.
        k_x: first components of the wave vectors, in radians per unit of length. On a grid, shapes
            `(1, n)` here and `(m, 1)` for `k_y` are faster than two of `(m, n)`.
        k_y: second components of the wave vectors.
    """
    axes = (..., *[None] * max(k_x.ndim, k_y.ndim))
    block = np.moveaxis(ellipsoids.shape, 0, -1)[axes]
    amplitude = ellipsoids.amplitude * ellipsoids.volume_factor()[:, None]
    magnitude = tables.transform(_elliptical_radius(block, k_x, k_y), amplitude)
    x, y, _ = ellipsoids.position.T[axes]
    phase = np.exp(-1j * (k_x * x)) * np.exp(-1j * (k_y * y))
    return np.asarray(np.sum(magnitude * phase, axis=0))


def disc_integral(tables: RadialTables, ellipsoids: Ellipsoids, radius: float) -> float:
    """Integral of the projected pressure over the disc of this radius about the origin.

    F is the divergence of d G(R) / R^2 in the coordinates in which the ellipse is a circle, where
    G(R) = int_0^R u F(u) du. By Gauss's theorem the integral is thus one along the edge of the
    disc: sqrt(det S / det S_2) times int G(R) / R^2 (d_x n_x + d_y n_y) radius dphi, n being the
    edge's normal.
    """
    phi = np.arange(BOUNDARY_NODES) * (2.0 * np.pi / BOUNDARY_NODES)
    normal = np.array([np.cos(phi), np.sin(phi)])
    offset = radius * normal - ellipsoids.position[:, :2, None]
    inverse, depth = _plane(ellipsoids)
    matrix = np.moveaxis(inverse, 0, -1)[..., None]
    m = _elliptical_radius(matrix, offset[:, 0], offset[:, 1])
    outwards = np.einsum("cin,in->cn", offset, normal)
    flux = tables.enclosed(m, ellipsoids.amplitude) * outwards
    return float(depth @ flux.mean(axis=1)) * 2.0 * np.pi * radius


def mean_disc_integral(tables: RadialTables, ellipsoids: Ellipsoids, radius: float) -> float:
    """The mean of `disc_integral` over all lines of sight.

    The gas at a distance r from the origin lies in the cylinder for a share of the directions:
    1 within the radius, 1 - sqrt(1 - (radius / r)^2) outside. For a component at the origin the
    integral along each ray from its centre is that of a sphere; the other components are
    integrated numerically, shell by shell.
    """
    ray = _directions() @ np.linalg.cholesky(ellipsoids.shape).swapaxes(1, 2)
    centred = ~ellipsoids.position.any(axis=1)
    inside = np.empty(len(ray))
    crossing = radius / np.linalg.norm(ray[centred], axis=2)
    amplitude = ellipsoids.amplitude
    spheres = 2.0 * np.pi * crossing**2 * tables.enclosed(crossing, amplitude[centred])
    inside[centred] = spheres.mean(axis=1)
    m, thickness = _shells(tables.truncation)
    shells = amplitude[~centred] @ (tables.pressure(m) * 4.0 * np.pi * m**2 * thickness)
    share = _share_of_directions(ellipsoids.position[~centred], ray[~centred], m, radius)
    inside[~centred] = np.sum(shells * share.mean(axis=2), axis=1)
    return float(ellipsoids.volume_factor() @ inside)


@lru_cache
def _shells(truncation: float) -> tuple[np.ndarray, np.ndarray]:
    """Radii and thicknesses of the shells of a component."""
    return radial_nodes(truncation, nodes=RADIAL_NODES)


def _share_of_directions(
    centre: np.ndarray, ray: np.ndarray, m: np.ndarray, radius: float
) -> np.ndarray:
    """1 - sqrt(1 - (radius / r)^2) at r = |centre + m ray|, shape `(components, m, rays)`."""
    along = np.einsum("cdi,ci->cd", ray, centre)[:, None]
    squares = np.sum(centre**2, axis=1)[:, None, None], np.sum(ray**2, axis=2)[:, None]
    m = m[:, None]
    distance_squared = squares[0] + m * (2.0 * along + m * squares[1])
    return np.asarray(1.0 - np.sqrt(1.0 - radius**2 / np.maximum(distance_squared, radius**2)))


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A random rotation matrix, `(3, 3)`; all orientations are equally likely.

    Example:
        >>> rotation = random_rotation(np.random.default_rng(1))
        >>> np.allclose(rotation @ rotation.T, np.eye(3)), round(float(np.linalg.det(rotation)), 9)
        (True, 1.0)
    """
    return np.asarray(Rotation.from_quat(rng.standard_normal(4)).as_matrix())


def _plane(ellipsoids: Ellipsoids) -> tuple[np.ndarray, np.ndarray]:
    """S_2^-1, `(components, 2, 2)`, and the depth sqrt(det S / det S_2), `(components,)`."""
    block = ellipsoids.shape[:, :2, :2]
    depth = ellipsoids.volume_factor() / np.sqrt(np.linalg.det(block))
    return np.linalg.inv(block), depth


def _elliptical_radius(matrix: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """sqrt(d^T M d) of a symmetric matrix `(2, 2, ...)` that broadcasts against x and y."""
    square = matrix[0, 0] * x**2 + 2.0 * matrix[0, 1] * x * y + matrix[1, 1] * y**2
    return np.asarray(np.sqrt(square))


def _directions() -> np.ndarray:
    """Evenly spread unit vectors, `(n, 3)`: a Fibonacci lattice on the sphere."""
    number = np.arange(DIRECTIONS) + 0.5
    cosine = 1.0 - 2.0 * number / DIRECTIONS
    phi = number * (np.pi * (np.sqrt(5.0) - 1.0))
    sine = np.sqrt(1.0 - cosine**2)
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
