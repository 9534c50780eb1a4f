"""Judges the mResUNet on clusters of another kind than those that it was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.evaluation.charts import save
from szmass.files import write_metrics
from szmass.microwave.hydro.figures import hydro_masses
from szmass.microwave.hydro.maps import open_hydro_store
from szmass.microwave.hydro.mass_factor import (
    arnaud_m200c_msun,
    fitted_relation,
    relation_y500_arcmin2,
)
from szmass.microwave.hydro.metrics import hydro_metrics as judge
from szmass.microwave.hydro.metrics import with_paper
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.masses.exact import ExactEstimators
from szmass.microwave.network.arrays import MassPrior
from szmass.microwave.network.estimator import WEIGHTS_FILE, MresunetEstimator
from szmass.networks.backend import prepare_backend
from szmass.params import Evaluation, Microwave, MicrowaveSets, Mresunet
from szmass.reporting import Run
from szmass.sky.cosmology import Cosmology
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

BOUND = "bound_train"


def evaluate_hydro(
    seed: int,
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    mresunet: Mresunet,
    evaluation: Evaluation,
    *,
    spectra_table: Path,
    hydro_store: Path,
    mresunet_model: Path,
    hydro_metrics: Path,
    hydro_figures: Path,
    run: Run,
) -> None:
    """Writes the metrics of the network and of the exact posterior, and the paper's Figure 6."""
    prepare_backend(seed=seed, threads=mresunet.threads, networks=mresunet.threads)
    run.continue_training_run(mresunet_model / WEIGHTS_FILE)
    store = open_hydro_store(hydro_store)
    maps_uk = store.read("temperature_uk")
    truth_msun, factor, metrics = mass_factors(store, microwave)
    metrics["mass_factor_mean"] = float(factor.mean())
    low, high = (mass * MASS_UNIT_MSUN for mass in evaluation.mass_axis_1e14)
    exact = ExactEstimators(
        MicrowaveSky(microwave, read_spectra(spectra_table)),
        axis_msun=np.geomspace(low, high, evaluation.mass_axis_nodes),
        priors={BOUND: MassPrior.of_training(mresunet, microwave_sets)},
        eigenvalue_cut=microwave.eigenvalue_cut,
    )
    estimates = {
        "": MresunetEstimator.load(mresunet_model)(maps_uk)[0],
        f"{BOUND}_": exact(maps_uk)[BOUND],
    }
    by_cluster = {name: masses.reshape(len(factor), -1) for name, masses in estimates.items()}
    for prefix, masses in by_cluster.items():
        rng = np.random.default_rng(seed)
        draws = evaluation.bootstrap_draws
        judged = judge(masses, truth_msun, factor, draws=draws, rng=rng)
        metrics |= {f"{prefix}{name}": value for name, value in judged.items()}
    metrics = with_paper(metrics)
    write_metrics(hydro_metrics, metrics)
    for name, value in metrics.items():
        run.metric(f"hydro.{name}", value)
    for prefix, title in (("", "mResUNet"), (f"{BOUND}_", "exact posterior")):
        figure = hydro_masses(by_cluster[prefix], truth_msun, factor, f"{title}, Magneticum-like")
        path = hydro_figures / f"figure6_{prefix or 'mresunet_'}masses.png"
        save(figure, path)
        run.figure(path)


def mass_factors(
    store: MapStore, microwave: Microwave
) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """True M200c and r of each cluster, `(clusters,)`, and the relations of its Y to mass.

    G is the clusters' own: what unrelated haloes add on average is no part of a map's signal,
    whose mean level the sky drowns.
    """
    first = np.flatnonzero(store.read("realisation") == 0)
    m200c_msun, m500c_msun, redshift = (
        store.read(name, first) for name in ("m200c_msun", "m500c_msun", "redshift")
    )
    cosmology = Cosmology.of(microwave)
    metrics: dict[str, float] = {}
    mean_arcmin2 = {}
    for name in ("y500_cyl", "y500_light_cone"):
        y500_arcmin2 = store.read(f"{name}_arcmin2", first)
        relation = fitted_relation(m500c_msun, redshift, y500_arcmin2, cosmology)
        mean_arcmin2[name] = relation_y500_arcmin2(m500c_msun, redshift, relation, cosmology)
        metrics |= {
            f"alpha_{name}": relation.alpha,
            f"log10_b_{name}": relation.log10_b,
            f"scatter_ln_{name}": float(np.std(np.log(y500_arcmin2 / mean_arcmin2[name]))),
        }
    factor = m200c_msun / arnaud_m200c_msun(mean_arcmin2["y500_cyl"], microwave)
    return m200c_msun, factor, metrics
