"""Simulated 150 GHz cutouts: Gaussian sky, an SZ cluster at the centre, beam and noise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np
from threadpoolctl import threadpool_limits

from szmass.errors import SzmassError
from szmass.params import Microwave
from szmass.sky.clusters.pressure import GnfwPressure
from szmass.sky.clusters.spherical import ClusterImages, compton_y_profile, nfw_surface_density
from szmass.sky.cosmology import Cosmology
from szmass.sky.fields import GaussianPatch, pixel_covariance
from szmass.sky.grid import PixelGrid, gaussian_beam, pixel_window
from szmass.sky.noise import white_noise_cl_uk2, white_noise_uk_per_pixel
from szmass.sky.spectra import cl_from_dl
from szmass.units import ARCMIN_RAD, MASS_UNIT_MSUN, sz_temperature_uk

TABULATED_MASSES_MSUN = np.geomspace(0.05, 31.0, 160) * MASS_UNIT_MSUN
HANKEL_NODES = 600
MAX_UNRESOLVED_POWER = 0.01


class MicrowaveSky:
    """Draws observed maps, and knows their exact statistics.

    map = taper * (cluster + sky + noise), where beam and pixel window have acted on cluster and
    sky, and the noise is white per pixel (or, with `noise_after_beam` false, has the beam too).

    Args:
        microwave: the experiment and its clusters.
        dl_uk2: spectra D_l by component in uK^2, each from l = 0.

    Raises:
        SzmassError: the spectra end where the beam still passes more than 1 % of the power.
    """

    def __init__(self, microwave: Microwave, dl_uk2: Mapping[str, np.ndarray]) -> None:
        self.grid = PixelGrid.of(microwave)
        self.taper = self.grid.cosine_taper(microwave.apodisation_arcmin)
        self.ln_scatter = microwave.ln_scatter
        self.white_noise_uk = (
            white_noise_uk_per_pixel(microwave.noise_uk_arcmin, microwave.pixel_arcmin)
            if microwave.noise_after_beam
            else 0.0
        )
        self._sky_cl_uk2 = _observed_cl(microwave, dl_uk2)
        # an eigensolver's last bits depend on its threads, and maps must not
        with threadpool_limits(1):
            self.patch = GaussianPatch.from_covariance(
                self.sky_covariance_uk2(), eigenvalue_cut=microwave.eigenvalue_cut
            )
        self.cluster_uk = _cluster_images(microwave, self.grid)

    def sky_covariance_uk2(self) -> np.ndarray:
        """Covariance of the sky's pixels before white noise and taper, `(pixels**2, pixels**2)`."""
        return pixel_covariance(self._sky_cl_uk2, self.grid)

    def covariance_uk2(self) -> np.ndarray:
        """Covariance of an observed map's pixels about the cluster, `(pixels**2, pixels**2)`."""
        taper = self.taper.ravel()
        noise = self.white_noise_uk**2 * np.eye(len(taper))
        return taper[:, None] * (self.sky_covariance_uk2() + noise) * taper

    def mean_uk(self, m200c_msun: np.ndarray) -> np.ndarray:
        """The noiseless observed images of clusters without scatter, `(n, pixels, pixels)`."""
        return self.cluster_uk(m200c_msun) * self.taper

    def sz_uk(self, m200c_msun: np.ndarray, ln_amplitude: np.ndarray) -> np.ndarray:
        """The clusters' own signals, `(n, pixels, pixels)` float32; the label images."""
        return self.cluster_uk(m200c_msun, np.exp(ln_amplitude)).astype(np.float32)

    def observe(self, sz_uk: np.ndarray, rngs: list[np.random.Generator]) -> np.ndarray:
        """Adds sky and noise to clusters.

        Args:
            sz_uk: `(n, pixels, pixels)` float32.
            rngs: a generator for each map, or a single one for all.

        Returns:
            `temperature_uk`, `(n, pixels, pixels)` float32.
        """
        count, kept, size = len(sz_uk), len(self.patch.modes), self.grid.pixels**2
        gaussian = np.empty((count, kept + size), dtype=np.float32)
        if len(rngs) == 1:
            rngs[0].standard_normal(dtype=np.float32, out=gaussian)
        else:
            for rng, row in zip(rngs, gaussian, strict=True):
                rng.standard_normal(dtype=np.float32, out=row)
        observed = self.patch.synthesise(np.ascontiguousarray(gaussian[:, :kept]))
        observed += np.float32(self.white_noise_uk) * gaussian[:, kept:]
        observed = observed.reshape(sz_uk.shape)
        observed += sz_uk
        return observed * self.taper.astype(np.float32)


def _observed_cl(microwave: Microwave, dl_uk2: Mapping[str, np.ndarray]) -> np.ndarray:
    """Power of the observed Gaussian sky: components, beam, pixel window, beam-smoothed noise."""
    dl = np.sum([dl_uk2[name] for name, on in asdict(microwave.components).items() if on], axis=0)
    if np.ndim(dl) == 0:
        dl = np.zeros_like(next(iter(dl_uk2.values())))
    ell = np.arange(len(dl), dtype=float)
    beam = gaussian_beam(ell, microwave.beam_fwhm_arcmin)
    if beam[-1] ** 2 > MAX_UNRESOLVED_POWER:
        raise SzmassError(
            f"the spectra end at l = {len(dl) - 1}, where a beam of "
            f"{microwave.beam_fwhm_arcmin} arcmin still passes {beam[-1] ** 2:.0%} of the power: "
            "raise spectra.lmax"
        )
    cl = cl_from_dl(dl) * (beam * _window(microwave, ell)) ** 2
    if not microwave.noise_after_beam:
        cl += white_noise_cl_uk2(microwave.noise_uk_arcmin) * beam**2
    return cl


def _window(microwave: Microwave, ell: np.ndarray) -> np.ndarray:
    return pixel_window(ell, microwave.pixel_arcmin if microwave.pixel_window else 0.0)


def _cluster_images(microwave: Microwave, grid: PixelGrid) -> ClusterImages:
    """Images in uK of clusters at the experiment's redshift."""
    nodes, weights = np.polynomial.legendre.leggauss(HANKEL_NODES)
    # the beam is below 2e-7 at the end of the integral
    ell_end = 45_000.0 / microwave.beam_fwhm_arcmin
    ell = (nodes + 1.0) * ell_end / 2.0
    profiles = compton_y_profile(
        TABULATED_MASSES_MSUN,
        grid.unique_radii[0],
        redshift=microwave.redshift,
        cosmology=Cosmology.of(microwave),
        pressure=GnfwPressure(**asdict(microwave.pressure)),
        ell=ell,
        ell_weight=weights * ell_end / 2.0,
        transfer=gaussian_beam(ell, microwave.beam_fwhm_arcmin) * _window(microwave, ell),
    )
    uk = sz_temperature_uk(microwave.frequency_ghz) * profiles
    return ClusterImages(grid, TABULATED_MASSES_MSUN, uk)


def nfw_images(microwave: Microwave) -> ClusterImages:
    """Projected NFW densities of clusters, scaled to 1 at the centre (the four middle pixels)."""
    grid = PixelGrid.of(microwave)
    cosmology = Cosmology.of(microwave)
    scale_radius_mpc = cosmology.nfw_scale_radius_mpc(TABULATED_MASSES_MSUN, microwave.redshift)
    radius_mpc = (
        grid.unique_radii[0] * ARCMIN_RAD * cosmology.angular_distance_mpc(microwave.redshift)
    )
    density = nfw_surface_density(radius_mpc / scale_radius_mpc[:, None])
    return ClusterImages(grid, TABULATED_MASSES_MSUN, density / density[:, :1])
