"""Mock stores of the Compton line: round clusters in white noise, for all tests but its checks'.

Those need the simulators' own shapes and noise, in stores made by the stages: `compton_line`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from helpers import ROOT
from szmass.compton.maps.clusters import ComptonSamples, SourceClusters, list_samples
from szmass.compton.maps.stores import clean_spec, originals_spec, planck_spec
from szmass.compton.masses.matched_filter import unit_images
from szmass.params import Params
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import PARTITIONS, noise_spec, psz2_spec
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.storage.store import StoreSpec, replacing, write_rows

BINS = {"z1": [0.2, 0.4], "z2": [0.4, 1.0]}
REDSHIFTS = {"z1": 0.3, "z2": 0.6}
"""About which the clusters of a bin lie."""
DEVELOPMENT, TEST, OTHER, MEMBERS = 120, 60, 45, 2
"""Clusters of a bin (`OTHER`: of each other baryon model) and networks of an ensemble."""
LOG10_M = 14.5, 15.2
NOISE_Y, SCATTER_LNY = 1.2e-6, 0.02
FINE_GRID = PixelGrid(320, 0.25)
FEW, PROJECTIONS = 40, 2
"""Development clusters of a bin, and maps of each, where networks are trained."""
STORES = ("clean_store", "planck_store", "noise_store")
NOISE_CUTOUTS = 24


def small_params(params: Params) -> Params:
    """The committed settings with small maps, networks and two bins."""
    return replace(
        params,
        bins=BINS,
        compton=replace(
            params.compton, pixels=32, development_clusters=DEVELOPMENT * len(BINS),
            development_projections=1, test_clusters=TEST, other_model_clusters=OTHER,
            mass_cuts_1e14=dict.fromkeys(BINS, 3.0),
        ),
        cnn=replace(
            params.cnn, filters=4, convolutions=2, neurons=16, members=MEMBERS,
            clean_members=MEMBERS, m200_members=1,
            epochs=1,
        ),
        evaluation=replace(params.evaluation, bootstrap_draws=10),
    )  # fmt: skip


def training_params(params: Params) -> Params:
    """The same with fewer clusters and two maps of each, for tests that train networks."""
    small, clusters = small_params(params), FEW * len(BINS)
    compton = replace(
        small.compton, development_clusters=clusters, development_projections=PROJECTIONS
    )
    return replace(small, compton=compton)


def store_paths(folder: Path, params: Params) -> dict[str, Path]:
    """The stores that `write_stores` writes, by their names in params.yaml."""
    return {key: folder / params.paths[key].name for key in STORES}


def draw_clusters(params: Params) -> ComptonSamples:
    """Clusters as the pipeline lists them, but uniform in log M, and of a Y that hardly scatters.

    Their M200c follow a relation that is quickly evaluated.
    """
    rng, count = np.random.default_rng(1), 10_000
    redshift = np.repeat(list(REDSHIFTS.values()), count) + rng.uniform(-0.02, 0.02, 2 * count)
    source = SourceClusters(redshift, 10.0 ** (rng.uniform(*LOG10_M, 2 * count) - 14.0))
    models = {
        name: replace(model, sigma_lny=SCATTER_LNY) for name, model in params.baryon_models.items()
    }
    compton = replace(
        params.compton, psz2_mass_factor=1.0, mass_jitter_dex=0.0, redshift_jitter=0.0
    )
    cosmology = Cosmology(compton.cosmology, "dutton14")
    return list_samples(1, params.bins, compton, models, source, cosmology)


def observed_images(
    theta500_arcmin: np.ndarray, y500_arcmin2: np.ndarray, params: Params
) -> np.ndarray:
    """Spheres after the beam, without noise."""
    grid, beam = PixelGrid.of(params.compton), params.compton.beam_fwhm_arcmin
    images = unit_images(theta500_arcmin, grid, beam, UNIVERSAL_PRESSURE)
    return images * y500_arcmin2[:, None, None]


def write_stores(folder: Path, params: Params) -> dict[str, Path]:
    """Writes clean maps, the same with noise, and other noise; returns `store_paths`."""
    samples, paths = draw_clusters(params), store_paths(folder, params)
    grid, models = PixelGrid.of(params.compton), list(params.baryon_models)
    images = observed_images(samples.theta500_arcmin, samples.mean_y_arcmin2, params)
    labels = samples.labels() | dict.fromkeys(("x", "y"), grid.axis_arcmin)
    labels |= {"y500_cyl_arcmin2": samples.mean_y_arcmin2, "compton_y": images}
    write_whole(paths["clean_store"], clean_spec(len(samples), grid, models), labels)
    noise = NOISE_Y * np.random.default_rng(1).standard_normal(images.shape)
    noisy = labels | {"compton_y": images + noise}
    write_whole(paths["planck_store"], planck_spec(len(samples), grid, models), noisy)
    write_noise(paths["noise_store"], grid, cutouts=NOISE_CUTOUTS, rms_y=NOISE_Y)
    return paths


def write_originals(path: Path, params: Params) -> None:
    """Writes two maps at full resolution, Gaussians whose y500 is known."""
    samples = draw_clusters(params).at(slice(2))
    theta, y500 = samples.theta500_arcmin[:, None, None], samples.mean_y_arcmin2
    within = 2.0 * np.pi * theta**2 * (1.0 - np.exp(-0.5))
    images = np.exp(-0.5 * (FINE_GRID.radius_arcmin / theta) ** 2) / within
    labels = samples.labels() | dict.fromkeys(("x", "y"), FINE_GRID.axis_arcmin)
    labels |= {"y500_cyl_arcmin2": y500, "compton_y": images * y500[:, None, None]}
    write_whole(path, originals_spec(len(y500), FINE_GRID, list(params.baryon_models)), labels)


def write_psz2(path: Path, params: Params) -> None:
    """Writes cutouts of a stand-in sky at a few of the real clusters, every second golden.

    Their masses are true; MSZ is a tenth lower.
    """
    psz2 = read_psz2(ROOT / params.paths["psz2_catalogue"]).weighed()
    psz2 = psz2.at(np.flatnonzero((psz2.redshift > 0.2) & (psz2.redshift <= 1.0))[::6])
    log10_m = np.clip(np.log10(psz2.msz_1e14_msun * 1e14 / 0.9), *LOG10_M)
    # as bright as the simulated ones of their bin, which all have nearly one redshift
    redshift = np.where(psz2.redshift <= BINS["z1"][1], *REDSHIFTS.values())
    cosmology = Cosmology.of(params.compton)
    relation = ScalingRelation.of(params.baryon_models[params.compton.baryon_model])
    y_mpc2 = y_cyl_mpc2(10.0**log10_m, redshift, relation, cosmology)
    theta = cosmology.theta500_arcmin(10.0**log10_m, redshift)
    images = observed_images(theta, y_mpc2 / mpc2_per_arcmin2(redshift, cosmology), params)
    images += NOISE_Y * np.random.default_rng(2).standard_normal(images.shape)
    errors = ("msz_err_up_1e14_msun", "msz_err_low_1e14_msun")
    columns = {
        **{name: getattr(psz2, name) for name in ("redshift", "glon_deg", "glat_deg", *errors)},
        "compton_y": images,
        "compton_y_refilled": images,
        "msz_1e14_msun": 0.9 * 10.0 ** (log10_m - 14.0),
        "m500c_true_msun": 10.0**log10_m,
        "golden": np.arange(len(psz2)) % 2,
        "catalogue_row": psz2.row,
    }
    grid = PixelGrid.of(params.compton)
    axes = dict.fromkeys(("x", "y"), grid.axis_arcmin)
    write_whole(path, psz2_spec(len(psz2), grid), columns | axes, sky="stand-in sky")


def write_noise(
    path: Path,
    grid: PixelGrid,
    *,
    cutouts: int,
    rms_y: float,
    partitions: Sequence[str] = ("development", "test"),
) -> None:
    """Writes white noise at random positions, a realisation for each of the partitions."""
    rng = np.random.default_rng(3)
    partition = np.resize([PARTITIONS.index(name) for name in partitions], cutouts)
    columns = {
        "noise_y": rms_y * rng.standard_normal((cutouts, grid.pixels, grid.pixels)),
        "partition": partition,
        "realisation": partition,
        "glon_deg": rng.uniform(0, 360, cutouts),
        "glat_deg": rng.uniform(-90, 90, cutouts),
        "catalogue_row": np.arange(cutouts),
    }
    write_whole(path, noise_spec(cutouts, grid), columns)


def write_whole(path: Path, spec: StoreSpec, arrays: dict[str, np.ndarray], **facts: str) -> None:
    """Writes a store, zeros where no array is given."""
    zeros = {
        name: np.zeros([spec.sizes[dim] for dim in array.dims], array.dtype)
        for name, array in spec.arrays.items()
    }
    with replacing(path, spec, facts) as unfinished:
        write_rows(unfinished, slice(None), zeros | arrays)
