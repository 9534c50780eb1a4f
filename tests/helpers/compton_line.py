"""A small Compton line, made by the simulators themselves without dask."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from helpers import ROOT
from szmass.compton.maps.clusters import SourceClusters, list_samples
from szmass.compton.maps.images import ClusterSimulator
from szmass.compton.maps.noise import add_noise_to_shard, draw_noise
from szmass.compton.maps.stores import clean_spec, open_clean_store, planck_spec
from szmass.params import Params
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import open_noise_store
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.stages.compton.cut_psz2 import cut_psz2
from szmass.stages.compton.make_planck_sky import make_planck_sky
from szmass.storage.store import replacing, write_rows

# its table of masses takes seconds to make
COSMOLOGY = Cosmology("multidark-planck", "diemer15_orig")
STORES = ("clean_store", "planck_store", "noise_store", "psz2_store")


def small(params: Params, seed: int = 5) -> Params:
    """Settings of a line of 300 maps under a coarse sky."""
    return replace(
        params,
        seed=seed,
        compton=replace(
            params.compton,
            development_clusters=48,
            development_projections=2,
            test_clusters=24,
            other_model_clusters=9,
        ),
        planck_sky=replace(
            params.planck_sky,
            nside=256,
            lmax=767,
            development_realisations=1,
            test_realisations=1,
            point_sources=400,
        ),
    )


def paths_in(folder: Path, params: Params) -> dict[str, Path]:
    """Inputs and stores by their names in params.yaml."""
    inputs = ("psz2_catalogue", "planck_noise_spectrum", "planck_files")
    made = (*STORES, "planck_ymap", "planck_masks")
    return {key: ROOT / params.paths[key] for key in inputs} | {
        key: folder / params.paths[key].name for key in made
    }


def write_line(folder: Path, params: Params) -> dict[str, Path]:
    """Writes all stores; returns their paths and those of the inputs."""
    paths = paths_in(folder, params)
    write_sky(paths, params)
    write_clusters(paths, params)
    add_noise(paths, params)
    return paths


def write_sky(paths: dict[str, Path], params: Params) -> None:
    """Writes the noise and the cutouts of the stand-in sky."""
    given = {key: paths[key] for key in ("psz2_catalogue", "planck_ymap", "planck_masks")}
    given |= {"noise_store": paths["noise_store"]}
    make_planck_sky(
        params.seed,
        params.compton,
        params.baryon_models,
        params.planck_sky,
        planck_noise_spectrum=paths["planck_noise_spectrum"],
        planck_files=paths["planck_files"],
        **given,
    )
    cut_psz2(
        params.compton,
        params.baryon_models,
        params.planck_sky,
        psz2_store=paths["psz2_store"],
        **given,
    )


def write_clusters(paths: dict[str, Path], params: Params) -> None:
    """Writes the clean maps."""
    catalogue = read_psz2(paths["psz2_catalogue"]).weighed()
    source = SourceClusters(catalogue.redshift, catalogue.msz_1e14_msun)
    models = params.baryon_models
    samples = list_samples(params.seed, params.bins, params.compton, models, source, COSMOLOGY)
    grid = PixelGrid.of(params.compton)
    simulator = ClusterSimulator(
        MockClusters(**asdict(params.morphology)),
        tuple(model.cool_core_mean for model in models.values()),
        grid,
        params.compton.beam_fwhm_arcmin,
    )
    compton_y, y500 = simulator.beamed(samples)
    spec = clean_spec(len(samples), grid, list(models))
    axes = {"x": grid.axis_arcmin, "y": grid.axis_arcmin}
    with replacing(paths["clean_store"], spec, {"seed": params.seed}) as unfinished:
        labels = samples.labels() | {"y500_cyl_arcmin2": y500, "compton_y": compton_y}
        write_rows(unfinished, slice(None), labels | axes)


def add_noise(paths: dict[str, Path], params: Params) -> None:
    """Writes the maps with noise."""
    clean, noise = open_clean_store(paths["clean_store"]), open_noise_store(paths["noise_store"])
    draws = draw_noise(params.seed, clean, noise)
    grid = PixelGrid.of(params.compton)
    spec = planck_spec(len(draws.noise_row), grid, list(params.baryon_models))
    labels = {name: clean.read(name) for name in clean.names if name != "compton_y"}
    with replacing(paths["planck_store"], spec, {"seed": params.seed}) as unfinished:
        write_rows(unfinished, slice(None), labels | {"noise_row": draws.noise_row})
        for rows in spec.shards():
            add_noise_to_shard(
                (rows, draws.at(rows)),
                path=unfinished,
                clean_store=paths["clean_store"],
                noise_store=paths["noise_store"],
            )
