"""Masses from maps in physical units, without the training data."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import TEST, small_params, write_stores
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.make_record import measure_knowledge
from szmass.compton.masses.predictor import Predictor, PredictorError
from szmass.compton.masses.record import KNOWLEDGE_FILE, KnowledgeError
from szmass.params import Params
from szmass.storage.store import MapStore


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    return small_params(params)


@pytest.fixture(scope="module")
def folder(small: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ensembles, knowledge and store; never to be changed."""
    folder = tmp_path_factory.mktemp("ensembles")
    store = open_planck_store(write_stores(folder, small)["planck_store"])
    write_ensembles(folder / "cnn", {"planck": store}, small)
    knowledge = measure_knowledge(
        store,
        folder / "cnn",
        small.bins,
        compton=small.compton,
        cnn=small.cnn,
        posterior=small.posterior,
    )
    knowledge.write(folder / "cnn_posterior")
    return folder


@pytest.fixture(scope="module")
def store(folder: Path) -> MapStore:
    return open_planck_store(folder / "planck.zarr")


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return Predictor.load(folder / "cnn")


def test_masses_of_test_maps_come_back(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[::-1]  # bins mixed is as good as in order
    columns = predictor(store.read("compton_y", rows), store.read("redshift", rows))
    truth = store.read("m500c_msun", rows)
    ratio = np.log10(columns["m500_msun"] / truth)
    assert abs(np.median(ratio)) < 0.05
    assert np.std(ratio) < 0.12
    inside = (columns["m500_msun_p16"] < truth) & (truth < columns["m500_msun_p84"])
    assert 0.5 < inside.mean() < 0.85
    order = ["m500_msun_p2p5", "m500_msun_p16", "m500_msun", "m500_msun_p84", "m500_msun_p97p5"]
    assert (np.diff([columns[name] for name in order], axis=0) > 0).all()
    np.testing.assert_allclose(columns["m500_msun"], 10.0 ** columns["log10_m500"])
    assert list(columns["bin"]) == ["z2"] * TEST + ["z1"] * TEST
    assert columns["out_of_range"].mean() < 0.15


def test_what_networks_have_not_seen_is_flagged(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[:3]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    maps[0] *= 4.0
    maps[1, 4, 4] = -4e-5  # a point source
    maps[2] += np.random.default_rng(1).normal(0.0, 5e-6, maps[2].shape)
    reasons = predictor(maps, redshift)["out_of_range_reason"]
    assert "centre" in reasons[0]
    assert "minimum" in reasons[1]
    assert "rms_outside" in reasons[2]
    assert predictor(maps, redshift)["out_of_range"].all()


def test_the_gas_of_another_model_is_a_systematic(predictor: Predictor, small: Params) -> None:
    for known in predictor.knowledge.bins.values():
        assert set(known.shifts) == set(small.baryon_models) - {small.compton.baryon_model}
        # fainter at a given mass by 10^-0.135, magneticum's clusters seem lighter
        assert known.shifts["magneticum"](np.array([14.8]))[0] < -0.02
    bins = predictor.bins["z1"]
    magneticum = bins.known.shifts["magneticum"](np.array([14.8]))
    assert bins.systematic_dex(np.array([14.8]))[0] >= abs(magneticum[0])


def test_a_light_prior_gives_lighter_masses(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[:10]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    light = 10.0 ** (-4.0 * (predictor.axis_log10_msun - 14.8))
    assert (
        predictor(maps, redshift, light)["m500_msun"] < predictor(maps, redshift)["m500_msun"]
    ).all()
    assert "120 simulated clusters of 3." in predictor.prior_in_words("z1")


def test_each_map_is_weighed_at_its_own_redshift(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[[0, TEST, 1, TEST + 1]]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    together = predictor(maps, redshift)["m500_msun"]
    alone = [predictor(maps[[i]], redshift[[i]])["m500_msun"][0] for i in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    edges = [predictor.knowledge.bins[name].edges for name in predictor(maps, redshift)["bin"]]
    ends = np.array([[low + 1e-3, high] for low, high in edges])
    near, far = (predictor(maps, end)["m500_msun"] for end in ends.T)
    in_z1 = np.array([0, 2])
    assert (far != near).all()
    assert (far[in_z1] > 1.05 * near[in_z1]).all()  # as bright from farther away


def test_a_redshift_of_no_bin_is_named(predictor: Predictor, store: MapStore) -> None:
    maps = store.read("compton_y", np.array([0]))
    with pytest.raises(KnowledgeError, match="redshift = 0.1: expected .* 0.2 < z <= 0.4, 0.4 < z"):
        predictor(maps, np.array([0.1]))


def test_knowledge_of_other_ensembles_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "cnn", tmp_path / "cnn")
    with pytest.raises(KnowledgeError, match="cnn_posterior/knowledge.json: not there; make it"):
        Predictor.load(tmp_path / "cnn")
    shutil.copytree(folder / "cnn_posterior", tmp_path / "cnn_posterior")
    facts = tmp_path / "cnn" / "z1" / "planck" / "m500c" / "ensemble.json"
    facts.write_text(facts.read_text().replace('"selected": 1', '"selected": 0'))
    with pytest.raises(PredictorError, match="was made for the ensembles .*: run dvc repro infer"):
        Predictor.load(tmp_path / "cnn")
    shutil.rmtree(tmp_path / "cnn" / "z1")
    with pytest.raises(PredictorError, match="z1/planck/m500c: not there; make it"):
        Predictor.load(tmp_path / "cnn")
    (tmp_path / "cnn_posterior" / KNOWLEDGE_FILE).write_text('{"format": 0}')
    with pytest.raises(KnowledgeError, match="format = 0: expected 2"):
        Predictor.load(tmp_path / "cnn")
