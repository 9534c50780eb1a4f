"""Judges the CNN ensembles on clusters that they have not seen, beside baselines and the paper."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.evaluation import compton_figures, compton_map_figures
from szmass.evaluation.compton_figures import Judged
from szmass.evaluation.compton_map_figures import ExampleRow, Layer, MassRedshift, PowerLaw
from szmass.evaluation.compton_metrics import (
    ALL_BINS,
    ENSEMBLE,
    PREDICTORS,
    SELECTED,
    beside_paper,
    judge,
)
from szmass.evaluation.compton_report import MOMENTS, StoreRow, tables
from szmass.evaluation.figures import save
from szmass.inference.judgement import Baselines, JudgedClusters, judge_clusters
from szmass.inference.posterior import mass_axis
from szmass.learning.backend import prepare_backend
from szmass.params import BaryonModel, Cnn, Compton, Evaluation, Posterior
from szmass.reporting import Run
from szmass.simulation.compton_samples import (
    open_clean_store,
    open_originals_store,
    open_planck_store,
    partition_rows,
)
from szmass.simulation.psz2 import open_psz2_store
from szmass.simulation.store import MapStore
from szmass.sky.scaling import PLANCK_RELATION, mpc2_per_arcmin2, y_cyl_mpc2
from szmass.units import MASS_UNIT_MSUN

EXAMPLES = ((2e14, 0.05), (8e14, 0.08), (1e15, 0.5))
"""Mass in Msun and redshift of Supp. Fig. 2's rows: two near clusters, a massive distant one."""

Judgements = Mapping[str, Mapping[str, JudgedClusters]]
"""Test clusters with all estimates of their masses, by data set and redshift bin."""
Metrics = dict[str, dict[str, dict[str, float]]]
"""By data set and redshift bin, `all` the last."""


def evaluate_cnn(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    cnn: Cnn,
    posterior: Posterior,
    evaluation: Evaluation,
    *,
    clean_store: Path,
    planck_store: Path,
    psz2_store: Path,
    originals_store: Path,
    cnn_models: Path,
    cnn_predictions: Path,
    cnn_metrics: Path,
    cnn_figures: Path,
    compton_table: Path,
    run: Run,
) -> None:
    """Writes predictions, metrics by data set and bin, the paper's figures and tables."""
    prepare_backend(seed=seed, threads=cnn.threads)
    stores = {"clean": open_clean_store(clean_store), "planck": open_planck_store(planck_store)}
    psz2, originals = open_psz2_store(psz2_store), open_originals_store(originals_store)
    model = baryon_models[compton.baryon_model]
    baselines = Baselines.of_stores(compton, model, **stores)
    judged: Judgements = {
        data_set: {
            name: judge_clusters(
                store,
                edges,
                cnn_models / name / data_set,
                posterior=posterior,
                baselines=baselines,
                with_m200=cnn.m200_members > 0,
            )
            for name, edges in bins.items()
        }
        for data_set, store in stores.items()
    }
    cnn_predictions.parent.mkdir(parents=True, exist_ok=True)
    tabulate(judged).to_csv(cnn_predictions, index=False, float_format="%.6e")
    run.artifact(cnn_predictions)
    metrics = measure(judged, bins, draws=evaluation.bootstrap_draws, seed=seed)
    report_metrics(cnn_metrics, metrics, run)
    labels = bin_labels(bins)
    rows = store_rows(compton, stores["clean"], originals, psz2)
    compton_table.parent.mkdir(parents=True, exist_ok=True)
    compton_table.write_text(tables(metrics, labels, rows))
    run.artifact(compton_table)
    draw_masses(cnn_figures, judged, metrics, labels, cnn=cnn, posterior=posterior, seed=seed)
    draw_maps(cnn_figures, judged, stores, psz2, compton)
    draw_relation(cnn_figures / "scaling_relation.png", originals, baselines)
    for path in sorted(cnn_figures.glob("*.png")):
        run.figure(path)


def bin_labels(bins: Mapping[str, list[float]]) -> dict[str, str]:
    """Titles of the redshift bins, and of all of them together."""
    low, high = redshift_range(bins, ALL_BINS)
    labels = {name: f"{edges[0]:g} < z <= {edges[1]:g}" for name, edges in bins.items()}
    return labels | {ALL_BINS: f"{low:g} < z <= {high:g}"}


def redshift_range(bins: Mapping[str, list[float]], name: str) -> tuple[float, float]:
    """The edges of a bin, or of all of them together."""
    edges = list(bins.values()) if name == ALL_BINS else [bins[name]]
    return min(low for low, _ in edges), max(high for _, high in edges)


def tabulate(judged: Judgements) -> pd.DataFrame:
    """A row a test map: its labels, and its mass by each estimator in Msun."""
    return pd.concat(
        [
            pd.DataFrame({"data_set": data_set, "bin": name, **clusters.table})
            for data_set, by_bin in judged.items()
            for name, clusters in by_bin.items()
        ]
    )


def measure(
    judged: Judgements, bins: Mapping[str, list[float]], *, draws: int, seed: int
) -> Metrics:
    """All metrics of each data set and bin, with the paper's beside them."""
    predictions = tabulate(judged)
    metrics: Metrics = {}
    for data_set, by_bin in judged.items():
        here = predictions[predictions["data_set"] == data_set]
        metrics[data_set] = {}
        for name in (*bins, ALL_BINS):
            rows = here if name == ALL_BINS else here[here["bin"] == name]
            rng = np.random.default_rng(seed)
            measured = judge({key: rows[key].to_numpy() for key in rows}, draws=draws, rng=rng)
            if name in by_bin:
                facts = by_bin[name].facts
                measured["members_passing"] = facts["members_passing"]
                measured["members_passing_share"] = facts["members_passing"] / len(facts["members"])
            metrics[data_set][name] = beside_paper(measured, data_set, redshift_range(bins, name))
    return metrics


def report_metrics(prefix: Path, metrics: Metrics, run: Run) -> None:
    """Writes a file a data set and bin, and reports each as a run of its own within this one."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    for data_set, by_bin in metrics.items():
        for name, values in by_bin.items():
            path = prefix.with_name(f"{prefix.name}_{data_set}_{name}.json")
            path.write_text(json.dumps(values, indent=1) + "\n")
            with run.child(f"{data_set}_{name}") as child:
                child.tags({"data_set": data_set, "bin": name})
                for key, value in values.items():
                    child.metric(key, value)


def store_rows(
    compton: Compton, clean: MapStore, originals: MapStore, psz2: MapStore
) -> list[StoreRow]:
    """Table 1, from what the stores hold."""
    beam = f"{compton.beam_fwhm_arcmin:g}'"
    axis_arcmin = originals.read("x")
    resolution = f'no ({60 * (axis_arcmin[1] - axis_arcmin[0]):.2g}")'
    maps, sky = len(clean.read("cluster")), str(psz2.attributes["sky"])
    golden = psz2.read("golden")
    return [
        StoreRow(
            "original",
            "mock",
            resolution,
            noise=False,
            contaminants=False,
            maps=len(originals.read("cluster")),
        ),
        StoreRow("clean", "mock", beam, noise=False, contaminants=False, maps=maps),
        StoreRow("planck", "mock", beam, noise=True, contaminants=False, maps=maps),
        StoreRow("psz2", sky, beam, noise=True, contaminants=True, maps=len(golden)),
        StoreRow(
            "golden sample", sky, beam, noise=True, contaminants=False, maps=int(golden.sum())
        ),
    ]


def judged_bins(
    by_bin: Mapping[str, JudgedClusters], labels: Mapping[str, str], predictor: str
) -> list[Judged]:
    """One predictor's masses of the test clusters, as the figures take them."""
    return [
        Judged(
            labels[name],
            clusters.m500c_msun[predictor],
            clusters.labels["m500c_msun"],
            clusters.ranks[predictor],
        )
        for name, clusters in by_bin.items()
    ]


def draw_masses(
    folder: Path,
    judged: Judgements,
    metrics: Metrics,
    labels: Mapping[str, str],
    *,
    cnn: Cnn,
    posterior: Posterior,
    seed: int,
) -> None:
    """Draws Figure 1, Supp. Figs. 4, 6, 7 and 8, coverage and ranks."""
    shown = {
        predictor: {
            f"{data_set} mocks, {predictor}": judged_bins(by_bin, labels, predictor)
            for data_set, by_bin in judged.items()
        }
        for predictor in PREDICTORS
    }
    worst = {
        data_set: {
            labels[name]: [member["max_abs_bias"] for member in clusters.facts["members"]]
            for name, clusters in by_bin.items()
        }
        for data_set, by_bin in judged.items()
    }
    densities = {
        labels[name]: clusters.joint_density.T for name, clusters in judged["planck"].items()
    }
    everything = {
        title: compton_figures.together(bins, "")
        for one in shown.values()
        for title, bins in one.items()
    }
    moments = {
        f"{data_set} mocks, {predictor}": {
            key: by_bin[ALL_BINS][f"{key}_{predictor}"] for key in MOMENTS
        }
        for predictor in PREDICTORS
        for data_set, by_bin in metrics.items()
    }
    axis = mass_axis(posterior.axis_log10_msun, posterior.axis_nodes)
    figures = {
        "figure1": compton_figures.relative_errors(shown[SELECTED], seed=seed),
        "figure1_ensemble": compton_figures.relative_errors(shown[ENSEMBLE], seed=seed),
        "supp4_members_passing": compton_figures.members_passing(worst, cnn.bias_threshold),
        "supp6_densities": compton_figures.error_densities(shown[SELECTED]),
        "supp7_kernel_density": compton_figures.joint_density(axis, axis, densities),
        "supp8_residuals": compton_figures.residuals(everything, moments),
        "coverage": compton_figures.coverages(shown[ENSEMBLE]),
        "ranks": compton_figures.rank_histograms(shown[ENSEMBLE]),
    }
    for name, figure in figures.items():
        save(figure, folder / f"{name}.png")


def draw_maps(
    folder: Path,
    judged: Judgements,
    stores: Mapping[str, MapStore],
    psz2: MapStore,
    compton: Compton,
) -> None:
    """Draws Supp. Figs. 1, 2 and 3."""
    rows = np.concatenate([partition_rows(stores["planck"], p) for p in ("development", "test")])
    _, first = np.unique(stores["planck"].read("cluster", rows), return_index=True)
    rows = rows[first]  # a line of sight of each cluster
    mass, redshift = (stores["planck"].read(key, rows) for key in ("m500c_msun", "redshift"))
    observed = MassRedshift(
        f"PSZ2, MSZ / {compton.psz2_mass_factor:g}",
        psz2.read("msz_1e14_msun") * MASS_UNIT_MSUN / compton.psz2_mass_factor,
        psz2.read("redshift"),
    )
    mocks = MassRedshift("mocks, true mass", mass, redshift)
    figure = compton_map_figures.mass_redshift(mocks, observed)
    save(figure, folder / "supp1_mass_redshift.png")

    examples = []
    for wanted in EXAMPLES:
        mock, real = mocks.nearest(*wanted), observed.nearest(*wanted)
        sources = (*((store, rows[mock]) for store in stores.values()), (psz2, real))
        maps = tuple(store.read("compton_y", np.array([row]))[0] for store, row in sources)
        titles = mocks.title(mock), mocks.title(mock), observed.title(real)
        examples.append(ExampleRow(titles, maps))
    columns = (*(f"{name} mocks" for name in stores), f"PSZ2, {psz2.attributes['sky']}")
    save(compton_map_figures.example_maps(columns, examples), folder / "supp2_maps.png")

    layers = [Layer(*layer) for layer in next(iter(judged["planck"].values())).layers]
    save(compton_map_figures.architecture(layers), folder / "supp3_network.png")


def draw_relation(path: Path, originals: MapStore, baselines: Baselines) -> None:
    """Draws Y_500 of the originals, as the pixels sum and as the model says, against mass."""
    theta, redshift, mass = (
        originals.read(key) for key in ("theta500_arcmin", "redshift", "m500c_msun")
    )
    axis_arcmin = originals.read("x")
    radius_arcmin = np.hypot(axis_arcmin[:, None], axis_arcmin)
    summed_y = np.empty(len(theta))
    for row in range(len(theta)):  # one map at a time: each is large
        image = originals.read("compton_y", slice(row, row + 1))[0]
        summed_y[row] = image[radius_arcmin <= theta[row]].sum(dtype=np.float64)
    cosmology = baselines.cosmology
    intrinsic = mpc2_per_arcmin2(redshift, cosmology) * cosmology.e_z(redshift) ** (-2.0 / 3.0)
    line_msun = np.geomspace(mass.min() / 1.2, mass.max() * 1.2, 50)
    today = np.zeros(len(line_msun))
    laws = [
        PowerLaw(label, line_msun, y_cyl_mpc2(line_msun, today, relation, cosmology))
        for label, relation in (
            (f"alpha = {baselines.relation.alpha:g}, as put in", baselines.relation),
            (f"Planck, alpha = {PLANCK_RELATION.alpha:g}, cylinder", PLANCK_RELATION),
        )
    ]
    measured = {
        "model": intrinsic * originals.read("y500_cyl_arcmin2"),
        "sum of pixels": intrinsic * summed_y * (axis_arcmin[1] - axis_arcmin[0]) ** 2,
    }
    figure = compton_map_figures.scaling_relation(mass, measured, laws, reference="model")
    save(figure, path)
