"""Judges the CNN ensembles on clusters that they have not seen, beside baselines and the paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.compton.maps.imported import gas_of_maps
from szmass.compton.maps.partitions import row_of_each_cluster
from szmass.compton.maps.stores import open_clean_store, open_originals_store, open_planck_store
from szmass.compton.masses.estimates import (
    Baselines,
    judge_bins,
    masses_of_other_gas,
    tabulate,
)
from szmass.compton.results.drawing import draw_maps, draw_masses, draw_networks, draw_relation
from szmass.compton.results.judgement import measure
from szmass.compton.results.originals import relation_test
from szmass.compton.results.paper import DeAndres2022
from szmass.compton.results.tables import store_rows, tables
from szmass.evaluation.charts import typeset
from szmass.evaluation.posteriors import mass_axis
from szmass.files import replacing_file, write_metrics, write_text
from szmass.networks.backend import prepare_backend
from szmass.params import MOCK, BaryonModel, Cnn, Compton, Evaluation, Posterior
from szmass.planck.stores import open_psz2_store
from szmass.reporting import Run, report_figures
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.redshift_bins import bin_labels


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
    de_andres_2022: Path,
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
    gas = gas_of_maps(compton, baryon_models, stores["clean"], Cosmology.of(compton))
    baselines = Baselines.of_stores(compton, gas[compton.gas], **stores)
    judged = judge_bins(
        stores,
        bins,
        cnn_models,
        posterior=posterior,
        baselines=baselines,
        with_m200=cnn.m200_members > 0,
    )
    predictions = tabulate(judged)
    with replacing_file(cnn_predictions) as unfinished:
        predictions.to_csv(unfinished, index=False, float_format="%.6e")
    paper, draws = DeAndres2022.read(de_andres_2022), evaluation.bootstrap_draws
    other_gas = masses_of_other_gas(stores["planck"], bins, cnn_models)
    metrics = measure(predictions, bins, judged, other_gas, paper, draws=draws, seed=seed)
    write_metrics(cnn_metrics, metrics)
    for data_set, by_bin in metrics.items():
        for name, values in by_bin.items():
            with run.child(f"{data_set}_{name}") as child:
                child.tags({"data_set": data_set, "bin": name})
                for key, value in values.items():
                    child.metric(key, value)
    labels = bin_labels(bins)
    rows = store_rows(stores, originals, psz2, compton)
    write_text(compton_table, tables(metrics, labels, rows))
    for path in (cnn_predictions, compton_table):
        run.artifact(path)

    shown = typeset(labels)
    draw_masses(
        cnn_figures,
        predictions,
        metrics,
        shown,
        judged,
        bias_threshold=cnn.bias_threshold,
        members_of_paper=paper.members,
        seed=seed,
    )
    clusters = row_of_each_cluster(stores["planck"], ("development", "test"))
    grid, factor = PixelGrid.of(compton), compton.psz2_mass_factor
    draw_maps(cnn_figures, stores, clusters, psz2, grid, psz2_mass_factor=factor)
    axis = mass_axis(posterior.axis_log10_msun, posterior.axis_nodes)
    draw_networks(cnn_figures, judged["planck"], shown, axis)
    origin = "as put in" if compton.source == MOCK else "as measured"
    relations = relation_test(originals, baselines.relation, baselines.cosmology, origin=origin)
    draw_relation(cnn_figures, relations)
    report_figures(run, cnn_figures)
