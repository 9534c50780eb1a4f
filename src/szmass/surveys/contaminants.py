"""What a survey sees around a cluster besides noise: point sources, dust, other clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from szmass.params.contaminants import ContaminantSettings
from szmass.params.survey import SurveySettings
from szmass.sky.clusters.haloes import HEAVIEST_M500C_MSUN, LightCone
from szmass.sky.clusters.mock_clusters import power_law
from szmass.sky.clusters.round_clusters import RoundClusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.frequencies import TABLE_GHZ, greybody, temperature_of_flux_uk
from szmass.sky.grid import PixelGrid
from szmass.sky.point_sources import (
    beam_sigma_arcmin,
    flux_mjy,
    gaussian_images,
    nfw_positions,
)
from szmass.streams import SURVEY_CONTAMINANTS
from szmass.units import FWHM_PER_SIGMA, MASS_UNIT_MSUN, sz_temperature_uk
from szmass.weighing.gas import Gas, PivotY
from szmass.weighing.training.clusters import ClusterList

MEMBERS_PIVOT_MSUN = 5e14
DUST_REST_K, DUST_BETA = 24.0, 1.5
"""Of dust in clusters: Planck intermediate results XLIII (arXiv 1603.04919)."""
SIDE_BEAMS = 2.0
"""How far beyond a map sources are drawn, in beams."""


@dataclass(frozen=True)
class Contaminants:
    """Draws what is around clusters; whatever a survey does not name is left out."""

    settings: ContaminantSettings
    grid: PixelGrid
    beams_fwhm_arcmin: tuple[float, ...]
    frequencies_ghz: tuple[float | None, ...]
    """Of the bands; None for a map of y."""
    per_y: tuple[float, ...]
    """What a Compton y of 1 is in each band, in the unit of the maps."""
    cosmology: Cosmology
    gas: Gas
    """Of the other clusters, and of the signal that dust is a share of."""
    redshifts: tuple[float, float]
    """Of the other clusters."""

    @classmethod
    def of(
        cls,
        settings: SurveySettings,
        beams_fwhm_arcmin: Sequence[float],
        per_y: Sequence[float],
        cosmology: Cosmology,
        gas: Gas,
        *,
        redshifts: Sequence[float],
    ) -> Self | None:
        """Those of a survey; None where it names none."""
        if settings.contaminants is None:
            return None
        return cls(
            settings.contaminants,
            PixelGrid.of(settings),
            tuple(beams_fwhm_arcmin),
            tuple(band.frequency_ghz for band in settings.bands.values()),
            tuple(per_y),
            cosmology,
            gas,
            (float(redshifts[0]), float(redshifts[1])),
        )

    def times(self, counts: float) -> Self:
        """The same with so many times the point sources, in the field and in clusters."""
        field, members = self.settings.field, self.settings.members
        if field is not None:
            field = replace(field, per_deg2=counts * field.per_deg2)
        if members is not None:
            central_share = min(1.0, counts * members.central_share)
            members = replace(members, mean=counts * members.mean, central_share=central_share)
        return replace(self, settings=replace(self.settings, field=field, members=members))

    def of_clusters(self) -> Self:
        """The same without what is in a map wherever one looks: the field and other clusters."""
        return replace(self, settings=replace(self.settings, field=None, neighbours=None))

    def maps(self, clusters: ClusterList) -> np.ndarray:
        """Images of all of it, `(n, bands, pixels, pixels)` float32, in the maps' unit.

        Those of a cluster depend on its seed, place, mass and redshift alone.
        """
        pixels = self.grid.pixels
        maps = np.zeros((len(clusters), len(self.per_y), pixels, pixels), dtype=np.float32)
        pivot = PivotY.at(clusters.redshift, self.cosmology)
        y_arcmin2 = pivot.mean_y_arcmin2(clusters.log10_m500c_msun, self.gas)
        for row, seed in enumerate(clusters.seeds.tolist()):
            rng = np.random.default_rng((*seed, SURVEY_CONTAMINANTS))
            centre, z = clusters.offset_arcmin[row], float(clusters.redshift[row])
            theta500 = float(clusters.theta500_arcmin[row])
            place, mjy = self._field_sources(rng)
            of_members = self._members(rng, 10.0 ** clusters.log10_m500c_msun[row], z)
            place = np.concatenate([place, centre + theta500 * of_members[0]])
            mjy = np.concatenate([mjy, of_members[1]])
            index = np.concatenate(
                [self._indices(rng, len(mjy) - len(of_members[1])), of_members[2]]
            )
            self._add_sources(maps[row], place, mjy, index)
            if self.settings.dust is not None:
                self._add_dust(rng, maps[row], centre, theta500, z, float(y_arcmin2[row]))
            self._add_neighbours(rng, maps[row])
        return maps

    def _indices(self, rng: np.random.Generator, count: int) -> np.ndarray:
        return self.settings.index + self.settings.index_scatter * rng.standard_normal(count)

    def _field_sources(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Places in arcmin, `(n, 2)`, and fluxes at 150 GHz."""
        field = self.settings.field
        if field is None:
            return np.zeros((0, 2)), np.zeros(0)
        side = self.grid.pixels * self.grid.pixel_arcmin
        side += 2.0 * SIDE_BEAMS * max(self.beams_fwhm_arcmin)
        count = rng.poisson(field.per_deg2 * (side / 60.0) ** 2)
        fluxes = (field.least_mjy, self.settings.removed_mjy)
        mjy = power_law(rng.random(count), fluxes, field.slope)
        return side * (rng.random((count, 2)) - 0.5), mjy

    def _members(
        self, rng: np.random.Generator, m500c_msun: float, redshift: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places from the cluster's centre in R500, fluxes at 150 GHz, and indices."""
        members = self.settings.members
        if members is None:
            return np.zeros((0, 2)), np.zeros(0), np.zeros(0)
        central = int(rng.random() < members.central_share)
        count = int(rng.poisson(members.mean * m500c_msun / MEMBERS_PIVOT_MSUN))
        place = nfw_positions(rng, count, members.concentration)
        place = np.concatenate([np.zeros((central, 2)), place])
        uniform = rng.random(central + count)
        luminosity = power_law(uniform, members.luminosity_w_hz, members.slope)
        index = self._indices(rng, central + count)
        mjy = flux_mjy(luminosity, redshift, index, self.cosmology)
        kept = mjy < self.settings.removed_mjy
        return place[kept], mjy[kept], index[kept]

    def _add_sources(
        self, image: np.ndarray, place: np.ndarray, mjy: np.ndarray, index: np.ndarray
    ) -> None:
        """Adds point sources to a cluster's image in all bands."""
        bands = zip(self.beams_fwhm_arcmin, self.frequencies_ghz, strict=True)
        for band, (beam, frequency) in enumerate(bands):
            if frequency is None:
                integral = mjy * (self.settings.y_arcmin2_per_mjy or 0.0)
            else:
                integral = mjy * (frequency / TABLE_GHZ) ** index
                integral = integral * temperature_of_flux_uk(frequency)
            width = beam_sigma_arcmin(beam, len(mjy))
            image[band] += gaussian_images(self.grid, place, width, integral)

    def _add_dust(
        self,
        rng: np.random.Generator,
        image: np.ndarray,
        centre: np.ndarray,
        theta500_arcmin: float,
        redshift: float,
        y_arcmin2: float,
    ) -> None:
        """Adds the dust of a cluster: a share of its mean signal at 150 GHz, by a greybody."""
        dust = self.settings.dust
        if dust is None:
            return
        share = dust.share * np.exp(dust.scatter_ln * rng.standard_normal())
        extent = dust.fwhm_r500 * theta500_arcmin
        bands = zip(self.beams_fwhm_arcmin, self.frequencies_ghz, strict=True)
        for band, (beam, frequency) in enumerate(bands):
            per_y = 1.0
            if frequency is not None:
                seen_k = DUST_REST_K / (1.0 + redshift)
                per_y = sz_temperature_uk(TABLE_GHZ) * greybody(frequency, DUST_BETA, seen_k)
            width = np.full(1, np.hypot(beam, extent) / FWHM_PER_SIGMA)
            integral = np.full(1, -share * y_arcmin2 * per_y)
            image[band] += gaussian_images(self.grid, centre[None], width, integral)

    def _add_neighbours(self, rng: np.random.Generator, image: np.ndarray) -> None:
        """Adds other clusters at random places."""
        neighbours = self.settings.neighbours
        if neighbours is None:
            return
        # as many as in so much more sky, all of them in the map
        stretch = float(np.sqrt(neighbours.times))
        side = self.grid.pixels * self.grid.pixel_arcmin
        found = self._light_cone.draw(rng, side * stretch)
        pivot = PivotY.at(found.redshift, self.cosmology)
        y_arcmin2 = pivot.mean_y_arcmin2(np.log10(found.m500c_msun), self.gas)
        y_arcmin2 = y_arcmin2 * np.exp(self.gas.sigma_lny * rng.standard_normal(len(y_arcmin2)))
        theta500 = self.cosmology.theta500_arcmin(found.m500c_msun, found.redshift)
        place = np.stack([found.x_arcmin, found.y_arcmin], axis=1) / stretch
        for band, (images, per_y) in enumerate(zip(self._round_clusters, self.per_y, strict=True)):
            image[band] += per_y * images(y_arcmin2, theta500, place)

    @property
    def _lightest_msun(self) -> float:
        neighbours = self.settings.neighbours
        return neighbours.least_m500_1e14 * MASS_UNIT_MSUN if neighbours else HEAVIEST_M500C_MSUN

    @cached_property
    def _light_cone(self) -> LightCone:
        return LightCone(
            self.cosmology, redshifts=self.redshifts, lightest_m500c_msun=self._lightest_msun
        )

    @cached_property
    def _round_clusters(self) -> list[RoundClusters]:
        masses = np.array([self._lightest_msun, HEAVIEST_M500C_MSUN])
        small, large = self.cosmology.theta500_arcmin(masses, np.array(self.redshifts[::-1]))
        ends = float(small), float(large)
        return [RoundClusters(self.grid, beam, ends) for beam in self.beams_fwhm_arcmin]
