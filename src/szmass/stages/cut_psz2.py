"""Cuts the PSZ2 clusters out of Planck's y-map, or out of the stand-in's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.params import BaryonModel, Compton, PlanckSky
from szmass.simulation.compton_samples import open_noise_store, psz2_spec
from szmass.simulation.planck_files import STAND_IN_NAME, sky_name
from szmass.simulation.planck_sky import true_clusters
from szmass.simulation.psz2 import cut_clusters, labels, noise_at
from szmass.simulation.psz2_catalogue import read_psz2
from szmass.simulation.store import replacing, write_rows
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation


def cut_psz2(
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    *,
    psz2_catalogue: Path,
    planck_ymap: Path,
    planck_masks: Path,
    noise_store: Path,
    psz2_store: Path,
) -> None:
    """Writes the store of cutouts of every source with redshift and mass."""
    catalogue = read_psz2(psz2_catalogue).weighed()
    grid = PixelGrid(compton.pixels, compton.pixel_arcmin)
    cutouts = cut_clusters(
        planck_ymap,
        planck_masks,
        catalogue,
        noise_at(open_noise_store(noise_store), catalogue),
        nside=planck_sky.nside,
        grid=grid,
        mask_radius_arcmin=planck_sky.mask_radius_arcmin,
    )
    sky = sky_name(planck_ymap, planck_sky.product)
    true_msun = np.full(len(catalogue), np.nan)
    if sky == STAND_IN_NAME:
        model = baryon_models[compton.baryon_model]
        relation = ScalingRelation(model.alpha, model.log10_b)
        cosmology = Cosmology(compton.cosmology, compton.concentration_model)
        true_msun = true_clusters(catalogue, relation, cosmology).m500c_msun
    spec = psz2_spec(len(catalogue), grid)
    with replacing(psz2_store, spec, provenance={"sky": sky}) as unfinished:
        arrays = labels(catalogue, cutouts, grid) | {"m500c_true_msun": true_msun}
        write_rows(unfinished, slice(None), arrays)
        images = {"compton_y": cutouts.compton_y, "compton_y_refilled": cutouts.refilled_y}
        write_rows(unfinished, slice(None), images)
