"""Masses of the test clusters by every estimator: networks, posteriors and baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from szmass.compton.maps.partitions import partition_rows, require_test, require_unseen
from szmass.compton.maps.stores import baryon_model_names
from szmass.compton.masses.kde import PaperKde
from szmass.compton.masses.matched_filter import MatchedFilter
from szmass.compton.masses.out_of_fold import read_out_of_fold
from szmass.compton.masses.relation import prior_msun, relation_msun
from szmass.compton.network.ensemble import OUT_OF_FOLD_FILE, Ensemble
from szmass.compton.network.selection import predictors_msun
from szmass.evaluation.posteriors import mass_axis
from szmass.params import BaryonModel, Compton, Posterior
from szmass.sky.clusters.universal import UNIVERSAL_PRESSURE
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation
from szmass.storage.store import MapStore

POSTERIOR = "posterior"
"""Name of the median of the paper's posterior as an estimator."""
LABELS = ("cluster", "projection", "redshift", "m500c_msun", "m200c_msun", "y500_cyl_arcmin2")
BLOCK_ROWS = 1024
NOISE_MAPS = 64


@dataclass(frozen=True)
class Baselines:
    """Estimators without a network, on the same maps."""

    matched_filter: MatchedFilter
    relation: ScalingRelation
    cosmology: Cosmology

    @classmethod
    def of_stores(
        cls, compton: Compton, model: BaryonModel, *, clean: MapStore, planck: MapStore
    ) -> Baselines:
        """Baselines that know the relation of a gas model, and the noise of development maps.

        Args:
            compton: pixels, beam and cosmology of the maps.
            model: of the gas in the simulated clusters.
            clean: maps without noise.
            planck: the same maps with noise.
        """
        relation = ScalingRelation.of(model)
        cosmology = Cosmology.of(compton)
        matched_filter = MatchedFilter(
            _noise_cutouts(clean, planck),
            grid=PixelGrid.of(compton),
            beam_fwhm_arcmin=compton.beam_fwhm_arcmin,
            pressure=UNIVERSAL_PRESSURE,
            relation=relation,
            cosmology=cosmology,
        )
        return cls(matched_filter, relation, cosmology)


@dataclass(frozen=True)
class JudgedClusters:
    """The test clusters of a redshift bin and data set: the truth, and all estimates of it."""

    labels: Mapping[str, np.ndarray]
    """`LABELS`, one a map."""
    m500c_msun: Mapping[str, np.ndarray]
    """By estimator: `selected`, `ensemble`, the `posterior`'s median, `relation`,
    `matched_filter`, `prior`."""
    m200c_msun: Mapping[str, np.ndarray]
    """By predictor; empty where no network is trained for M200c."""
    ranks: np.ndarray
    """Probability of a mass below the true one, by a slice of the paper's kernel density at the
    selected network's mass."""
    joint_density: np.ndarray
    """That kernel density, `(predictions, true masses)`, on the posterior's axis."""
    facts: Mapping[str, Any]
    """Content of the `ensemble.json` of the ensemble for M500c."""
    layers: list[tuple[str, tuple[int, ...], int]]
    """Of its network: class, shape of the output without the batch, and parameters."""

    @property
    def worst_bias(self) -> list[float]:
        """The largest |mean b| over the mass bins, by network, on its validation clusters."""
        return [member["max_abs_bias"] for member in self.facts["members"]]

    @property
    def members_passing(self) -> tuple[int, int]:
        """How many networks may be selected, and of how many."""
        return self.facts["members_passing"], len(self.facts["members"])

    @property
    def table(self) -> dict[str, np.ndarray]:
        """One column a label and an estimate, masses in Msun."""
        columns = dict(self.labels)
        columns |= {f"{key}_msun": values for key, values in self.m500c_msun.items()}
        columns |= {f"m200_{key}_msun": values for key, values in self.m200c_msun.items()}
        return columns | {f"rank_{POSTERIOR}": self.ranks}


def tabulate(judged: Mapping[str, Mapping[str, JudgedClusters]]) -> pd.DataFrame:
    """A row a test map: data set, bin, its labels, and its mass by each estimator in Msun."""
    return pd.concat(
        [
            pd.DataFrame({"data_set": data_set, "bin": name, **clusters.table})
            for data_set, by_bin in judged.items()
            for name, clusters in by_bin.items()
        ]
    )


def judge_bins(
    stores: Mapping[str, MapStore],
    bins: Mapping[str, Sequence[float]],
    models: Path,
    *,
    posterior: Posterior,
    baselines: Baselines,
    with_m200: bool,
) -> dict[str, dict[str, JudgedClusters]]:
    """`judge_clusters` for each data set and redshift bin.

    Args:
        stores: by data set.
        bins: redshift bins by name.
        models: folder of the ensembles of all bins.
        posterior: settings.
        baselines: estimators without a network.
        with_m200: whether there are ensembles for M200c.
    """
    return {
        data_set: {
            name: judge_clusters(
                store,
                edges,
                models / name / data_set,
                posterior=posterior,
                baselines=baselines,
                with_m200=with_m200,
            )
            for name, edges in bins.items()
        }
        for data_set, store in stores.items()
    }


def judge_clusters(
    store: MapStore,
    edges: Sequence[float],
    ensembles: Path,
    *,
    posterior: Posterior,
    baselines: Baselines,
    with_m200: bool,
) -> JudgedClusters:
    """Applies every estimator to the test maps of one redshift bin.

    Args:
        store: of clean maps or of maps with noise.
        edges: of the bin, lo < z <= hi.
        ensembles: folder of the bin's and data set's ensembles, with `m500c` and `m200c` in it.
        posterior: settings.
        baselines: estimators without a network.
        with_m200: whether there is an ensemble for M200c.

    Raises:
        PartitionError: a map is not of the test partition, or a network has seen its cluster.
    """
    rows = partition_rows(store, "test", edges)
    require_test(store, rows)
    labels = {name: store.read(name, rows) for name in LABELS}
    sample = read_out_of_fold(ensembles / "m500c" / OUT_OF_FOLD_FILE)
    development = partition_rows(store, "development", edges)
    number, first = np.unique(store.read("cluster", development), return_index=True)
    seen = np.union1d(number, sample.cluster)
    require_unseen(labels["cluster"], seen, f"{store.path}, {ensembles}")
    ensemble = Ensemble.load(ensembles / "m500c")
    estimators: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "m500c": lambda maps, _: ensemble(maps),
        "matched_filter": baselines.matched_filter,
    }
    if with_m200:
        m200_ensemble = Ensemble.load(ensembles / "m200c")
        estimators["m200c"] = lambda maps, _: m200_ensemble(maps)
    outputs = _by_blocks(store, rows, labels["redshift"], estimators)

    axis = mass_axis(posterior.axis_log10_msun, posterior.axis_nodes)
    kde = PaperKde(sample, posterior.kde_bandwidth, axis)
    posteriors = kde(outputs["m500c"][ensemble.selected])
    return JudgedClusters(
        labels=labels,
        m500c_msun={
            **predictors_msun(outputs["m500c"], ensemble.selected),
            POSTERIOR: 10.0 ** posteriors.quantiles([0.5])[:, 0],
            "relation": relation_msun(
                labels["y500_cyl_arcmin2"],
                labels["redshift"],
                baselines.relation,
                baselines.cosmology,
            ),
            "matched_filter": outputs["matched_filter"],
            "prior": prior_msun(store.read("m500c_msun", development[first]), len(rows)),
        },
        m200c_msun=predictors_msun(outputs["m200c"], m200_ensemble.selected) if with_m200 else {},
        ranks=posteriors.ranks(np.log10(labels["m500c_msun"])),
        joint_density=kde.joint,
        facts=ensemble.facts,
        layers=[
            (type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params())
            for layer in ensemble.network.layers
        ],
    )


def masses_of_other_gas(
    store: MapStore, bins: Mapping[str, Sequence[float]], models: Path
) -> pd.DataFrame:
    """The ensembles' masses of clusters whose gas follows another baryon model than the training's.

    Args:
        store: maps with Planck's noise.
        bins: redshift bins by name.
        models: folder of the ensembles of all bins.

    Returns:
        A row a map: `baryon_model`, `bin`, `cluster`, `m500c_msun`, and the mass by each network
        predictor, `<predictor>_msun`.
    """
    names, parts = np.array(baryon_model_names(store)), []
    for name, edges in bins.items():
        rows = partition_rows(store, "other_model", edges)
        if not len(rows):
            continue
        ensemble = Ensemble.load(models / name / "planck" / "m500c")
        masses = predictors_msun(ensemble(store.read("compton_y", rows)), ensemble.selected)
        columns = {key: store.read(key, rows) for key in ("cluster", "m500c_msun")}
        columns |= {f"{key}_msun": values for key, values in masses.items()}
        gas = names[store.read("baryon_model", rows)]
        parts.append(pd.DataFrame({"baryon_model": gas, "bin": name, **columns}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _noise_cutouts(clean: MapStore, planck: MapStore) -> np.ndarray:
    """Noise alone at some development maps: the same maps with it less those without."""
    rows = partition_rows(planck, "development")
    rows = rows[np.linspace(0, len(rows) - 1, min(NOISE_MAPS, len(rows))).astype(int)]
    return planck.read("compton_y", rows) - clean.read("compton_y", rows)


def _by_blocks(
    store: MapStore,
    rows: np.ndarray,
    redshift: np.ndarray,
    estimators: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]],
) -> dict[str, np.ndarray]:
    """Applies estimators of (maps, redshifts) to blocks of maps; each `(..., n)`."""
    blocks: dict[str, list[np.ndarray]] = {name: [] for name in estimators}
    for start in range(0, len(rows), BLOCK_ROWS):
        block = slice(start, start + BLOCK_ROWS)
        maps = store.read("compton_y", rows[block])
        for name, estimate in estimators.items():
            blocks[name].append(estimate(maps, redshift[block]))
    return {name: np.concatenate(parts, axis=-1) for name, parts in blocks.items()}
