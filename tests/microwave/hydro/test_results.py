"""The judgement of the hydrodynamical test, from numbers whose bias is known to a whole stage."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from helpers.recording import ListRun
from szmass.evaluation.charts import save
from szmass.microwave.hydro.figures import hydro_masses
from szmass.microwave.hydro.metrics import hydro_metrics, mass_bins
from szmass.microwave.maps.spectra_table import write_spectra
from szmass.microwave.network.arrays import Normalisation
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.microwave.network.mresunet import mresunet
from szmass.params import Params
from szmass.stages.microwave.evaluate_hydro import evaluate_hydro
from szmass.stages.microwave.simulate_hydro import simulate_hydro

CLUSTERS, SKIES = 95, 100
STATED = {"mean_ln_ratio": 0.013, "scatter_ln_mass_gauss": 0.232}
OWN, NOISE, FACTOR = 0.12, 0.2, 1.287


@pytest.fixture
def estimates() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Masses with a scatter of the clusters and one of the skies, too low by a factor."""
    rng = np.random.default_rng(5)
    truth_msun = rng.uniform(2e14, 7e14, CLUSTERS)
    ln_own = rng.normal(0, OWN, CLUSTERS)[:, None]
    ln_ratio = ln_own + rng.normal(0, NOISE, (CLUSTERS, SKIES))
    return truth_msun[:, None] * np.exp(ln_ratio) / FACTOR, truth_msun, np.full(CLUSTERS, FACTOR)


def test_bias_and_both_scatters_come_out(estimates):
    metrics = hydro_metrics(*estimates, draws=200, rng=np.random.default_rng(1))
    error = OWN / np.sqrt(CLUSTERS)
    assert metrics["mean_ln_ratio"] == pytest.approx(0, abs=4 * error)
    assert metrics["mean_ln_ratio_err"] == pytest.approx(error, rel=0.4)
    shift = metrics["mean_ln_ratio"] - metrics["mean_ln_ratio_unscaled"]
    assert shift == pytest.approx(np.log(FACTOR))
    assert metrics["scatter_ln_mass"] == pytest.approx(np.hypot(OWN, NOISE), rel=0.1)
    assert metrics["scatter_ln_mass_clusters"] == pytest.approx(OWN, rel=0.35)
    masses = [metrics[f"true_median_1e14_mass{number}"] for number in range(1, 6)]
    assert masses == sorted(masses)


def test_bins_hold_every_cluster_once_even_where_they_are_few():
    for count in (3, 5, 12):
        bins = mass_bins(np.linspace(7, 2, count))
        np.testing.assert_array_equal(np.sort(np.concatenate(bins)), np.arange(count))
        assert all(len(rows) for rows in bins)


def test_the_figure_is_the_same_bytes_twice(estimates, tmp_path):
    estimate_msun, truth_msun, factor = estimates
    for name in ("first.png", "second.png"):
        figure = hydro_masses(
            estimate_msun, truth_msun, factor, title="Magneticum-like", stated=STATED
        )
        save(figure, tmp_path / name)
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


# eight clusters are too few for a Gaussian's fit to say how sure it is
@pytest.mark.filterwarnings("ignore:Covariance of the parameters could not be estimated")
def test_the_stage_judges_a_network(params: Params, dl_uk2: dict[str, np.ndarray], tmp_path: Path):
    microwave = replace(params.microwave, pixels=8)
    write_spectra(tmp_path / "spectra.csv", dl_uk2)
    simulate_hydro(
        params.seed,
        microwave,
        params.morphology,
        params.baryon_models,
        replace(params.hydro, clusters=8, realisations=3),
        spectra_table=tmp_path / "spectra.csv",
        hydro_store=tmp_path / "hydro.zarr",
        resources=replace(params.resources, workers=1),
    )
    network = mresunet(pixels=8, width=2, dropout=0.0, dropout_phase="decoder")
    MresunetEstimator(network, Normalisation(100.0, 10.0, 5e14, "flat")).save(tmp_path / "model")
    run = ListRun()
    evaluate_hydro(
        params.seed,
        microwave,
        params.microwave_sets,
        params.morphology,
        params.baryon_models,
        replace(params.hydro, clusters=8, realisations=3, relation_clusters=50),
        params.mresunet,
        replace(params.evaluation, bootstrap_draws=5, mass_axis_nodes=41),
        spectra_table=tmp_path / "spectra.csv",
        hydro_store=tmp_path / "hydro.zarr",
        mresunet_model=tmp_path / "model",
        gupta_reichardt_2020=ROOT / "data" / "reference" / "gupta_reichardt_2020.yaml",
        hydro_metrics=tmp_path / "metrics" / "hydro.json",
        hydro_figures=tmp_path / "figures",
        run=run,
    )
    metrics = json.loads((tmp_path / "metrics" / "hydro.json").read_text())
    clusters, network, bound = (
        metrics[key] for key in ("clusters", "mresunet", "training_posterior")
    )
    assert clusters["mass_factor_mean"] == pytest.approx(1.287, abs=0.04)
    for values in metrics.values():
        assert np.isfinite(list(values.values())).all()
    for name in ("scatter_ln_mass", "mean_ln_ratio", "scatter_ln_mass_gauss"):
        assert name in network
        assert name in bound
    assert network["paper_scatter_ln_mass_gauss"] == 0.232
    assert "paper_scatter_ln_mass_gauss" not in bound
    assert clusters["paper_mass_factor_mean"] == 1.287
    assert run.judged == [tmp_path / "model" / WEIGHTS_FILE]
    factor = clusters["mass_factor_mean"]
    assert ("hydro.clusters.mass_factor_mean", factor, None) in run.metrics
    assert [path.name for path in run.figures] == [
        "figure6_mresunet_masses.png",
        "figure6_training_posterior_masses.png",
    ]
