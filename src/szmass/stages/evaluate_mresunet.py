"""Judges the mResUNet on maps that it has not seen, beside what is possible at all."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.evaluation.charts import save
from szmass.files import replacing_file, write_metrics, write_text
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.debias import Response
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import Maps, MassPrior, read_maps
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.microwave.network.mresunet import describe_blocks
from szmass.microwave.results import figures
from szmass.microwave.results.metrics import (
    mass_label,
    mass_metrics,
    profile_residual,
    scatter_metrics,
    with_paper,
)
from szmass.microwave.results.table import closing_table
from szmass.networks.backend import prepare_backend
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run, report_figures
from szmass.units import MASS_UNIT_MSUN

SETS = ("test", "scatter_test", "no_scatter_test")
NETWORK, DEBIASED, BOUND = "mresunet", "mresunet_debiased", "bound_train"
EXAMPLE_MASS_MSUN = 5.0 * MASS_UNIT_MSUN
PROFILE_MASSES_MSUN = (2.0 * MASS_UNIT_MSUN, 4.0 * MASS_UNIT_MSUN, 6.0 * MASS_UNIT_MSUN)


def evaluate_mresunet(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    *,
    spectra_table: Path,
    microwave_store: Path,
    mresunet_model: Path,
    mresunet_history: Path,
    microwave_predictions: Path,
    microwave_metrics: Path,
    microwave_figures: Path,
    microwave_table: Path,
    run: Run,
) -> None:
    """Writes predictions, metrics by estimator, the paper's figures and the closing table.

    The run gets the network's metrics, a child of it those of each other estimator.
    """
    prepare_backend(seed=seed, threads=mresunet.threads, networks=mresunet.threads)
    run.continue_training_run(mresunet_model / WEIGHTS_FILE)
    store = open_microwave_store(microwave_store)
    maps = {name: read_maps(store, name) for name in SETS}
    network = MresunetEstimator.load(mresunet_model)
    validation = read_maps(store, "validation")
    response = Response.measure(network(validation.temperature_uk)[0], validation.m200c_msun)
    low, high = (mass * MASS_UNIT_MSUN for mass in evaluation.mass_axis_1e14)
    priors = {
        BOUND: MassPrior.of_training(mresunet, microwave_sets),
        "bound_paper": MassPrior.discrete(microwave_sets.training_masses_1e14),
        "bound_uniform": MassPrior.flat(evaluation.bound_range_1e14),
    }
    exact = ExactEstimators(
        MicrowaveSky(microwave, read_spectra(spectra_table)),
        axis_msun=np.geomspace(low, high, evaluation.mass_axis_nodes),
        priors=priors,
        eigenvalue_cut=microwave.eigenvalue_cut,
    )

    estimates, profiles_uk = {}, {}
    for name, truth in maps.items():
        masses, profiles_uk[name] = network(truth.temperature_uk)
        estimates[name] = {NETWORK: masses, DEBIASED: response.invert(masses)}
        estimates[name] |= exact(truth.temperature_uk)
    write_predictions(microwave_predictions, maps, estimates)

    metrics: dict[str, dict[str, float]] = {}
    for estimator in estimates["test"]:
        judged = judge(estimator, maps, estimates, draws=evaluation.bootstrap_draws, seed=seed)
        if estimator == NETWORK:
            judged |= judge_profiles(maps["test"], profiles_uk["test"])
        metrics[estimator] = with_paper(judged)
        path = microwave_metrics.with_name(f"{microwave_metrics.name}_{estimator}.json")
        write_metrics(path, metrics[estimator])
    for estimator, values in metrics.items():
        with nullcontext(run) if estimator == NETWORK else run.child(estimator) as reported:
            reported.tags({"estimator": estimator})
            for name, value in values.items():
                reported.metric(name, value)

    table = closing_table(
        sorted(set(maps["test"].m200c_msun)), metrics, network=NETWORK, bound=BOUND
    )
    write_text(microwave_table, table)
    run.artifact(microwave_table)
    run.artifact(microwave_predictions)
    draw_figures(
        microwave_figures,
        network,
        maps,
        estimates,
        profiles_uk["test"],
        prior=priors[BOUND],
        history=pd.read_csv(mresunet_history),
    )
    report_figures(run, microwave_figures)


def judge(
    estimator: str,
    maps: Mapping[str, Maps],
    estimates: Mapping[str, Mapping[str, np.ndarray]],
    *,
    draws: int,
    seed: int,
) -> dict[str, float]:
    """The masses by one estimator, and how they compare with the exact posterior's."""
    rng = np.random.default_rng(seed)
    metrics = mass_metrics(
        estimates["test"][estimator], maps["test"].m200c_msun, estimates["test"][BOUND]
    )
    for name, suffix in (("scatter_test", ""), ("no_scatter_test", "_no_scatter")):
        truth = maps[name].m200c_msun
        metrics |= scatter_metrics(
            estimates[name][estimator], truth, suffix=suffix, draws=draws, rng=rng
        )
        bound = np.std(np.log(estimates[name][BOUND] / truth))
        scatter = f"scatter_ln_mass{suffix}"
        metrics[f"{scatter}_over_bound"] = metrics[scatter] / float(bound)
    return metrics


def judge_profiles(test: Maps, profiles_uk: np.ndarray) -> dict[str, float]:
    """How far the mean predicted profile is from the true one, at the masses of Figure 3."""
    residuals = {}
    for mass in PROFILE_MASSES_MSUN:
        here = test.m200c_msun == mass
        if here.any():
            residual = profile_residual(profiles_uk[here], test.sz_uk[here])
            residuals[f"profile_residual_{mass_label(mass)}"] = residual
    return residuals


def write_predictions(
    path: Path,
    maps: Mapping[str, Maps],
    estimates: Mapping[str, Mapping[str, np.ndarray]],
) -> None:
    """Writes a row a map: set, true mass, and the mass by each estimator, in Msun."""
    tables = [
        pd.DataFrame(
            {"set": name, "m200c_msun": maps[name].m200c_msun}
            | {f"{estimator}_msun": values for estimator, values in by_estimator.items()}
        )
        for name, by_estimator in estimates.items()
    ]
    with replacing_file(path) as unfinished:
        pd.concat(tables).to_csv(unfinished, index_label="number", float_format="%.6e")


def draw_figures(
    folder: Path,
    network: MresunetEstimator,
    maps: Mapping[str, Maps],
    estimates: Mapping[str, Mapping[str, np.ndarray]],
    profiles_uk: np.ndarray,
    *,
    prior: MassPrior,
    history: pd.DataFrame,
) -> None:
    """Draws the paper's Figures 1 to 5, and the training curve."""
    blocks = [figures.NetworkBlock(*block) for block in describe_blocks(network.model)]
    figure = figures.network(blocks, network.model.count_params())
    save(figure, folder / "figure1_network.png")

    test = maps["test"]
    example = np.abs(test.m200c_msun - EXAMPLE_MASS_MSUN).argmin()
    title = f"M200c = {test.m200c_msun[example] / MASS_UNIT_MSUN:g}e14 Msun"
    figure = figures.map_and_profile(test.temperature_uk[example], test.sz_uk[example], title)
    save(figure, folder / "figure2_map.png")

    rows = []
    for mass in PROFILE_MASSES_MSUN:
        here = np.flatnonzero(test.m200c_msun == mass)
        if len(here):
            true_uk, predicted_uk = test.sz_uk[here].mean(0), profiles_uk[here].mean(0)
            example_uk = test.temperature_uk[here[0]]
            rows.append(figures.ProfileRow(mass, example_uk, true_uk, predicted_uk))
    save(figures.profiles(rows), folder / "figure3_profiles.png")

    kinds = {mass: prior.kind(mass) for mass in np.unique(test.m200c_msun)}
    shown = {name: estimates["test"][name] for name in (NETWORK, BOUND, DEBIASED)}
    figure = figures.masses(test.m200c_msun, shown, kinds)
    save(figure, folder / "figure4_masses.png")

    ratios = {
        f"{label}, {estimator}": (estimates[name][estimator], maps[name].m200c_msun)
        for estimator in (NETWORK, BOUND)
        for name, label in (("scatter_test", "with SZ scatter"), ("no_scatter_test", "without"))
    }
    figure = figures.scatter(ratios, "Scatter of the mass estimates")
    save(figure, folder / "figure5_scatter.png")
    figure = figures.training_curve(
        *(history[name].to_numpy() for name in ("maps_seen", "loss", "validation_loss"))
    )
    save(figure, folder / "training_curve.png")
