"""The stages from maps to masses, with clusters of another simulation in place of mock ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers.compton_line import small
from helpers.recording import ListRun
from helpers.simulated_maps import SIMULATED, THEIR_GAS, THEIR_PRESSURE, simulated_maps
from szmass.__main__ import bind
from szmass.cli import main
from szmass.compton.maps.imported import ImportedClustersError
from szmass.compton.maps.stores import baryon_model_names, open_clean_store, open_originals_store
from szmass.params import Params, ParamsError
from szmass.planck.stores import PARTITIONS
from szmass.sky.clusters.universal import beamed_profiles
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.redshift_bins import redshift_bin
from szmass.stages.compton.add_planck_noise import add_planck_noise
from szmass.stages.compton.cut_psz2 import cut_psz2
from szmass.stages.compton.evaluate_cnn import evaluate_cnn
from szmass.stages.compton.infer_psz2 import infer_psz2
from szmass.stages.compton.make_planck_sky import make_planck_sky
from szmass.stages.compton.simulate_clusters import simulate_clusters
from szmass.stages.compton.train_cnn import train_cnn
from szmass.stages.compton.validate_compton import validate_compton
from szmass.stages.weighing.evaluate_weighing import evaluate_weighing
from szmass.stages.weighing.simulate_training_clusters import simulate_training_clusters
from szmass.stages.weighing.train_weighing import train_weighing
from szmass.storage.imported import PARTITIONS as OF_STORE
from szmass.storage.imported import ImportedClusters
from szmass.storage.store import StoreError
from szmass.weighing.record import Record
from szmass.weighing.training.imported import ImportedGasError, require_trained

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

BINS = {"near": [0.0, 0.4], "far": [0.4, 1.0]}
CUT_1E14 = 1.6
STORE, PROJECTIONS = "theirs.zarr", 4
PARTS = ("training", "test", "validation", "test", "training")


def execute(stage: Callable[..., None], settings: Params, **more: Any) -> None:
    """Calls a stage with its settings and paths, as the pipeline does."""
    sections, paths = bind(stage, settings)
    stage(**sections, **paths, **more)


@pytest.fixture(scope="module")
def settings(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Params:
    """Two redshift bins, clusters from a store, small networks, all in a folder of its own."""
    folder, coarse = tmp_path_factory.mktemp("imported"), small(params)
    paths = {
        name: (ROOT if path.is_relative_to("data/reference") else folder) / path
        for name, path in params.paths.items()
    }
    paths["simulations"] = folder / "simulations"
    return replace(
        coarse,
        paths=MappingProxyType(paths),
        bins=BINS,
        compton=replace(
            coarse.compton, source=STORE, originals=2, mass_cuts_1e14=dict.fromkeys(BINS, CUT_1E14)
        ),
        cnn=replace(
            coarse.cnn, filters=4, convolutions=2, neurons=8, members=3, clean_members=3,
            m200_members=0, epochs=1, mass_bins=2,
        ),
        weighing=replace(
            coarse.weighing, filters=4, training_clusters=160, validation_clusters=40,
            test_clusters=60, hidden=8, hidden_layers=1, gaussians=1, networks=1, epochs=4,
            batch=32, gas_nodes=2, axis_nodes=101, threads=1,
        ),
        evaluation=replace(coarse.evaluation, bootstrap_draws=10),
        resources=replace(coarse.resources, workers=1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def clusters(settings: Params) -> ImportedClusters:
    """The store, after the maps were written and imported as a user does."""
    folder, cosmology = settings.paths["simulations"], Cosmology.of(settings.compton)
    folder.mkdir()
    simulated_maps(folder, cosmology, (0.15, 0.9), projections=PROJECTIONS)
    table = pd.read_csv(folder / "simulated.csv")
    table["partition"] = table["cluster"].map(lambda number: PARTS[number % len(PARTS)])
    table.to_csv(folder / "simulated.csv", index=False)
    main(["import-maps", str(folder / "simulated.csv"), "--out", str(folder / STORE)])
    return ImportedClusters.read(folder / STORE, cosmology)


@pytest.fixture(scope="module")
def maps(settings: Params, clusters: ImportedClusters) -> dict[str, Path]:
    """The paths after the stage that shows the clusters."""
    assert len(clusters.redshift) == PROJECTIONS * SIMULATED
    execute(simulate_clusters, settings)
    return dict(settings.paths)


def used_rows(clusters: ImportedClusters) -> np.ndarray:
    """Rows of the imported maps: those that no bin or mass leaves out, one of a test cluster."""
    used = (redshift_bin(clusters.redshift, BINS) >= 0) & (clusters.m500c_msun >= CUT_1E14 * 1e14)
    first = np.arange(len(used)) % PROJECTIONS == 0
    return np.flatnonzero(used & (first | (clusters.partition != OF_STORE.index("test"))))


def test_labels_are_those_that_were_measured(
    maps: dict[str, Path], clusters: ImportedClusters
) -> None:
    clean, rows = open_clean_store(maps["clean_store"]), used_rows(clusters)
    assert len(rows) < PROJECTIONS * SIMULATED
    assert baryon_model_names(clean) == ["imported"]
    order = np.argsort(clean.read("y500_cyl_arcmin2"))
    own = rows[np.argsort(clusters.y500_cyl_arcmin2[rows])]
    for name in ("y500_cyl_arcmin2", "theta500_arcmin", "m500c_msun", "redshift"):
        np.testing.assert_array_equal(clean.read(name)[order], getattr(clusters, name)[own])
    assert set(clean.read("projection").tolist()) == set(range(PROJECTIONS))


def test_maps_are_what_planck_s_beam_makes_of_them(maps: dict[str, Path], settings: Params) -> None:
    clean = open_clean_store(maps["clean_store"])
    grid = PixelGrid.of(settings.compton)
    radii, index = grid.unique_radii
    for row in range(0, len(clean.read("cluster")), 9):
        theta500 = clean.read("theta500_arcmin")[row : row + 1]
        # the files are behind a beam of two of their pixels, theta500 / 14
        beam = np.hypot(settings.compton.beam_fwhm_arcmin, float(theta500[0]) / 14.0)
        profile = beamed_profiles(theta500, radii, beam_fwhm_arcmin=beam, pressure=THEIR_PRESSURE)
        image, expected = clean.read("compton_y")[row].ravel(), profile[0][index].ravel()
        scale = float(image @ expected / (expected @ expected))
        np.testing.assert_allclose(image, scale * expected, atol=0.01 * image.max())


def test_clusters_are_divided_as_their_store_has_them(
    maps: dict[str, Path], clusters: ImportedClusters
) -> None:
    clean = open_clean_store(maps["clean_store"])
    partition, mass = clean.read("partition"), clean.read("m500c_msun")
    rows = used_rows(clusters)
    test = clusters.partition[rows] == OF_STORE.index("test")
    for name, own in (("test", rows[test]), ("development", rows[~test])):
        made = np.sort(mass[partition == PARTITIONS.index(name)])
        np.testing.assert_array_equal(made, np.sort(clusters.m500c_msun[own]))
    originals = open_originals_store(maps["originals_store"])
    assert set(originals.read("partition")) == {PARTITIONS.index("test")}
    assert len(np.unique(originals.read("cluster"))) == len(originals.read("cluster")) == 4


def test_originals_hold_their_signal(maps: dict[str, Path]) -> None:
    store = open_originals_store(maps["originals_store"])
    axis, theta500 = store.read("x"), store.read("theta500_arcmin")
    for row, y500 in enumerate(store.read("y500_cyl_arcmin2")):
        inside = np.hypot(*np.meshgrid(axis, axis)) < theta500[row]
        total = store.read("compton_y", np.array([row]))[0][inside].sum() * (axis[1] - axis[0]) ** 2
        assert total == pytest.approx(y500, rel=0.01)


@pytest.fixture(scope="module")
def verdict(settings: Params, maps: dict[str, Path]) -> dict[str, Any]:
    """Of the maps, with Planck's noise and sky."""
    for stage in (make_planck_sky, cut_psz2, add_planck_noise):
        execute(stage, settings)
    execute(validate_compton, settings, run=ListRun())
    content: dict[str, Any] = json.loads(maps["compton_verdict"].read_text())
    return content


def test_validation_reports_the_relation_and_expects_none(verdict: dict[str, Any]) -> None:
    assert verdict["success"] is True
    relations = {
        result["name"]: result for result in verdict["results"] if result["table"] == "relations"
    }
    for name, value in THEIR_GAS.items():
        result = relations[f"every {name}"]
        assert result["expected"] == ["-inf", "inf"]
        assert result["observed"][0] == pytest.approx(value, abs=0.1)
    assert not [r for r in verdict["results"] if "ln_y500_over_relation" in r["name"]]


@pytest.fixture(scope="module")
def trained(settings: Params, maps: dict[str, Path], verdict: dict[str, Any]) -> dict[str, Path]:
    """The paths after the networks of both bins were trained and judged."""
    assert verdict["success"]
    for item in BINS:
        execute(train_cnn, settings, item=item, run=ListRun())
    for stage in (evaluate_cnn, infer_psz2):
        execute(stage, settings, run=ListRun())
    return maps


def test_networks_are_trained_and_judged_on_them(
    trained: dict[str, Path], clusters: ImportedClusters
) -> None:
    predictions, rows = pd.read_csv(trained["cnn_predictions"]), used_rows(clusters)
    tested = rows[clusters.partition[rows] == OF_STORE.index("test")]
    assert len(predictions) == 2 * len(tested)
    # masses by Y scatter as Y does about the measured relation
    by_relation = np.log(predictions["relation_msun"] / predictions["m500c_msun"])
    assert abs(by_relation.mean()) < 0.05
    assert STORE in trained["compton_table"].read_text()


def test_weighing_learns_from_them(
    trained: dict[str, Path], settings: Params, clusters: ImportedClusters
) -> None:
    execute(simulate_training_clusters, settings)
    for stage in (train_weighing, evaluate_weighing):
        execute(stage, settings, run=ListRun())
    facts = Record.read(trained["weighing_record"]).facts
    assert facts.reference_gas == "imported"
    assert set(facts.gas_models) == {"imported", *settings.baryon_models}
    measured = clusters.relation(Cosmology.of(settings.compton))
    assert facts.gas_models["imported"]["alpha"] == pytest.approx(measured.alpha, abs=0.05)
    metrics = json.loads(trained["weighing_metrics"].read_text())
    assert {"planck", "planck_imported", "stand_in"} <= set(metrics)


def test_a_gas_that_weighing_is_not_trained_on_is_named(settings: Params) -> None:
    steep = {"imported": replace(settings.baryon_models["gadget_x"], alpha=2.2)}
    message = r"theirs.zarr: alpha = 2.200 .* expected it in weighing.alpha = \[1.4, 2.0\]"
    with pytest.raises(ImportedGasError, match=message):
        require_trained(steep, settings.weighing, Path(STORE))


@pytest.mark.parametrize("source", ["none.zarr", "other.zarr"])
def test_a_store_that_is_none_is_named(
    settings: Params, maps: dict[str, Path], source: str
) -> None:
    other = maps["simulations"] / "other.zarr"
    shutil.copytree(maps["clean_store"], other, dirs_exist_ok=True)
    asked = replace(settings, compton=replace(settings.compton, source=source))
    message = rf"simulations/{source}: (no Zarr group|title = 'simulated .* expected 'clusters of)"
    with pytest.raises(StoreError, match=message):
        execute(simulate_clusters, asked)


@pytest.mark.usefixtures("clusters")
def test_a_bin_without_clusters_is_named(settings: Params) -> None:
    asked = replace(settings, bins={"near": [0.0, 0.9], "far": [0.9, 1.0]})
    message = r"theirs.zarr: 0 clusters for development in bins.far, 0.9 < z <= 1, .* expected at"
    with pytest.raises(ImportedClustersError, match=message):
        execute(simulate_clusters, asked)


@pytest.mark.usefixtures("clusters")
def test_another_cosmology_than_that_of_the_import_is_named(settings: Params) -> None:
    other = replace(settings, compton=replace(settings.compton, cosmology="planck18"))
    with pytest.raises(StoreError, match="theta500_arcmin = .* in row 0: expected .* planck18"):
        execute(simulate_clusters, other)


@pytest.mark.parametrize("source", ["theirs", "of/theirs.zarr", ""])
def test_a_source_is_mock_or_the_name_of_a_store(settings: Params, source: str) -> None:
    with pytest.raises(ParamsError, match=r"source = .*: expected mock, or the name of a store"):
        replace(settings.compton, source=source)
