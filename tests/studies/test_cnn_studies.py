"""Studies of CNNs on small stores: what they divide, whom they judge, what they write."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import small_params, write_stores
from helpers.recording import ListRun
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.network.ensemble import Ensemble
from szmass.params import Cnn, Params
from szmass.storage.store import MapStore
from szmass.studies.architectures.report import report as report_architectures
from szmass.studies.architectures.settings import Architectures
from szmass.studies.architectures.train import train as train_architectures
from szmass.studies.networks import members_among
from szmass.studies.redshift_bins.report import report as report_redshift_bins
from szmass.studies.redshift_bins.settings import RedshiftBins
from szmass.studies.redshift_bins.train import train as train_redshift_bins
from szmass.studies.saliency.judge import examples, judge
from szmass.studies.saliency.report import report as report_saliency
from szmass.studies.saliency.settings import Saliency
from szmass.studies.training_size.report import report as report_training_size
from szmass.studies.training_size.settings import TrainingSize
from szmass.studies.training_size.train import of_some_clusters
from szmass.studies.training_size.train import train as train_training_size


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    settings = small_params(params)
    return replace(settings, cnn=replace(settings.cnn, members=1, m200_members=0))


@pytest.fixture(scope="module")
def stores(small: Params, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return write_stores(tmp_path_factory.mktemp("stores"), small)


@pytest.fixture(scope="module")
def store(stores: dict[str, Path]) -> MapStore:
    return open_planck_store(stores["planck_store"])


def run_step(
    step: Callable[..., None], study: Any, small: Params, stores: Mapping[str, Path], **given: Any
) -> ListRun:
    run = ListRun()
    step(small.seed, small.cnn, small.evaluation, study, **stores, **given, run=run)
    return run


def read(here: Path, item: str) -> tuple[dict[str, float], pd.DataFrame]:
    folder = here / "items" / item
    return json.loads((folder / "metrics.json").read_text()), pd.read_csv(
        folder / "predictions.csv"
    )


def require_results(here: Path, run: ListRun, items: Mapping[str, Any], figures: set[str]) -> str:
    assert set(json.loads((here / "metrics.json").read_text())) == set(items)
    assert {path.name for path in run.figures} == figures
    assert {path.name for path, _ in run.artifacts} == {"metrics.json", "table.md"}
    return (here / "table.md").read_text()


def test_members_keep_to_their_maps_and_divide_clusters(small: Params) -> None:
    cluster = np.repeat(np.arange(30), 4)
    positions = np.flatnonzero(cluster % 2 == 0)
    for member in members_among((1, 0, 0, 0), cluster, positions, replace(small.cnn, members=3)):
        both = np.concatenate([member.train, member.validation])
        assert sorted(both) == positions.tolist()
        assert not set(cluster[member.train]) & set(cluster[member.validation])


def test_maps_that_are_divided_share_their_clusters(small: Params) -> None:
    cluster = np.repeat(np.arange(30), 4)
    (member,) = members_among((1, 0, 0, 0), np.arange(120), np.arange(120), small.cnn)
    shared = set(cluster[member.train]) & set(cluster[member.validation])
    assert len(shared) > 10


def test_redshift_bins(
    small: Params, stores: dict[str, Path], store: MapStore, tmp_path: Path
) -> None:
    study = RedshiftBins("planck", 1, 200, {"one": [0.2, 1.0], "two": [0.2, 0.4, 1.0]})
    run = run_step(train_redshift_bins, study, small, stores, here=tmp_path)
    assert list(run.children) == list(study.items)
    for item, edges in study.items.items():
        of_item = run.children[item]
        assert len(of_item.children) == len(edges) - 1
        metrics, table = read(tmp_path, item)
        # whatever the division, all test clusters are judged, once
        assert sorted(table["cluster"]) == sorted(of_test(store))
        ratio = np.log10(table["ensemble_msun"] / table["m500c_msun"])
        assert metrics["scatter_dex_ensemble"] == pytest.approx(np.std(ratio), rel=1e-4)
        assert ("scatter_dex_ensemble", metrics["scatter_dex_ensemble"], None) in of_item.metrics
    run = ListRun()
    paper = ROOT / "data/reference/de_andres_2022.yaml"
    report_redshift_bins(study, de_andres_2022=paper, here=tmp_path, run=run)
    table = require_results(tmp_path, run, study.items, {"supp8_residuals.png"})
    assert "| paper     | -0.0002    | 0.1078" in table


def of_test(store: MapStore) -> list[int]:
    found: list[int] = store.read("cluster")[store.read("partition") == 1].tolist()
    return found


def test_the_intervals_are_the_papers_with_0p6_where_it_prints_0p7(params: Params) -> None:
    from ruamel.yaml import YAML

    root = ROOT
    items = YAML(typ="safe").load(root / "studies/redshift_bins/params.yaml")["items"]
    assert [len(edges) - 1 for edges in items.values()] == [1, 2, 4, 8]
    assert items["four"] == [0.0, *(high for _, high in params.bins.values())]
    assert items["eight"] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0]


def test_training_size(small: Params, stores: dict[str, Path], tmp_path: Path) -> None:
    study = TrainingSize("planck", [0.2, 0.4], 1, 200, {"few": 20, "many": 100}, {"long": 400})
    assert study.sizes() == {"few": (20, 200), "many": (100, 200), "long": (100, 400)}
    run_step(train_training_size, study, small, stores, here=tmp_path)
    for item, (clusters, maps_seen) in study.sizes().items():
        metrics, _ = read(tmp_path, item)
        trained_on = 1.0 - small.cnn.validation_fraction
        assert metrics["training_maps"] == round(trained_on * clusters)
        facts = Ensemble.load(tmp_path / "items" / item / "networks").facts
        seen = len(facts["members"][0]["history"]) * metrics["training_maps"]
        assert seen == metrics["maps_seen"] == pytest.approx(maps_seen, rel=0.3)
    run = ListRun()
    report_training_size(study, here=tmp_path, run=run)
    require_results(tmp_path, run, study.sizes(), {"training_size.png"})


def test_an_item_is_the_same_alone_and_after_others(
    small: Params, stores: dict[str, Path], tmp_path: Path
) -> None:
    items = {"few": 20, "many": 60}
    for folder, chosen in (("both", items), ("alone", {"many": 60})):
        study = TrainingSize("planck", [0.2, 0.4], 1, 100, chosen, {})
        run_step(train_training_size, study, small, stores, here=tmp_path / folder)
    both, alone = (
        {
            str(path.relative_to(tmp_path / folder)): path.read_bytes()
            for path in (tmp_path / folder / "items" / "many").rglob("*")
            if path.is_file()
        }
        for folder in ("both", "alone")
    )
    assert both == alone
    # another item's settings are not its own: it stays
    (tmp_path / "both" / "items" / "many" / "metrics.json").write_text('{"kept": 1.0}')
    study = TrainingSize("planck", [0.2, 0.4], 1, 100, items | {"few": 30}, {})
    run = run_step(train_training_size, study, small, stores, here=tmp_path / "both")
    assert run.children["many"].metrics == [("kept", 1.0, None)]
    assert read(tmp_path / "both", "few")[0]["training_maps"] == round(
        30 * (1.0 - small.cnn.validation_fraction)
    )


def test_fewer_clusters_are_among_more_and_too_many_refused() -> None:
    cluster = np.repeat(np.arange(50), 3)
    few, many = (of_some_clusters(cluster, count, seed=1) for count in (10, 30))
    assert set(few) < set(many)
    assert len(np.unique(cluster[few])) == 10
    with pytest.raises(ValueError, match="items = 51: expected at most the bin's 50 clusters"):
        of_some_clusters(cluster, 51, seed=1)


def test_architectures(small: Params, stores: dict[str, Path], tmp_path: Path) -> None:
    items = {"grid": {"kernel": [1.0, 3.0], "dropout": [0.1]}, "repeats": {"members": [2.0]}}
    study = Architectures("planck", [0.2, 0.4], 100, items)
    names = study.names(small.cnn)
    assert names == ["grid/kernel_1_dropout_0.1", "grid/kernel_3_dropout_0.1", "repeats/members_2"]
    run_step(train_architectures, study, small, stores, here=tmp_path)
    losses, parameters = {}, {}
    for name in names:
        metrics, _ = read(tmp_path, name)
        losses[name] = [v for key, v in metrics.items() if key.startswith("validation_loss_")]
        parameters[name] = metrics["parameters"]
    assert [len(found) for found in losses.values()] == [1, 1, 2]
    # (3^2 - 1^2) weights more for each pair of filters of 1-4 and 4-8
    assert parameters[names[1]] - parameters[names[0]] == 8 * (1 * 4 + 4 * 8)
    run = ListRun()
    report_architectures(small.cnn, study, here=tmp_path, run=run)
    require_results(tmp_path, run, dict.fromkeys(names), {"supp5_architectures.png"})


def test_a_setting_that_the_cnn_does_not_have_is_named() -> None:
    with pytest.raises(ValueError, match="items.grid = 'kernels': expected one of filters, kernel"):
        Architectures("planck", [0.2, 0.4], 100, {"grid": {"kernels": [1.0]}, "repeats": {}})


def test_values_have_the_type_of_the_setting(params: Params) -> None:
    items = {"repeats": {"kernel": [2.0], "dropout": [0.3]}}
    (network,) = (
        Architectures("clean", [0.0, 1.0], 1, items).networks("repeats", params.cnn).values()
    )
    assert isinstance(network, Cnn)
    assert isinstance(network.kernel, int)
    assert network.dropout == 0.3


def test_saliency(small: Params, store: MapStore, tmp_path: Path) -> None:
    models = tmp_path / "cnn"
    write_ensembles(models, {"planck": store}, replace(small, cnn=replace(small.cnn, members=2)))
    study = Saliency("planck", 24, 8, 4.0, [0.4, 1.2], "z1", 3, 0.05, 0.06)
    stores = {"clean_store": store.path, "planck_store": store.path}
    judge(
        small.seed, small.bins, small.cnn, study, **stores, cnn_models=models, here=tmp_path,
        run=ListRun(),
    )  # fmt: skip
    for item in small.bins:
        metrics, table = read(tmp_path, item)
        assert len(table) == study.clusters
        assert 0 < metrics["gradient_share_median"] < 1
    run = ListRun()
    report_saliency(small.bins, study, here=tmp_path, run=run)
    shown = {"supp9_saliency_maps.png", "supp10_saliency_profiles.png"}
    require_results(tmp_path, run, small.bins, shown)


def test_examples_are_the_good_ones_then_the_bad_from_heavy_to_light() -> None:
    study = Saliency("planck", 24, 8, 4.0, [0.4, 1.2], "z1", 2, 0.03, 0.15)
    ratio = np.array([0.0, 0.2, 0.01, -0.3, 0.02, 0.1, 0.4])
    mass = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert examples(ratio, mass, study).tolist() == [4, 0, 6, 1]
