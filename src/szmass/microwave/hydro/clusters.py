"""Clusters as in a hydrodynamical simulation, under the skies of the microwave line.

The Magneticum test of Gupta & Reichardt 2020 (arXiv 2003.06135, Sec. 4.4): clusters of a mass
function at z = 0.67 to 0.73, neither round nor alone. Haloes that have nothing to do with them lie
along the line of sight, and the Gaussian sky has the power of all haloes besides, as theirs had.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from scipy.fft import fftfreq, irfft2, rfftfreq

from szmass.params import BaryonModel, Hydro, Microwave, Morphology
from szmass.sky.clusters.haloes import LightCone, mass_quantiles_msun
from szmass.sky.clusters.mock_clusters import MockClusters, with_mean_y
from szmass.sky.clusters.projection import (
    Ellipsoids,
    disc_integral,
    mean_disc_integral,
    random_rotation,
    transformed_y,
)
from szmass.sky.clusters.radial_tables import RadialTables
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid, gaussian_beam, pixel_window
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.streams import HYDRO_CLUSTERS, HYDRO_HALOES
from szmass.units import ARCMIN_RAD, FWHM_PER_SIGMA, MASS_UNIT_MSUN, sz_temperature_uk

BEAM_REACH_SIGMA = 5.0
FRAME_OVER_MAP = 4
"""Side of the square in which haloes are drawn and transformed, over the map's."""


@dataclass(frozen=True)
class HydroCluster:
    """A cluster and the haloes on its line of sight; lengths in arcmin, dimensionless y."""

    m200c_msun: float
    m500c_msun: float
    redshift: float
    theta500_arcmin: float
    own: Ellipsoids
    haloes: Ellipsoids

    def y500_arcmin2(self, tables: RadialTables) -> tuple[float, float]:
        """Y within R500 on this line of sight: the cluster's own, and with the haloes'."""
        own, haloes = (
            disc_integral(tables, part, self.theta500_arcmin) for part in (self.own, self.haloes)
        )
        return own, own + haloes


class HydroUniverse:
    """Draws clusters with their lines of sight, each by its own number alone.

    Args:
        hydro: which clusters, and which haloes beside them.
        gas: the model of the gas, whose Y-M relation clusters and haloes follow.
        morphology: how clusters depart from a sphere; the haloes do not.
        cosmology: distances and masses.
    """

    def __init__(
        self, hydro: Hydro, gas: BaryonModel, morphology: Morphology, cosmology: Cosmology
    ) -> None:
        self._hydro, self._gas, self._cosmology = hydro, gas, cosmology
        self._relation = ScalingRelation.of(gas)
        self._clusters = MockClusters(**asdict(morphology))
        self.tables = self._clusters.tables()
        near, far = hydro.halo_redshifts
        self.light_cone = LightCone(
            cosmology,
            redshifts=(near, far),
            lightest_m500c_msun=hydro.halo_mass_1e14 * MASS_UNIT_MSUN,
        )

    def draw(self, seed: int, number: int, side_arcmin: float) -> HydroCluster:
        """Draws a cluster, and the haloes in a square of this side about it."""
        rng = np.random.default_rng((seed, HYDRO_CLUSTERS, number))
        nearest, farthest = self._hydro.redshifts
        redshift = rng.uniform(nearest, farthest)
        low, high = (mass * MASS_UNIT_MSUN for mass in self._hydro.masses_1e14)
        m200c_msun = mass_quantiles_msun(
            np.asarray(rng.random()),
            redshift=redshift,
            range_msun=(low, high),
            cosmology=self._cosmology,
        )
        m500c_msun, _ = self._cosmology.m500c_and_r500c(m200c_msun, redshift)
        y_arcmin2, theta500 = self._y_and_size(m500c_msun, np.asarray(redshift))
        y_arcmin2 = y_arcmin2 * np.exp(self._gas.sigma_lny * rng.standard_normal())
        round_about = with_mean_y(
            self.tables,
            self._clusters.draw(rng, self._gas.cool_core_mean),
            float(y_arcmin2 / theta500**2),
        )
        return HydroCluster(
            m200c_msun=float(m200c_msun),
            m500c_msun=float(m500c_msun),
            redshift=redshift,
            theta500_arcmin=float(theta500),
            # y is an integral along a line, which lengthens as all lengths do
            own=round_about.rotated(random_rotation(rng)).scaled(
                length=float(theta500), amplitude=float(1.0 / theta500)
            ),
            haloes=self.draw_haloes(
                np.random.default_rng((seed, HYDRO_HALOES, number)), side_arcmin
            ),
        )

    def draw_haloes(self, rng: np.random.Generator, side_arcmin: float) -> Ellipsoids:
        """Unrelated haloes in a square about the origin: spheres of the mean profile."""
        drawn = self.light_cone.draw(rng, side_arcmin)
        y_arcmin2, theta500 = self._y_and_size(drawn.m500c_msun, drawn.redshift)
        y_arcmin2 = y_arcmin2 * np.exp(self._gas.sigma_lny * rng.standard_normal(len(theta500)))
        core = self._gas.cool_core_mean
        profile = np.array([core, 1.0 - core])
        sphere = Ellipsoids(profile[None], np.zeros((1, 3)), np.eye(3)[None])
        scale = y_arcmin2 / theta500**3 / mean_disc_integral(self.tables, sphere, 1.0)
        return Ellipsoids(
            amplitude=scale[:, None] * profile,
            position=np.stack([drawn.x_arcmin, drawn.y_arcmin, np.zeros_like(theta500)], axis=1),
            shape=theta500[:, None, None] ** 2 * np.eye(3),
        )

    def _y_and_size(
        self, m500c_msun: np.ndarray, redshift: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean Y within R500 in arcmin^2, and R500 in arcmin."""
        cosmology = self._cosmology
        scale = mpc2_per_arcmin2(redshift, cosmology)
        y_mpc2 = y_cyl_mpc2(m500c_msun, redshift, self._relation, cosmology)
        return y_mpc2 / scale, cosmology.r500c_mpc(m500c_msun, redshift) / np.sqrt(scale)


@dataclass(frozen=True)
class SzImages:
    """Images in uK of ellipsoids of gas as the microwave experiment sees them.

    A sum over the modes of a periodic square, four maps wide, of the exact transform times beam
    and pixel window, as `MicrowaveSky` has them for spherical clusters.
    """

    tables: RadialTables
    microwave: Microwave

    @property
    def grid(self) -> PixelGrid:
        """The pixels of a map."""
        return PixelGrid.of(self.microwave)

    @property
    def side_arcmin(self) -> float:
        """Side of the periodic square."""
        return FRAME_OVER_MAP * self.grid.pixels * self.grid.pixel_arcmin

    @cached_property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wave vectors in radians per arcmin, and what a mode is multiplied by."""
        microwave, pixels = self.microwave, FRAME_OVER_MAP * self.grid.pixels
        pixel_arcmin = microwave.pixel_arcmin
        k_x, k_y = (
            2.0 * np.pi * part.ravel()
            for part in np.broadcast_arrays(
                rfftfreq(pixels, pixel_arcmin)[None, :], fftfreq(pixels, pixel_arcmin)[:, None]
            )
        )
        ell = np.hypot(k_x, k_y) / ARCMIN_RAD
        window = pixel_window(ell, pixel_arcmin if microwave.pixel_window else 0.0)
        transfer = gaussian_beam(ell, microwave.beam_fwhm_arcmin) * window
        to_corner = np.exp(1j * self.grid.axis_arcmin[0] * (k_x + k_y))
        factor = sz_temperature_uk(microwave.frequency_ghz) / pixel_arcmin**2
        return k_x, k_y, factor * transfer * to_corner

    def __call__(self, ellipsoids: Ellipsoids) -> np.ndarray:
        """The image, `(pixels, pixels)`, of components in arcmin about the map's centre."""
        k_x, k_y, factor = self._modes
        pixels = FRAME_OVER_MAP * self.grid.pixels
        modes = factor * transformed_y(self.tables, self._in_sight(ellipsoids), k_x, k_y)
        image = irfft2(modes.reshape(pixels, -1), s=(pixels, pixels))
        return np.asarray(image[: self.grid.pixels, : self.grid.pixels])

    def _in_sight(self, ellipsoids: Ellipsoids) -> Ellipsoids:
        """The components whose light reaches the map."""
        half_axes = np.sqrt(np.diagonal(ellipsoids.shape, axis1=1, axis2=2))
        beam_arcmin = BEAM_REACH_SIGMA * self.microwave.beam_fwhm_arcmin / FWHM_PER_SIGMA
        end_arcmin = self.grid.pixels * self.grid.pixel_arcmin / 2.0 + beam_arcmin
        nearest = np.abs(ellipsoids.position) - self.tables.truncation * half_axes
        near = (nearest[:, :2] < end_arcmin).all(axis=1)
        return Ellipsoids(
            ellipsoids.amplitude[near], ellipsoids.position[near], ellipsoids.shape[near]
        )
