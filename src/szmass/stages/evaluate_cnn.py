"""Judges the CNN ensembles on clusters that they have not seen, beside baselines and the paper."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from szmass.compton.maps.partitions import row_of_each_cluster
from szmass.compton.maps.stores import open_clean_store, open_originals_store, open_planck_store
from szmass.compton.masses.estimates import Baselines, JudgedClusters, judge_clusters, tabulate
from szmass.compton.masses.posterior import mass_axis
from szmass.compton.results import map_figures, mass_figures
from szmass.compton.results.map_figures import Layer, PowerLaw
from szmass.compton.results.originals import relation_test
from szmass.compton.results.outputs import Metrics, draw_maps, draw_masses, measure
from szmass.compton.results.tables import store_rows, tables
from szmass.evaluation.charts import save
from szmass.files import replacing_file, write_metrics, write_text
from szmass.networks.backend import prepare_backend
from szmass.params import BaryonModel, Cnn, Compton, Evaluation, Posterior
from szmass.planck.stores import open_psz2_store
from szmass.reporting import Run, report_figures
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
    baselines = Baselines.of_stores(compton, baryon_models[compton.baryon_model], **stores)
    judged = {
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
    predictions = tabulate(judged)
    with replacing_file(cnn_predictions) as unfinished:
        predictions.to_csv(unfinished, index=False, float_format="%.6e")
    run.artifact(cnn_predictions)
    metrics = measure(
        predictions,
        bins,
        {data_set: _of_each(by_bin, "members_passing") for data_set, by_bin in judged.items()},
        draws=evaluation.bootstrap_draws,
        seed=seed,
    )
    report_metrics(cnn_metrics, metrics, run)

    labels, sky = bin_labels(bins), str(psz2.attributes["sky"])
    golden, axis_arcmin = psz2.read("golden"), originals.read("x")
    maps = {name: len(store.read("cluster")) for name, store in stores.items()}
    maps |= {"original": len(originals.read("cluster"))}
    rows = store_rows(
        maps | {"psz2": len(golden), "golden sample": int(golden.sum())},
        sky=sky,
        beam_fwhm_arcmin=compton.beam_fwhm_arcmin,
        pixel_arcsec=60.0 * (axis_arcmin[1] - axis_arcmin[0]),
    )
    write_text(compton_table, tables(metrics, labels, rows))
    run.artifact(compton_table)

    draw_masses(
        cnn_figures,
        predictions,
        metrics,
        labels,
        {data_set: _of_each(by_bin, "worst_bias") for data_set, by_bin in judged.items()},
        bias_threshold=cnn.bias_threshold,
        seed=seed,
    )
    clusters = row_of_each_cluster(stores["planck"], ("development", "test"))
    factor = compton.psz2_mass_factor
    draw_maps(cnn_figures, stores, clusters, psz2, sky=sky, psz2_mass_factor=factor)
    axis = mass_axis(posterior.axis_log10_msun, posterior.axis_nodes)
    densities = {labels[name]: one.joint_density.T for name, one in judged["planck"].items()}
    figure = mass_figures.joint_density(axis, axis, densities)
    save(figure, cnn_figures / "supp7_kernel_density.png")
    layers = [Layer(*layer) for layer in next(iter(judged["planck"].values())).layers]
    save(map_figures.architecture(layers), cnn_figures / "supp3_network.png")
    tested = relation_test(originals, baselines.relation, baselines.cosmology)
    figure = map_figures.scaling_relation(
        tested.m500c_msun,
        tested.measured_mpc2,
        [PowerLaw(name, tested.line_msun, y) for name, y in tested.lines_mpc2.items()],
        reference="model",
    )
    save(figure, cnn_figures / "scaling_relation.png")
    report_figures(run, cnn_figures)


def _of_each(by_bin: Mapping[str, JudgedClusters], name: str) -> dict[str, Any]:
    """One property of the judged clusters of each redshift bin."""
    return {key: getattr(clusters, name) for key, clusters in by_bin.items()}


def report_metrics(prefix: Path, metrics: Metrics, run: Run) -> None:
    """Writes a file a data set and bin, and reports each as a run of its own within this one."""
    for data_set, by_bin in metrics.items():
        for name, values in by_bin.items():
            write_metrics(prefix.with_name(f"{prefix.name}_{data_set}_{name}.json"), values)
            with run.child(f"{data_set}_{name}") as child:
                child.tags({"data_set": data_set, "bin": name})
                for key, value in values.items():
                    child.metric(key, value)
