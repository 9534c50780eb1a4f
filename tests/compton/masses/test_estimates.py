"""Every estimator is applied to test maps alone, and baselines know what they are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import gaussian_kde

from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import (
    BINS,
    MEMBERS,
    OTHER,
    SCATTER_LNY,
    TEST,
    draw_clusters,
    small_params,
    write_stores,
)
from szmass.compton.maps.partitions import PartitionError, require_test, require_unseen
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.masses import estimates
from szmass.compton.masses.estimates import (
    Baselines,
    JudgedClusters,
    judge_clusters,
    masses_of_other_gas,
)
from szmass.compton.masses.out_of_fold import read_out_of_fold
from szmass.compton.network.ensemble import OUT_OF_FOLD_FILE, Ensemble
from szmass.compton.network.selection import predictors_msun
from szmass.compton.results.metrics import FEWEST_MAPS, other_gas_metrics
from szmass.params import Params
from szmass.storage.store import MapStore


@pytest.fixture(scope="module")
def settings(params: Params) -> Params:
    return small_params(params)


@pytest.fixture(scope="module")
def folder(settings: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compton")
    planck = open_planck_store(write_stores(folder, settings)["planck_store"])
    write_ensembles(folder / "cnn", {"planck": planck}, settings)
    return folder


@pytest.fixture(scope="module")
def clean(folder: Path) -> MapStore:
    return open_clean_store(folder / "clean.zarr")


@pytest.fixture(scope="module")
def judged(folder: Path, clean: MapStore, settings: Params) -> JudgedClusters:
    planck = open_planck_store(folder / "planck.zarr")
    model = settings.baryon_models[settings.compton.baryon_model]
    return judge_clusters(
        planck,
        BINS["z2"],
        folder / "cnn" / "z2" / "planck",
        posterior=settings.posterior,
        baselines=Baselines.of_stores(settings.compton, model, clean=clean, planck=planck),
        with_m200=True,
    )


def test_each_test_cluster_of_the_bin_is_judged_and_no_other(
    judged: JudgedClusters, settings: Params
) -> None:
    samples = draw_clusters(settings)
    wanted = samples.cluster[(samples.partition == 1) & (samples.redshift > BINS["z2"][0])]
    assert judged.labels["cluster"].tolist() == wanted.tolist()
    assert {len(values) for values in judged.table.values()} == {TEST}
    assert {"selected_msun", "m200_ensemble_msun", "prior_msun", "rank_posterior"} <= set(
        judged.table
    )


def test_blocks_of_maps_change_nothing(
    judged: JudgedClusters, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_planck_store(folder / "planck.zarr")
    rows = np.flatnonzero(np.isin(store.read("cluster"), judged.labels["cluster"]))
    ensemble = Ensemble.load(folder / "cnn" / "z2" / "planck" / "m500c")
    whole = ensemble(store.read("compton_y", rows))
    monkeypatch.setattr(estimates, "BLOCK_ROWS", 7)
    blocks = estimates._by_blocks(
        store, rows, judged.labels["redshift"], {"m500c": lambda maps, _: ensemble(maps)}
    )
    np.testing.assert_allclose(blocks["m500c"], whole, atol=1e-5)
    np.testing.assert_allclose(judged.m500c_msun["ensemble"], 10 ** whole.mean(axis=0), rtol=1e-4)


def test_the_ensemble_is_the_mean_in_log_mass() -> None:
    masses = predictors_msun(np.array([[14.0, 15.0], [14.4, 15.2]]), selected=1)
    np.testing.assert_allclose(masses["selected"], [10**14.4, 10**15.2])
    np.testing.assert_allclose(masses["ensemble"], [10**14.2, 10**15.1])


def test_baselines_see_the_scatter_that_was_put_in(judged: JudgedClusters) -> None:
    truth = judged.labels["m500c_msun"]
    relation = np.log(judged.m500c_msun["relation"] / truth)
    # sigma(ln M) = sigma(ln Y) / alpha
    assert np.std(relation) == pytest.approx(SCATTER_LNY / 1.63, rel=0.3)
    filtered = np.log(judged.m500c_msun["matched_filter"] / truth)
    assert abs(np.median(filtered)) < 0.1
    assert np.std(filtered) < 0.3
    assert len(set(judged.m500c_msun["prior"])) == 1


def test_ranks_are_those_of_the_kernel_density_at_the_selected_masses(
    judged: JudgedClusters, folder: Path, settings: Params
) -> None:
    assert len(judged.facts["members"]) == MEMBERS
    assert judged.layers[-1][:2] == ("Dense", (1,))
    sample = read_out_of_fold(folder / "cnn" / "z2" / "planck" / "m500c" / OUT_OF_FOLD_FILE)
    bandwidth = settings.posterior.kde_bandwidth
    kde = gaussian_kde([sample.log10_pred, sample.log10_true], bw_method=bandwidth)
    axis = np.linspace(13.5, 15.7, 4001)
    for row in range(0, TEST, 20):
        seen = np.log10(judged.m500c_msun["selected"][row])
        density = kde([np.full(len(axis), seen), axis])
        below = axis <= np.log10(judged.labels["m500c_msun"][row])
        assert judged.ranks[row] == pytest.approx(density[below].sum() / density.sum(), abs=0.01)


def test_clusters_of_a_fainter_gas_come_out_light(folder: Path, settings: Params) -> None:
    planck = open_planck_store(folder / "planck.zarr")
    masses = masses_of_other_gas(planck, BINS, folder / "cnn")
    others = set(settings.baryon_models) - {settings.compton.baryon_model}
    assert set(masses["baryon_model"]) == others
    assert len(masses) == OTHER * len(BINS) * len(others)
    metrics = other_gas_metrics(masses)
    # at 6e14 magneticum's Y is fainter by 10^-0.135: 0.135 / 1.63 dex in mass, b of -0.21
    assert metrics["relerr_median_ensemble_magneticum"] == pytest.approx(-0.21, abs=0.08)
    few = masses.groupby("baryon_model").head(FEWEST_MAPS - 1)
    assert other_gas_metrics(few) == {}
    assert other_gas_metrics(masses[:0]) == {}


def test_a_map_of_another_partition_is_refused(clean: MapStore) -> None:
    rows = np.flatnonzero(clean.read("partition") <= 1)
    with pytest.raises(PartitionError, match="row 0: development: expected test maps"):
        require_test(clean, rows)
    with pytest.raises(PartitionError, match="nothing: expected test maps"):
        require_test(clean, rows[:0])


def test_a_cluster_that_a_network_has_seen_is_refused() -> None:
    with pytest.raises(PartitionError, match="cluster 7: of the test set, but trained on"):
        require_unseen(np.array([1, 7]), np.array([7, 9]), "store")
