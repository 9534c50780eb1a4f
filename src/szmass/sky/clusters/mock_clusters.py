"""Mock clusters shaped as in hydrodynamical simulations: triaxial, with sub-haloes and mergers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.projection import Ellipsoids, mean_disc_integral, random_rotation
from szmass.sky.clusters.radial_tables import RadialTables

# p0, c500, gamma, alpha, beta of cool-core and of disturbed clusters: Arnaud et al. 2010
# (arXiv 0910.1234), Appendix C; p0 drops out, since a cluster is scaled to its Y
COOL_CORE = (3.249, 1.128, 0.7736, 1.2223, 5.4905)
DISTURBED = (3.202, 1.083, 0.3798, 1.4063, 5.4905)
SMALLEST_AXIS_RATIO = 0.2


@dataclass(frozen=True)
class MockClusters:
    """Draws clusters. Lengths are in units of the cluster's R500; its main halo is at the origin.

    A component of a mass ratio mu to the main halo has a pressure of mu^(2/3) and a size of
    mu^(1/3) times the main one's, so that Y goes as mu^(5/3). Its profile is
    w p_cool_core + (1 - w) p_disturbed.

    Example:
        A cluster, drawn twice with different gas: the same halo and sub-haloes, another pressure.

        >>> model = MockClusters(
        ...     axis_ratio_mean=(0.95, 0.9), axis_ratio_scatter=0.04, scale_scatter_ln=0.05,
        ...     cool_core_scatter=0.25, subhaloes_mean=6.0, subhalo_mass_ratio=(0.01, 0.15),
        ...     subhalo_slope=-1.9, subhalo_distance_r500=(0.2, 2.0), merger_fraction=0.3,
        ...     merger_mass_ratio=(0.15, 0.6), merger_distance_r500=(0.3, 1.5), truncation_r500=5.0,
        ... )
        >>> a, b = (model.draw(np.random.default_rng(1), cool_core_mean=w) for w in (0.4, 0.6))
        >>> a.position.shape, np.array_equal(a.position, b.position)
        ((10, 3), True)
        >>> np.array_equal(a.amplitude, b.amplitude)
        False
    """

    axis_ratio_mean: Sequence[float]
    """Means of the middle and the minor axis, each over the major one."""
    axis_ratio_scatter: float
    scale_scatter_ln: float
    """Scatter of ln(scale radius) at fixed mass; the pressure changes along, so that Y does not."""
    cool_core_scatter: float
    """Scatter of w about the mean of the gas model; w is clipped to 0 and 1."""
    subhaloes_mean: float
    subhalo_mass_ratio: Sequence[float]
    subhalo_slope: float
    """dN / dmu goes as mu to this power, for sub-haloes and for merging partners."""
    subhalo_distance_r500: Sequence[float]
    merger_fraction: float
    merger_mass_ratio: Sequence[float]
    merger_distance_r500: Sequence[float]
    truncation_r500: float

    def tables(self) -> RadialTables:
        """Tables of the two profiles, cool-core and disturbed; built once per truncation."""
        return _tables(self.truncation_r500)

    def draw(self, rng: np.random.Generator, cool_core_mean: float) -> Ellipsoids:
        """Draws a cluster, with pressure in an arbitrary unit.

        The random numbers do not depend on `cool_core_mean`: a generator of the same seed gives
        the same cluster with the gas of another model.

        Args:
            rng: generator used for this cluster alone.
            cool_core_mean: mean of w for the gas model.
        """
        ratio, distance = self._family(rng)
        count = len(ratio)
        half_axes = self._half_axes(rng, count)
        orientation = np.array([random_rotation(rng) for _ in range(count)])
        scale = np.exp(self.scale_scatter_ln * rng.standard_normal(count))
        core = cool_core_mean + self.cool_core_scatter * rng.standard_normal(count)
        core = np.clip(core, 0.0, 1.0)
        direction = rng.standard_normal((count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        # sub-haloes and partners lie preferentially along the long axes of the main halo
        host = orientation[0] * half_axes[0] @ orientation[0].T
        stretched = orientation * (half_axes * (scale * np.cbrt(ratio))[:, None])[:, None]
        pressure = ratio ** (2.0 / 3.0) / scale**3
        return Ellipsoids(
            amplitude=pressure[:, None] * np.stack([core, 1.0 - core], axis=1),
            position=distance[:, None] * (direction @ host),
            shape=stretched @ stretched.swapaxes(1, 2),
        )

    def _family(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Mass ratios and distances of the main halo, its sub-haloes and perhaps a partner."""
        subhaloes = int(rng.poisson(self.subhaloes_mean))
        partners = int(rng.random() < self.merger_fraction)
        ratios, distances = [np.ones(1)], [np.zeros(1)]
        for number, masses, radii in (
            (subhaloes, self.subhalo_mass_ratio, self.subhalo_distance_r500),
            (partners, self.merger_mass_ratio, self.merger_distance_r500),
        ):
            ratios.append(power_law(rng.random(number), masses, self.subhalo_slope))
            distances.append(rng.uniform(radii[0], radii[1], number))
        return np.concatenate(ratios), np.concatenate(distances)

    def _half_axes(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Half-axes of ellipsoids that have the volume of the unit sphere, `(count, 3)`."""
        scatter = self.axis_ratio_scatter * rng.standard_normal((count, 2))
        ratio = np.clip(np.asarray(self.axis_ratio_mean) + scatter, SMALLEST_AXIS_RATIO, 1.0)
        axes = np.concatenate([np.ones((count, 1)), ratio], axis=1)
        return np.asarray(axes / np.cbrt(axes.prod(axis=1, keepdims=True)))


@lru_cache(maxsize=4)
def _tables(truncation_r500: float) -> RadialTables:
    return RadialTables(
        [
            GnfwPressure(
                *shape, alpha_p=0.0, alpha_p_of_radius=False, truncation_r500=truncation_r500
            )
            for shape in (COOL_CORE, DISTURBED)
        ]
    )


def with_mean_y(tables: RadialTables, ellipsoids: Ellipsoids, y_cyl: float) -> Ellipsoids:
    """Scales the pressure of all components by one factor that gives the cluster a wanted Y.

    Args:
        tables: tables of the two profiles.
        ellipsoids: the components, lengths in R500.
        y_cyl: wanted integral of y within R500 on the sky, averaged over all lines of sight, in
            R500^2.
    """
    return ellipsoids.scaled(amplitude=y_cyl / mean_disc_integral(tables, ellipsoids, 1.0))


def power_law(uniform: np.ndarray, ends: Sequence[float], slope: float) -> np.ndarray:
    """Turns uniform numbers into values between two ends, distributed as value**slope."""
    if slope == -1.0:
        return np.asarray(ends[0] * (ends[1] / ends[0]) ** uniform)
    low, high = (end ** (slope + 1.0) for end in ends)
    return np.asarray((low + (high - low) * uniform) ** (1.0 / (slope + 1.0)))
