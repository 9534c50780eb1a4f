"""Takes the gradients of each redshift bin's network at test clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.partitions import partition_rows, require_test
from szmass.compton.network.ensemble import Ensemble
from szmass.compton.network.saliency import saliency_maps
from szmass.compton.results.metrics import log10_ratio
from szmass.networks.backend import prepare_backend
from szmass.networks.identity import files_digest, training_identity
from szmass.params import Cnn
from szmass.reporting import Run
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore
from szmass.studies.items import Item, make_items, write_item
from szmass.studies.networks import open_store
from szmass.studies.results import ITEMS
from szmass.studies.saliency.radial import radial_density, share_within
from szmass.studies.saliency.settings import EXAMPLES_FILE, PROFILES_FILE, Saliency

PERCENTILES = (16, 50, 84)


def judge(
    seed: int,
    bins: Mapping[str, list[float]],
    cnn: Cnn,
    study: Saliency,
    *,
    clean_store: Path,
    planck_store: Path,
    cnn_models: Path,
    here: Path,
    run: Run,
) -> None:
    """Writes radial profiles of the gradients in each of the bins, and example maps."""
    prepare_backend(seed=seed, threads=cnn.threads)
    store = open_store(study.data_set, clean=clean_store, planck=planck_store)
    ensembles = {name: cnn_models / name / study.data_set / "m500c" for name in bins}

    def make(item: Item) -> None:
        prepare_backend(seed=seed, threads=cnn.threads)
        judge_bin(item, study, store, bins[item.name], Ensemble.load(ensembles[item.name]))

    items = {name: (bins[name], files_digest([ensembles[name]])) for name in bins}
    identity = training_identity(__name__, [seed, cnn.threads, study], [store.path])
    make_items(here / ITEMS, items, make, identity=identity, run=run)


def judge_bin(
    item: Item, study: Saliency, store: MapStore, edges: Sequence[float], ensemble: Ensemble
) -> None:
    """Writes what the networks of a bin look at in its test clusters.

    Args:
        item: the bin.
        study: the study's settings.
        store: the maps.
        edges: of the bin, lo < z <= hi.
        ensemble: the bin's networks.
    """
    rows = partition_rows(store, "test", edges)
    require_test(store, rows)
    rows = np.sort(evenly(rows, store.read("m500c_msun", rows), study.clusters))
    maps, theta500 = store.read("compton_y", rows), store.read("theta500_arcmin", rows)
    gradients = saliency_maps(ensemble, maps)
    x_arcmin = store.read("x")
    grid = PixelGrid(len(x_arcmin), float(x_arcmin[1] - x_arcmin[0]))
    annuli = np.linspace(0.0, study.outer_r500, study.annuli + 1)
    radius = grid.radius_arcmin
    profiles = {
        "gradient": radial_density(gradients, radius, theta500, annuli),
        "even": radial_density(np.ones_like(gradients), radius, theta500, annuli),
    }
    between = (study.range_r500[0], study.range_r500[1])
    share = share_within(gradients, radius, theta500, between)
    even = share_within(np.ones_like(gradients), radius, theta500, between)
    truth = store.read("m500c_msun", rows)
    estimate = 10.0 ** ensemble(maps)[ensemble.selected]
    table = pd.DataFrame(
        {
            "cluster": store.read("cluster", rows),
            "redshift": store.read("redshift", rows),
            "theta500_arcmin": theta500,
            "m500c_msun": truth,
            "selected_msun": estimate,
            "gradient_share": share,
            "even_share": even,
        }
    )
    metrics = {
        "gradient_share_median": float(np.median(share)),
        "even_share_median": float(np.median(even)),
        "gradient_peak_r500": peak(profiles["gradient"], annuli),
    }
    write_item(item.folder, metrics, table, item.run)
    write_profiles(item.folder / PROFILES_FILE, profiles, annuli)
    chosen = examples(log10_ratio(estimate, truth), truth, study)
    np.savez_compressed(
        item.folder / EXAMPLES_FILE,
        compton_y=maps[chosen],
        gradient=gradients[chosen],
        theta500_arcmin=theta500[chosen],
        log10_true=np.log10(truth[chosen]),
        log10_estimate=np.log10(estimate[chosen]),
        redshift=table["redshift"].to_numpy()[chosen],
        half_side_arcmin=grid.pixels * grid.pixel_arcmin / 2.0,
    )


def evenly(rows: np.ndarray, mass: np.ndarray, count: int) -> np.ndarray:
    """So many of the rows, spread evenly over the order of their masses."""
    order = np.argsort(mass, kind="stable")
    wanted = np.linspace(0, max(len(rows) - 1, 0), min(count, len(rows))).astype(int)
    return rows[order[wanted]]


def peak(density: np.ndarray, edges: np.ndarray) -> float:
    """Middle of the annulus where the median profile is highest."""
    middle = (edges[1:] + edges[:-1]) / 2.0
    return float(middle[np.median(density, axis=0).argmax()])


def examples(ratio_dex: np.ndarray, mass: np.ndarray, study: Saliency) -> np.ndarray:
    """Positions of well and of badly predicted clusters, each from the heaviest to the lightest.

    The well predicted ones come first; of each kind as many, spread evenly over the masses.
    """
    kinds = np.abs(ratio_dex) < study.good_dex, np.abs(ratio_dex) > study.bad_dex
    chosen = [evenly(np.flatnonzero(kind), mass[kind], study.examples)[::-1] for kind in kinds]
    count = min(map(len, chosen))
    return np.concatenate([found[:count] for found in chosen])


def write_profiles(path: Path, profiles: Mapping[str, np.ndarray], edges: np.ndarray) -> None:
    """Writes the percentiles of the stacked profiles, a row an annulus."""
    columns = {"inner_r500": edges[:-1], "outer_r500": edges[1:]}
    for name, density in profiles.items():
        found = np.percentile(density, PERCENTILES, axis=0)
        columns |= {f"{name}_p{p}": row for p, row in zip(PERCENTILES, found, strict=True)}
    pd.DataFrame(columns).to_csv(path, index=False, float_format="%.6g")
