"""The stage joins stores, ensembles, baselines, metrics, figures and tables, on test maps alone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers.mock_ensembles import write_ensembles
from helpers.mock_stores import (
    BINS,
    SCATTER_LNY,
    TEST,
    draw_clusters,
    small_params,
    write_originals,
    write_psz2,
    write_stores,
)
from helpers.recording import ListRun
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.compton.results.metrics import relative_error
from szmass.params import Params
from szmass.stages.compton.evaluate_cnn import evaluate_cnn

FIGURES = {
    *("figure1", "figure1_ensemble", "coverage", "ranks", "scaling_relation"),
    *("supp1_mass_redshift", "supp2_maps", "supp3_network", "supp4_members_passing"),
    *("supp6_densities", "supp7_kernel_density", "supp8_residuals"),
}


@pytest.fixture(scope="module")
def run() -> ListRun:
    return ListRun()


@pytest.fixture(scope="module")
def folder(params: Params, run: ListRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    settings = small_params(params)
    paths = write_stores(folder, settings)
    del paths["noise_store"]
    stores = {
        "clean": open_clean_store(paths["clean_store"]),
        "planck": open_planck_store(paths["planck_store"]),
    }
    write_ensembles(folder / "cnn", stores, settings)
    write_originals(folder / "originals.zarr", settings)
    write_psz2(folder / "psz2.zarr", settings)
    evaluate_cnn(
        settings.seed,
        settings.bins,
        settings.compton,
        settings.baryon_models,
        settings.cnn,
        settings.posterior,
        settings.evaluation,
        **paths,
        originals_store=folder / "originals.zarr",
        psz2_store=folder / "psz2.zarr",
        cnn_models=folder / "cnn",
        de_andres_2022=ROOT / "data" / "reference" / "de_andres_2022.yaml",
        cnn_predictions=folder / "out" / "predictions.csv",
        cnn_metrics=folder / "out" / "cnn.json",
        cnn_figures=folder / "out" / "figures",
        compton_table=folder / "out" / "table.md",
        run=run,
    )
    return folder / "out"


def read_metrics(folder: Path, data_set: str, name: str) -> dict[str, float]:
    metrics: dict[str, float] = json.loads((folder / "cnn.json").read_text())[data_set][name]
    return metrics


def test_predictions_are_of_test_clusters_alone(folder: Path, params: Params) -> None:
    predictions = pd.read_csv(folder / "predictions.csv")
    samples = draw_clusters(small_params(params))
    test = samples.cluster[samples.partition == 1]
    for _, of_data_set in predictions.groupby("data_set"):
        assert sorted(of_data_set["cluster"]) == sorted(test)
    assert len(predictions) == 2 * len(BINS) * TEST


def test_metrics_say_what_the_predictions_say(folder: Path) -> None:
    predictions = pd.read_csv(folder / "predictions.csv")
    rows = predictions[(predictions["data_set"] == "planck") & (predictions["bin"] == "z2")]
    metrics = read_metrics(folder, "planck", "z2")
    for name in ("ensemble", "selected", "relation", "matched_filter", "prior"):
        error = relative_error(rows[f"{name}_msun"].to_numpy(), rows["m500c_msun"].to_numpy())
        assert metrics[f"relerr_median_{name}"] == pytest.approx(np.median(error), abs=1e-5)
    error = relative_error(rows["m200_ensemble_msun"].to_numpy(), rows["m200c_msun"].to_numpy())
    assert metrics["m200_relerr_median_ensemble"] == pytest.approx(np.median(error), abs=1e-5)
    inside = np.abs(rows["rank_posterior"] - 0.5) <= 0.34
    assert metrics["coverage_68_posterior"] == pytest.approx(inside.mean())
    assert metrics["relerr_median_ensemble_magneticum"] < metrics["relerr_median_ensemble"] - 0.05
    assert "relerr_median_ensemble_magneticum" not in read_metrics(folder, "clean", "z2")
    assert metrics["scatter_dex_relation"] == pytest.approx(
        SCATTER_LNY / 1.63 / np.log(10), rel=0.3
    )


def test_the_papers_numbers_stand_beside_ours_where_the_bin_is_the_papers(folder: Path) -> None:
    assert read_metrics(folder, "planck", "z1")["paper_relerr_median_selected"] == -0.04
    assert read_metrics(folder, "clean", "z2")["paper_relerr_half_width_selected"] == 0.065
    everything = read_metrics(folder, "clean", "all")
    assert everything["maps_ensemble"] == len(BINS) * TEST
    # these two bins together are not the paper's range
    assert not [key for key in everything if key.startswith("paper_")]


def test_every_figure_and_the_table_are_there_and_reported(folder: Path, run: ListRun) -> None:
    assert {path.stem for path in (folder / "figures").glob("*.png")} == FIGURES
    assert [path.stem for path in run.figures] == sorted(FIGURES)
    table = (folder / "table.md").read_text()
    assert "| golden sample | stand-in sky |" in table
    assert "0.4 < z <= 1" in table
    assert set(run.children) == {
        f"{data_set}_{name}" for data_set in ("clean", "planck") for name in (*BINS, "all")
    }
    reported = {name: value for name, value, _ in run.children["planck_z2"].metrics}
    assert reported == read_metrics(folder, "planck", "z2")
