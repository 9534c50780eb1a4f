"""Judges the masses by weighing: the gate that a catalogue must pass, and the figures of merit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.stores import baryon_model_names, open_clean_store, open_planck_store
from szmass.files import replacing_file, write_metrics, write_text
from szmass.params import Compton, PlanckSky, Weighing
from szmass.planck.stores import PARTITIONS, open_psz2_store
from szmass.reporting import Run, report_figures
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import bin_labels
from szmass.storage.store import MapStore
from szmass.streams import WEIGHING_NOISE
from szmass.weighing.clusters import open_clusters
from szmass.weighing.gate import as_verdict, judge, judge_expected_coverage
from szmass.weighing.judgement import Judged, calibrate, compare, measure, weigh_known
from szmass.weighing.make_record import PSZ2, training_clusters
from szmass.weighing.record import Record
from szmass.weighing.results import STAND_IN, draw, tables
from szmass.weighing.survey import planck_survey
from szmass.weighing.weigher import Weigher


def evaluate_weighing(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    planck_sky: PlanckSky,
    weighing: Weighing,
    *,
    planck_noise_spectrum: Path,
    planck_files: Path,
    weighing_record: Path,
    weighing_clusters: Path,
    clean_store: Path,
    planck_store: Path,
    psz2_store: Path,
    cnn_predictions: Path,
    weighing_masses: Path,
    weighing_verdict: Path,
    weighing_metrics: Path,
    weighing_table: Path,
    weighing_figures: Path,
    run: Run,
) -> None:
    """Writes masses of clusters of known mass, the gate's verdict, metrics, tables and figures."""
    weigher = Weigher(Record.read(weighing_record))
    survey = planck_survey(
        compton,
        planck_sky,
        weighing,
        planck_noise_spectrum=planck_noise_spectrum,
        planck_files=planck_files,
    )
    unseen = training_clusters(
        open_clusters(weighing_clusters), "test", survey, weighing, Cosmology.of(compton)
    )
    rng = np.random.default_rng((seed, WEIGHING_NOISE, 2))
    calibration = calibrate(weigher, unseen, rng)
    checks = judge(calibration.rank, calibration.groups(bins))
    checks += judge_expected_coverage(calibration.expected_coverage(rng), len(calibration.rank))
    write_metrics(weighing_verdict, as_verdict(checks, weighing_record))

    planck = open_planck_store(planck_store)
    judged = [
        *_of_test_maps(weigher, "planck", planck, compton.baryon_model),
        *_of_test_maps(weigher, "clean", open_clean_store(clean_store), compton.baryon_model),
        *_of_other_models(weigher, planck, compton.baryon_model),
        *_of_stand_in(weigher, open_psz2_store(psz2_store), compton.baryon_model),
    ]
    masses = pd.concat([one.table() for one in judged])
    with replacing_file(weighing_masses) as unfinished:
        masses.to_csv(unfinished, index=False, float_format="%.6g")
    metrics = {one.data_set: measure(one, bins) for one in judged}
    others = pd.read_csv(cnn_predictions)
    for one in judged[:2]:
        of_set = others[others.data_set == one.data_set]
        for name, values in compare(one, of_set, bins).items():
            metrics[one.data_set][name] |= values
    write_metrics(weighing_metrics, metrics)
    write_text(weighing_table, tables(metrics, bin_labels(bins), checks))
    draw(weighing_figures, judged, calibration, bin_labels(bins))
    for data_set, by_bin in metrics.items():
        for key, value in by_bin.get("all", {}).items():
            run.metric(f"{data_set}.{key}", value)
    run.artifact(weighing_table)
    report_figures(run, weighing_figures)


def _judged(
    weigher: Weigher, name: str, store: MapStore, rows: np.ndarray, gas: str
) -> list[Judged]:
    """Maps of a store, weighed with the prior of PSZ2; nothing where there are none."""
    if not len(rows):
        return []
    inputs = weigher.inputs(store.read("compton_y", rows), store.read("redshift", rows))
    truth, cluster = store.read("m500c_msun", rows), store.read("cluster", rows)
    return [weigh_known(weigher, name, inputs, truth, cluster, prior=PSZ2, gas=gas)]


def _of_test_maps(weigher: Weigher, name: str, store: MapStore, gas: str) -> list[Judged]:
    rows = np.flatnonzero(store.read("partition") == PARTITIONS.index("test"))
    return _judged(weigher, name, store, rows, gas)


def _of_other_models(weigher: Weigher, planck: MapStore, reference: str) -> list[Judged]:
    """Clusters of each other gas, by their own relation."""
    other = planck.read("partition") == PARTITIONS.index("other_model")
    model, judged = planck.read("baryon_model"), []
    for number, name in enumerate(baryon_model_names(planck)):
        rows = np.flatnonzero(other & (model == number))
        if name != reference:
            judged += _judged(weigher, f"planck_{name}", planck, rows, name)
    return judged


def _of_stand_in(weigher: Weigher, psz2: MapStore, gas: str) -> list[Judged]:
    """The clusters of PSZ2 where their true masses are known: on the stand-in sky."""
    truth = psz2.read("m500c_true_msun")
    rows = np.flatnonzero(np.isfinite(truth))
    if not len(rows):
        return []
    inputs = weigher.inputs(psz2.read("compton_y", rows), psz2.read("redshift", rows))
    numbers = psz2.read("catalogue_row", rows)
    return [weigh_known(weigher, STAND_IN, inputs, truth[rows], numbers, prior=PSZ2, gas=gas)]
