"""Weighs the PSZ2 clusters by the ensembles, with posteriors, beside Planck's masses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.make_record import measure_knowledge
from szmass.compton.masses.predictor import Columns, Predictor
from szmass.compton.masses.priors import named_prior
from szmass.compton.masses.record import Knowledge
from szmass.compton.psz2.figures import draw
from szmass.compton.psz2.masses import simulated_msz, weigh, weigh_mocks
from szmass.compton.psz2.metrics import judge
from szmass.compton.psz2.metrics import psz2_table as write_table
from szmass.compton.results.estimated import Estimated
from szmass.compton.results.metrics import relative_error
from szmass.files import write_metrics, write_text
from szmass.networks.backend import prepare_backend
from szmass.params import BaryonModel, Cnn, Compton, Posterior
from szmass.planck.catalogue import read_deep_planck, read_psz2
from szmass.planck.stores import open_psz2_store
from szmass.reporting import Run, report_figures
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import ALL_BINS, bin_labels
from szmass.sky.scaling import ScalingRelation
from szmass.storage.mass_tables import write_mass_tables
from szmass.units import MASS_UNIT_MSUN


def infer_psz2(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    cnn: Cnn,
    posterior: Posterior,
    *,
    psz2_store: Path,
    psz2_catalogue: Path,
    deep_planck: Path,
    planck_store: Path,
    cnn_models: Path,
    cnn_posterior: Path,
    psz2_masses_fits: Path,
    psz2_masses_csv: Path,
    psz2_metrics: Path,
    psz2_table: Path,
    psz2_figures: Path,
    run: Run,
) -> None:
    """Writes the knowledge of the predictor, the catalogue of masses, metrics and figures."""
    prepare_backend(seed=seed, threads=cnn.threads)
    mocks, psz2 = open_planck_store(planck_store), open_psz2_store(psz2_store)
    knowledge = measure_knowledge(
        mocks, cnn_models, bins, compton=compton, cnn=cnn, posterior=posterior
    )
    knowledge.write(cnn_posterior)
    run.model(cnn_posterior, "cnn-ensemble", cnn_models)
    predictor = Predictor.load(cnn_models, cnn_posterior)

    sky = str(psz2.attributes["sky"])
    clusters = read_psz2(psz2_catalogue).at(psz2.read("catalogue_row"))
    published = read_deep_planck(deep_planck, clusters)["log10_m500c_msun"].to_numpy(float)
    prior = named_prior(posterior.prior, predictor.axis_log10_msun)
    found = weigh(psz2, predictor, prior)
    compared = {
        "relerr": relative_error(found["m500_msun"], found["msz_1e14_msun"] * MASS_UNIT_MSUN),
        "log10_m500_published": published,
    }
    write_mass_tables(
        psz2_masses_fits,
        psz2_masses_csv,
        {"name": clusters.name, **found, **compared},
        {"SKY": sky, "MODEL": knowledge.model_version},
    )
    test = weigh_mocks(mocks, predictor, prior)
    gas = baryon_models[compton.baryon_model]
    relation = ScalingRelation.of(gas)
    cosmology = Cosmology.of(compton)
    simulated = [
        Estimated(name, columns["m500_msun"], columns["msz_msun"])
        for name, columns in simulated_msz(
            test, mocks, relation, cosmology, compton.pixel_arcmin
        ).items()
    ]
    metrics = judge(found, published, bins) | judge_mocks(test, simulated, knowledge)
    metrics = dict(sorted(metrics.items()))
    write_metrics(psz2_metrics, metrics)
    labels = bin_labels(bins)
    write_text(psz2_table, write_table(metrics, labels | {ALL_BINS: "all"}, sky))
    draw(psz2_figures, found, simulated, labels, sky)
    for name, value in metrics.items():
        run.metric(name, value)
    for path in (psz2_masses_fits, psz2_masses_csv, psz2_table):
        run.artifact(path)
    report_figures(run, psz2_figures)


def judge_mocks(
    test: Columns, simulated: Sequence[Estimated], knowledge: Knowledge
) -> dict[str, float]:
    """What simulated clusters say: shifts by the gas, how many are strange, the relation's bias."""
    metrics = {}
    for name, known in knowledge.bins.items():
        middle = np.median(known.training.log10_msun)[None]
        for model, shift in known.shifts.items():
            metrics[f"model_shift_dex_{model}_{name}"] = float(shift(middle)[0])
        share = float(np.mean(test["out_of_range"][test["bin"] == name]))
        metrics[f"out_of_range_share_test_{name}"] = share
    for sample in simulated:
        metrics[f"relerr_median_mock_{sample.label}"] = float(np.median(sample.error))
    return metrics
