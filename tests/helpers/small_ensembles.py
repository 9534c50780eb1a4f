"""Small real ensembles, in the layout of trained ones, with a store that they belong to."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from szmass.compton.maps.clusters import cluster_number
from szmass.compton.maps.stores import open_planck_store, planck_spec
from szmass.compton.masses.matched_filter import unit_images
from szmass.compton.masses.predictor import ensemble_folder
from szmass.compton.network.cnn import cnn as build_cnn
from szmass.compton.network.ensemble import (
    ARCHITECTURE_FILE,
    ENSEMBLE_FILE,
    OUT_OF_FOLD_FILE,
    Ensemble,
)
from szmass.params import Params
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import PARTITIONS, open_psz2_store, psz2_spec
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.sky.universal import UNIVERSAL_PRESSURE
from szmass.storage.store import MapStore, replacing, write_rows

PIXELS, MEMBERS = 32, 2
DEVELOPMENT, TEST, OTHER = 120, 60, 45  # clusters of a bin (OTHER: of each other model)
REDSHIFTS = {"z1": 0.3, "z2": 0.6}
SPREAD = 0.02
"""Of the redshifts of a bin, to either side."""
NOISE_Y = 1.2e-6
THETA500_ARCMIN = 3.0


def small_params(params: Params) -> Params:
    """The committed settings with small maps, networks and two bins."""
    return replace(
        params,
        bins={"z1": [0.2, 0.4], "z2": [0.4, 1.0]},
        compton=replace(
            params.compton, pixels=PIXELS, mass_cuts_1e14=dict.fromkeys(REDSHIFTS, 3.0)
        ),
        cnn=replace(params.cnn, filters=4, convolutions=2, neurons=16, members=MEMBERS, epochs=1),
    )


@dataclass(frozen=True)
class Clusters:
    """Round clusters of one angle in white noise, brighter with mass as the relation says."""

    params: Params

    def y(self, log10_m: np.ndarray, redshift: np.ndarray, model: str) -> np.ndarray:
        """Y within R500 in arcmin^2."""
        compton, gas = self.params.compton, self.params.baryon_models[model]
        cosmology = Cosmology.of(compton)
        relation = ScalingRelation.of(gas)
        intrinsic = y_cyl_mpc2(10.0**log10_m, redshift, relation, cosmology)
        return intrinsic / mpc2_per_arcmin2(redshift, cosmology)

    def maps(self, y_arcmin2: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Observed maps, float32."""
        grid = PixelGrid.of(self.params.compton)
        beam = self.params.compton.beam_fwhm_arcmin
        theta = np.array([THETA500_ARCMIN])
        image = unit_images(theta, grid, beam, UNIVERSAL_PRESSURE)[0]
        noise = rng.normal(0.0, NOISE_Y, (len(y_arcmin2), *image.shape))
        return (y_arcmin2[:, None, None] * image + noise).astype(np.float32)


def write_store(path: Path, params: Params) -> MapStore:
    """Writes a store in the layout of `planck.zarr`."""
    rng, clusters = np.random.default_rng(1), Clusters(params)
    models = list(params.baryon_models)
    main = models.index(params.compton.baryon_model)
    others = [model for model in range(len(models)) if model != main]
    rows: list[tuple[float, ...]] = []
    for partition, (count, kinds) in enumerate(
        [(DEVELOPMENT, [main]), (TEST, [main]), (OTHER, others)]
    ):
        drawn_as = min(partition, PARTITIONS.index("test"))
        for index, redshift in enumerate(REDSHIFTS.values()):
            for kind in kinds:
                for number in range(count):
                    drawn = np.random.default_rng((drawn_as, index, number))
                    mass, shift = drawn.uniform(14.5, 15.2), drawn.uniform(-SPREAD, SPREAD)
                    name = cluster_number(partition, index, kind, number)
                    rows.append((partition, name, kind, redshift + shift, mass))
    partition, cluster, model, redshift, log10_m = np.array(rows).T
    y = np.empty(len(rows))
    for index, gas in enumerate(models):
        y[model == index] = clusters.y(log10_m[model == index], redshift[model == index], gas)
    grid = PixelGrid(PIXELS, params.compton.pixel_arcmin)
    with replacing(path, planck_spec(len(rows), grid, models), {}) as store:
        maps = clusters.maps(y * rng.lognormal(0.0, 0.05, len(y)), rng)
        columns = {
            "compton_y": maps,
            "m500c_msun": 10.0**log10_m,
            "m200c_msun": 1.4 * 10.0**log10_m,
            "redshift": redshift,
            "cluster": cluster.astype(np.int32),
            "projection": np.zeros(len(rows), np.int8),
            "baryon_model": model.astype(np.int8),
            "theta500_arcmin": np.full(len(rows), THETA500_ARCMIN),
            "y500_cyl_arcmin2": y,
            "partition": partition.astype(np.int8),
            "noise_row": np.zeros(len(rows), np.int32),
            "x": grid.axis_arcmin,
            "y": grid.axis_arcmin,
        }
        write_rows(store, slice(None), columns)
    return open_planck_store(path)


def write_ensembles(models: Path, store: MapStore, params: Params) -> None:
    """Writes an ensemble a bin.

    Networks of random weights, but for the last layer, which is the least-squares fit to the
    masses of two thirds of the development maps; the other third is out of fold.
    """
    for number, (name, edges) in enumerate(params.bins.items()):
        redshift, partition = store.read("redshift"), store.read("partition")
        inside = (redshift > edges[0]) & (redshift <= edges[1]) & (partition == 0)
        rows = np.flatnonzero(inside)
        folder = ensemble_folder(models, name)
        _write_ensemble(
            folder,
            store.read("compton_y", rows),
            np.log10(store.read("m500c_msun", rows)),
            store.read("cluster", rows),
            params,
            seed=number,
        )


def _write_ensemble(
    folder: Path,
    maps: np.ndarray,
    log10_m: np.ndarray,
    cluster: np.ndarray,
    params: Params,
    *,
    seed: int,
) -> None:
    folder.mkdir(parents=True)
    scale = {
        "mean_y": float(maps.mean()),
        "std_y": float(maps.std()),
        "mean_log10_m": float(log10_m.mean()),
    }
    inputs = ((maps - scale["mean_y"]) / scale["std_y"])[..., None]
    lines = ["member,cluster,projection,log10_m_true,log10_m_pred"]
    rng = np.random.default_rng(seed)
    for member in range(params.cnn.members):
        keras.utils.clear_session()
        keras.utils.set_random_seed(10 * seed + member)
        network = build_cnn(params.compton.pixels, params.cnn)
        left_out = rng.random(len(maps)) < 1 / 3
        _fit_last_layer(network, inputs, log10_m - scale["mean_log10_m"], ~left_out)
        network.save_weights(folder / f"member_{member:03d}.weights.h5")
        found = network.predict_on_batch(inputs)[:, 0] + scale["mean_log10_m"]
        lines += [
            f"{member},{cluster[row]},0,{log10_m[row]:.6f},{found[row]:.6f}"
            for row in np.flatnonzero(left_out)
        ]
    (folder / ARCHITECTURE_FILE).write_text(network.to_json())
    facts = {"selected": 1, "members": [{"scale": scale}] * params.cnn.members}
    (folder / ENSEMBLE_FILE).write_text(json.dumps(facts))
    (folder / OUT_OF_FOLD_FILE).write_text("\n".join(lines) + "\n")
    assert len(Ensemble.load(folder).weights) == params.cnn.members


def _fit_last_layer(
    network: keras.Model, inputs: np.ndarray, labels: np.ndarray, rows: np.ndarray
) -> None:
    last = network.layers[-1]
    before = keras.Model(network.input, network.layers[-2].output)
    features = before.predict_on_batch(inputs)
    matrix = np.column_stack([features, np.ones(len(features))])[rows]
    ridge = 1e-4 * np.eye(matrix.shape[1]) * np.mean(matrix**2) * len(matrix)
    solved = np.linalg.solve(matrix.T @ matrix + ridge, matrix.T @ labels[rows])
    last.set_weights([solved[:-1, None].astype("f4"), solved[-1:].astype("f4")])


def write_psz2(path: Path, params: Params, catalogue: Path) -> MapStore:
    """Writes a store in the layout of `psz2.zarr`: a stand-in sky, a few of the real clusters.

    Their masses are true; MSZ is a tenth lower.
    """
    rng, psz2 = np.random.default_rng(2), read_psz2(catalogue).weighed()
    low, high = min(params.bins.values())[0], max(params.bins.values())[1]
    some = np.flatnonzero((psz2.redshift > low) & (psz2.redshift <= high))[::6]
    psz2 = psz2.at(some)
    log10_m = np.clip(np.log10(psz2.msz_1e14_msun * 1e14 / 0.9), 14.5, 15.2)
    # as bright as the simulated ones of their bin, which all have nearly one redshift
    redshift = np.where(psz2.redshift <= params.bins["z1"][1], *REDSHIFTS.values())
    y = Clusters(params).y(log10_m, redshift, params.compton.baryon_model)
    maps = Clusters(params).maps(y, rng)
    grid = PixelGrid(PIXELS, params.compton.pixel_arcmin)
    with replacing(path, psz2_spec(len(psz2), grid), {"sky": "stand-in sky"}) as store:
        columns = {
            "compton_y": maps,
            "compton_y_refilled": maps,
            "redshift": psz2.redshift,
            "msz_1e14_msun": 0.9 * 10.0 ** (log10_m - 14.0),
            "msz_err_up_1e14_msun": psz2.msz_err_up_1e14_msun,
            "msz_err_low_1e14_msun": psz2.msz_err_low_1e14_msun,
            "m500c_true_msun": 10.0**log10_m,
            "glon_deg": psz2.glon_deg,
            "glat_deg": psz2.glat_deg,
            "golden": (np.arange(len(psz2)) % 2).astype(np.int8),
            "masked_fraction": np.zeros(len(psz2)),
            "catalogue_row": psz2.row,
            "x": grid.axis_arcmin,
            "y": grid.axis_arcmin,
        }
        write_rows(store, slice(None), columns)
    return open_psz2_store(path)
