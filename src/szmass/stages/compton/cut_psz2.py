"""Cuts the PSZ2 clusters out of Planck's y-map, or out of the stand-in's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.params import BaryonModel, Compton, PlanckSky
from szmass.planck.catalogue import read_psz2
from szmass.planck.cutouts import cut_clusters, labels, noise_at
from szmass.planck.files import STAND_IN_NAME, sky_name
from szmass.planck.stand_in import true_clusters
from szmass.planck.stores import open_noise_store, psz2_spec
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation
from szmass.storage.store import replacing, write_rows


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
    grid = PixelGrid.of(compton)
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
        relation = ScalingRelation.of(model)
        cosmology = Cosmology.of(compton)
        true_msun = true_clusters(catalogue, relation, cosmology).m500c_msun
    spec = psz2_spec(len(catalogue), grid)
    with replacing(psz2_store, spec, provenance={"sky": sky}) as unfinished:
        arrays = labels(catalogue, cutouts, grid) | {"m500c_true_msun": true_msun}
        write_rows(unfinished, slice(None), arrays)
        images = {"compton_y": cutouts.compton_y, "compton_y_refilled": cutouts.refilled_y}
        write_rows(unfinished, slice(None), images)
