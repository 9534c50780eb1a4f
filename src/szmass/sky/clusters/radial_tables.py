"""Tables of spherical pressure profiles: projected, integrated in cylinders and transformed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline

from szmass.errors import SzmassError
from szmass.sky.clusters.pressure import GnfwPressure, radial_nodes

TABLE_NODES = 8192
LINE_NODES = 100
WAVENUMBER_END = 200.0
WAVENUMBER_STEP = 0.005
SPLINE_STEP = 0.05  # a profile that ends at m = 5 has no structure finer than pi / 5
PANELS, PANEL_NODES = 25, 60
ROWS_AT_ONCE = 512


class RadialTables:
    """Tables of the projection, the integral in a cylinder and the transform of some profiles.

    Building them takes about half a second per profile; `projection` has an example.

    Args:
        profiles: the p_s(m), all cut off at the same radius.

    Raises:
        SzmassError: the cut-offs differ.
    """

    def __init__(self, profiles: Sequence[GnfwPressure]) -> None:
        cuts = {profile.truncation_r500 for profile in profiles}
        if len(cuts) != 1:
            raise SzmassError(f"profiles cut off at {sorted(cuts)}: expected one radius for all")
        (self.truncation,) = cuts
        self._profiles = tuple(profiles)
        # the cusp of a projected profile is smooth in the fourth root of its radius
        self._step = self.truncation**0.25 / (TABLE_NODES - 1)
        radius = (np.arange(TABLE_NODES) * self._step) ** 4
        self._projected = np.array([_project(profile, radius) for profile in profiles])
        self._projected[:, -1] = 0.0
        self._enclosed = np.array([_mean_inside(row, radius) for row in self._projected]) / 2.0
        self._transform = _transform(profiles, self.truncation)

    def pressure(self, m: np.ndarray) -> np.ndarray:
        """p_s(m) itself, computed and not tabulated, `(profiles, *m.shape)`."""
        return np.array([profile.shape(m) for profile in self._profiles])

    def projected(self, m: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """sum_s A_s F_s(m), F(R) = 2 int_0 p(sqrt(R^2 + z^2)) dz; 0 beyond the cut-off.

        Args:
            m: radii, `(components, ...)`.
            amplitude: A_s, `(components, profiles)`.
        """
        inside = np.minimum(m, self.truncation)
        return _look_up(self._projected, np.sqrt(np.sqrt(inside)) / self._step, amplitude)

    def enclosed(self, m: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """sum_s A_s G_s(m) / m^2, G(R) = int_0^R F(s) s ds; arguments as in `projected`."""
        inside = np.minimum(m, self.truncation)
        mean = _look_up(self._enclosed, np.sqrt(np.sqrt(inside)) / self._step, amplitude)
        return mean * (self.truncation / np.maximum(m, self.truncation)) ** 2

    def transform(self, wavenumber: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
        """sum_s A_s f_s(k), f(k) = int 4 pi m^2 p(m) sin(k m) / (k m) dm.

        Beyond a wavenumber of 200, f is taken as f(200), which is below 1e-4 of f(0).
        """
        inside = np.minimum(wavenumber, WAVENUMBER_END - WAVENUMBER_STEP)
        return _look_up(self._transform, inside / WAVENUMBER_STEP, amplitude)


def _look_up(table: np.ndarray, place: np.ndarray, amplitude: np.ndarray) -> np.ndarray:
    """sum_s A_s table_s, linear between the nodes.

    Args:
        table: `(profiles, nodes)`.
        place: where to interpolate, in units of the nodes' spacing, `(components, ...)`.
        amplitude: `(components, profiles)`.
    """
    node = np.minimum(place.astype(np.int32), table.shape[1] - 2)
    part = place - node
    total = np.zeros_like(place)
    factors = amplitude.T.reshape(len(table), len(place), *[1] * (place.ndim - 1))
    for values, factor in zip(table, factors, strict=True):
        low = values[node]
        total += factor * (low + part * (values[node + 1] - low))
    return total


def _project(profile: GnfwPressure, radius: np.ndarray) -> np.ndarray:
    """F(R) = 2 int_0 p(sqrt(R^2 + z^2)) dz, integrated over u with z = R sinh(u) where R > 0."""
    cut = profile.truncation_r500
    projected = np.zeros_like(radius)
    z, weight = radial_nodes(cut)
    projected[0] = 2.0 * np.sum(profile.shape(z) * weight)
    u, weight = np.polynomial.legendre.leggauss(LINE_NODES)
    for start in range(1, len(radius), ROWS_AT_ONCE):
        r = radius[start : start + ROWS_AT_ONCE, None]
        end = np.arccosh(np.maximum(cut / r, 1.0))
        stretch = np.cosh((u + 1.0) * end / 2.0)
        integrand = profile.shape(np.minimum(r * stretch, cut)) * r * stretch
        projected[start : start + ROWS_AT_ONCE] = (integrand @ weight) * end[:, 0]
    return projected


def _mean_inside(projected: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """2 G(R) / R^2, the mean of F within R, by a spline in the fourth root of R."""
    place = np.sqrt(np.sqrt(radius))
    integrand = CubicSpline(place, projected * radius * 4.0 * place**3)
    integral = integrand.antiderivative()(place)
    mean = projected.copy()
    mean[1:] = 2.0 * integral[1:] / radius[1:] ** 2
    return mean


def _transform(profiles: Sequence[GnfwPressure], cut: float) -> np.ndarray:
    """f(k) at the nodes of the table, `(profiles, nodes)`: integrated at some, splined between."""
    edges = np.linspace(0.0, cut, PANELS + 1)
    panels = [radial_nodes(b, a, nodes=PANEL_NODES) for a, b in pairwise(edges)]
    m, weight = (np.concatenate(parts) for parts in zip(*panels, strict=True))
    shells = np.array([profile.shape(m) for profile in profiles]) * 4.0 * np.pi * m**2 * weight
    coarse = np.arange(0.0, WAVENUMBER_END + SPLINE_STEP, SPLINE_STEP)
    values = [
        # np.sinc(t) = sin(pi t) / (pi t)
        shells @ np.sinc(np.outer(m, part / np.pi))
        for part in np.array_split(coarse, len(coarse) // ROWS_AT_ONCE + 1)
    ]
    fine = np.arange(0.0, WAVENUMBER_END + WAVENUMBER_STEP / 2.0, WAVENUMBER_STEP)
    return np.asarray(CubicSpline(coarse, np.concatenate(values, axis=1), axis=1)(fine))
