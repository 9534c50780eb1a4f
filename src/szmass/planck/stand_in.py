"""A stand-in for Planck's y-map: the real PSZ2 clusters, point sources, the Galaxy, masks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline

from szmass.params import Compton, PlanckSky
from szmass.planck.catalogue import Psz2Catalogue
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE, beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.healpix import disc, pixel_count, ring_sines, unit_vectors
from szmass.sky.scaling import (
    PLANCK_RELATION,
    ScalingRelation,
    m500c_msun_from_y_cyl,
    mpc2_per_arcmin2,
    y_cyl_mpc2,
)
from szmass.streams import STAND_IN_SCATTER, STAND_IN_SOURCES
from szmass.units import FWHM_PER_SIGMA, MASS_UNIT_MSUN

KEPT_SKY = {"M1": 0.4, "M2": 0.5, "M3": 0.6, "M4": 0.7}
LOWEST_LATITUDE_DEG = 1.0  # below which galactic residuals grow no more
COUNTS_SLOPE = 1.5  # N(> S) of point sources in Euclidean space
BEAMS = 2.0  # to which radius a beam is painted, in FWHM
PROFILE_STEP_ARCMIN = 0.5


@dataclass(frozen=True)
class TrueClusters:
    """True masses, Y and angles of the clusters of the stand-in sky."""

    m500c_msun: np.ndarray
    y_cyl_arcmin2: np.ndarray
    theta500_arcmin: np.ndarray


def true_clusters(
    catalogue: Psz2Catalogue, relation: ScalingRelation, cosmology: Cosmology
) -> TrueClusters:
    """The clusters that Planck would have weighed as it did.

    Y is what Planck's own relation gives for a cluster's MSZ, read in the Msun of `cosmology` as
    de Andres et al. 2022 compare it; the true mass is the one that has this Y by `relation`.

    Args:
        catalogue: sources with redshift and mass.
        relation: between true mass and Y in the cylinder.
        cosmology: distances.
    """
    msz_msun = catalogue.msz_1e14_msun * MASS_UNIT_MSUN
    y_mpc2 = y_cyl_mpc2(msz_msun, catalogue.redshift, PLANCK_RELATION, cosmology)
    m500c_msun = m500c_msun_from_y_cyl(y_mpc2, catalogue.redshift, relation, cosmology)
    return TrueClusters(
        m500c_msun=m500c_msun,
        y_cyl_arcmin2=y_mpc2 / mpc2_per_arcmin2(catalogue.redshift, cosmology),
        theta500_arcmin=cosmology.theta500_arcmin(m500c_msun, catalogue.redshift),
    )


def add_clusters(
    y: np.ndarray,
    catalogue: Psz2Catalogue,
    clusters: TrueClusters,
    *,
    nside: int,
    beam_fwhm_arcmin: float,
) -> None:
    """Paints spherical clusters on a full-sky map `y`."""
    theta500 = clusters.theta500_arcmin
    reach_arcmin = UNIVERSAL_PRESSURE.truncation_r500 * theta500 + BEAMS * beam_fwhm_arcmin
    radius_arcmin = np.arange(
        0.0, reach_arcmin.max() + 2 * PROFILE_STEP_ARCMIN, PROFILE_STEP_ARCMIN
    )
    profiles = beamed_profiles(theta500, radius_arcmin, beam_fwhm_arcmin=beam_fwhm_arcmin)
    profiles *= clusters.y_cyl_arcmin2[:, None]
    centres = unit_vectors(catalogue.glon_deg, catalogue.glat_deg)
    for centre, reach, profile in zip(centres, reach_arcmin, profiles, strict=True):
        pixels, distance_arcmin = disc(nside, centre, reach)
        y[pixels] += CubicSpline(radius_arcmin, profile)(distance_arcmin).astype(np.float32)


def add_point_sources(
    y: np.ndarray, seed: int, planck_sky: PlanckSky, *, beam_fwhm_arcmin: float, population: int = 0
) -> np.ndarray:
    """Adds point sources of either sign on a full-sky map, and returns their mask.

    Placed at random, with Euclidean counts above a least |y|, so that `point_source_y` is the
    median at the centre.

    Args:
        y: the map.
        seed: of the pipeline.
        planck_sky: how many sources, and how bright.
        beam_fwhm_arcmin: of the map.
        population: 0 for the sources of the stand-in sky; another number for as many others.

    Returns:
        1 where the sky is kept, 0 within a beam's FWHM of a source; uint8.
    """
    rng = np.random.default_rng((seed, STAND_IN_SOURCES, population))
    directions = rng.standard_normal((planck_sky.point_sources, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    brightness = planck_sky.point_source_y * (2.0 - 2.0 * rng.random(len(directions))) ** (
        -1.0 / COUNTS_SLOPE
    )
    brightness *= rng.choice([-1.0, 1.0], len(directions))
    sigma_arcmin = beam_fwhm_arcmin / FWHM_PER_SIGMA
    kept = np.ones(len(y), dtype=np.uint8)
    for direction, amplitude in zip(directions, brightness, strict=True):
        pixels, distance_arcmin = disc(planck_sky.nside, direction, BEAMS * beam_fwhm_arcmin)
        y[pixels] += (amplitude * np.exp(-0.5 * (distance_arcmin / sigma_arcmin) ** 2)).astype(
            np.float32
        )
        kept[pixels[distance_arcmin <= beam_fwhm_arcmin]] = 0
    return kept


def add_galactic_residuals(y: np.ndarray, planck_sky: PlanckSky) -> None:
    """Adds what cleaning leaves of the Galaxy, a sheet: ~ 1 / sin |b|, `galactic_y` at 10 deg."""
    sines, pixels = ring_sines(planck_sky.nside)
    floor = np.sin(np.radians(LOWEST_LATITUDE_DEG))
    residual = planck_sky.galactic_y * np.sin(np.radians(10.0)) / np.maximum(np.abs(sines), floor)
    y += np.repeat(residual.astype(np.float32), pixels)


def galactic_masks(nside: int) -> dict[str, np.ndarray]:
    """M1 to M4, which keep 40 to 70 % of the sky, away from the galactic plane; uint8."""
    sines, pixels = ring_sines(nside)
    return {
        name: np.repeat((np.abs(sines) >= 1.0 - share).astype(np.uint8), pixels)
        for name, share in KEPT_SKY.items()
    }


def stand_in_signal(
    seed: int,
    planck_sky: PlanckSky,
    compton: Compton,
    catalogue: Psz2Catalogue,
    clusters: TrueClusters,
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """All of the stand-in sky but its noise, and its masks M1 to M5."""
    y = np.zeros(pixel_count(planck_sky.nside), dtype=np.float32)
    beam = compton.beam_fwhm_arcmin
    add_clusters(y, catalogue, clusters, nside=planck_sky.nside, beam_fwhm_arcmin=beam)
    sources = add_point_sources(y, seed, planck_sky, beam_fwhm_arcmin=beam)
    add_galactic_residuals(y, planck_sky)
    return y, galactic_masks(planck_sky.nside) | {"M5": sources}


def other_skies(
    seed: int,
    planck_sky: PlanckSky,
    compton: Compton,
    catalogue: Psz2Catalogue,
    clusters: TrueClusters,
    *,
    sigma_lny: float,
) -> Iterator[tuple[str, np.ndarray]]:
    """Full-sky maps that turn the stand-in sky into two others when they are added, by name.

    `sources`: as many point sources again. `scatter`: each cluster's Y is multiplied by
    exp N(0, sigma^2), while its true mass stays that of Y without scatter.

    Args:
        seed: of the pipeline.
        planck_sky: Nside and sources.
        compton: the beam.
        catalogue: the clusters' positions.
        clusters: their Y without scatter.
        sigma_lny: the scatter of ln Y.
    """
    beam, pixels = compton.beam_fwhm_arcmin, pixel_count(planck_sky.nside)
    y = np.zeros(pixels, dtype=np.float32)
    add_point_sources(y, seed, planck_sky, beam_fwhm_arcmin=beam, population=1)
    yield "sources", y
    # of a source by its row in the catalogue, whichever others are weighed
    drawn = np.array(
        [
            np.random.default_rng((seed, STAND_IN_SCATTER, row)).standard_normal()
            for row in catalogue.row.tolist()
        ]
    )
    more = np.expm1(sigma_lny * drawn) * clusters.y_cyl_arcmin2
    y = np.zeros(pixels, dtype=np.float32)
    changed = replace(clusters, y_cyl_arcmin2=more)
    add_clusters(y, catalogue, changed, nside=planck_sky.nside, beam_fwhm_arcmin=beam)
    yield "scatter", y
