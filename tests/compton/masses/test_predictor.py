"""Masses from maps in physical units, without the training data."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import DEVELOPMENT, TEST, small_params, write_stores
from szmass.compton.maps.partitions import partition_rows
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.predictor import (
    TOO_HEAVY,
    TOO_LIGHT,
    Predictor,
    PredictorError,
    make_record,
)
from szmass.compton.masses.record import RECORD_FILE, CnnRecord, CnnRecordError
from szmass.hashes import HashError, write_sums
from szmass.params import Params
from szmass.storage.store import MapStore


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    return small_params(params)


@pytest.fixture(scope="module")
def folder(small: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ensembles, their record and store; never to be changed."""
    folder = tmp_path_factory.mktemp("ensembles")
    store = open_planck_store(write_stores(folder, small)["planck_store"])
    write_ensembles(folder / "cnn", {"planck": store}, small)
    settings = {name: getattr(small, name) for name in ("compton", "cnn", "posterior")}
    make_record(folder / "cnn", small.bins, **settings).write(folder / "cnn_posterior")
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
    for level, low, high in ((0.68, "p16", "p84"), (0.95, "p2p5", "p97p5")):
        inside = (columns[f"m500_msun_{low}"] < truth) & (truth < columns[f"m500_msun_{high}"])
        assert binomtest(int(inside.sum()), len(rows), level).pvalue > 0.001
    order = ["m500_msun_p2p5", "m500_msun_p16", "m500_msun", "m500_msun_p84", "m500_msun_p97p5"]
    assert (np.diff([columns[name] for name in order], axis=0) > 0).all()
    np.testing.assert_allclose(columns["m500_msun"], 10.0 ** columns["log10_m500"])
    assert list(columns["bin"]) == ["z2"] * TEST + ["z1"] * TEST
    assert columns["out_of_range"].mean() < 0.05


def test_the_last_bits_of_a_mass_raise_no_flag(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[-1:]
    (name,) = predictor.record.bin_names(store.read("redshift", rows))
    of_bin, maps = predictor.bins[name], store.read("compton_y", rows)
    mass = np.log10(of_bin(maps)["m500_selected_msun"])
    for apart, flagged in ((1e-6, False), (1e-4, True)):
        sample = replace(of_bin.sample, log10_pred=np.concatenate([mass - 1.0, mass - apart]))
        assert replace(of_bin, sample=sample)(maps)["out_of_range"] == [flagged]


def test_what_networks_have_not_seen_is_flagged(predictor: Predictor, store: MapStore) -> None:
    rows = partition_rows(store, "test")[:3]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    maps[0] *= 12.0
    maps[1] *= -1.0
    columns = predictor(maps, redshift)
    assert list(columns["out_of_range_reason"]) == [TOO_HEAVY, TOO_LIGHT, ""]
    assert list(columns["out_of_range"]) == [True, True, False]


def test_the_prior_is_the_masses_that_the_density_was_fitted_on(predictor: Predictor) -> None:
    sample = predictor.bins["z1"].sample
    masses = np.unique(10.0 ** (sample.log10_true - 14.0))
    words = predictor.prior_in_words("z1")
    assert words.startswith(f"{len(masses)} simulated clusters of {masses[0]:.1f} to ")
    assert words.endswith("0.2 < z <= 0.4")


def test_each_map_is_weighed_by_the_networks_of_its_bin(
    predictor: Predictor, store: MapStore
) -> None:
    rows = partition_rows(store, "test")[[0, TEST, 1, TEST + 1]]
    maps, redshift = store.read("compton_y", rows), store.read("redshift", rows)
    together = predictor(maps, redshift)["m500_msun"]
    alone = [predictor(maps[[i]], redshift[[i]])["m500_msun"][0] for i in range(4)]
    np.testing.assert_allclose(together, alone, rtol=1e-5)
    edges = [predictor.record.bins[name] for name in predictor(maps, redshift)["bin"]]
    ends = np.array([[low + 1e-3, high] for low, high in edges])
    near, far = (predictor(maps, end)["m500_msun"] for end in ends.T)
    np.testing.assert_array_equal(near, far)  # within a bin none is told the redshift
    other = predictor(maps, redshift[[1, 0, 3, 2]])["m500_msun"]
    assert (np.abs(np.log(other / together)) > 0.05).all()


def test_a_redshift_of_no_bin_is_named(predictor: Predictor, store: MapStore) -> None:
    maps = store.read("compton_y", np.array([0]))
    with pytest.raises(CnnRecordError, match="redshift = 0.1: expected .* 0.2 < z <= 0.4, 0.4 < z"):
        predictor(maps, np.array([0.1]))


def test_a_record_comes_back_as_it_was(folder: Path, predictor: Predictor, small: Params) -> None:
    record = CnnRecord.read(folder / "cnn_posterior")
    assert record == predictor.record
    assert record.bins == {name: tuple(edges) for name, edges in small.bins.items()}
    clusters = 2 * DEVELOPMENT
    assert record.made_with.endswith(f"1 epochs on {clusters} simulated clusters of gadget_x")
    assert record.made_with.startswith("2 networks a bin, ")


def test_a_record_of_other_ensembles_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "cnn", tmp_path / "cnn")
    with pytest.raises(CnnRecordError, match="cnn_posterior/record.json: not there; make it"):
        Predictor.load(tmp_path / "cnn")
    shutil.copytree(folder / "cnn_posterior", tmp_path / "cnn_posterior")
    facts = tmp_path / "cnn" / "z1" / "planck" / "m500c" / "ensemble.json"
    facts.write_text(facts.read_text().replace('"selected": 1', '"selected": 0'))
    with pytest.raises(
        HashError, match="z1/planck/m500c/ensemble.json: changed since it was saved"
    ):
        Predictor.load(tmp_path / "cnn")
    write_sums(facts.parent)
    with pytest.raises(PredictorError, match="was made for the ensembles .*: run dvc repro infer"):
        Predictor.load(tmp_path / "cnn")
    shutil.rmtree(tmp_path / "cnn" / "z1")
    with pytest.raises(HashError, match="z1/planck/m500c/SHA256SUMS: not there: .*; make it again"):
        Predictor.load(tmp_path / "cnn")
    path = tmp_path / "cnn_posterior" / RECORD_FILE
    content = json.loads(path.read_text())
    for changed, message in (
        ({"format": 0}, "format = 0: made by another version of szmass, expected format 3"),
        ({"bins": [1]}, "record.json: cannot be read"),
        ({"what": 1}, "record.json: cannot be read: .*'what'"),
    ):
        path.write_text(json.dumps(content | changed))
        with pytest.raises(CnnRecordError, match=message):
            Predictor.load(tmp_path / "cnn")
