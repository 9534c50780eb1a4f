"""Judges the masses by weighing: the gate that a catalogue must pass, and the figures of merit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.compton.maps.stores import baryon_model_names, open_clean_store, open_planck_store
from szmass.evaluation.charts import typeset
from szmass.files import replacing_file, write_metrics, write_text
from szmass.params import BaryonModel, Compton, PlanckSky, Weighing
from szmass.planck.catalogue import Psz2Catalogue, read_psz2
from szmass.planck.cutouts import half_differences
from szmass.planck.stand_in import other_skies, true_clusters
from szmass.planck.stores import PARTITIONS, open_psz2_store
from szmass.reporting import Run, report_figures
from szmass.sky.cosmology import Cosmology
from szmass.sky.healpix import gnomonic_pixels
from szmass.sky.redshift_bins import bin_labels, redshift_bin
from szmass.sky.scaling import ScalingRelation
from szmass.storage.store import MapStore
from szmass.streams import WEIGHING_NOISE
from szmass.weighing.judgement.brightness import MOST_CLUSTERS, Brightened, RoundFit, brighten
from szmass.weighing.judgement.gate import (
    as_verdict,
    judge_all,
    judge_brightness,
)
from szmass.weighing.judgement.judged import Judged, calibrate, weigh_known
from szmass.weighing.judgement.metrics import (
    compare,
    measure,
    noise_metrics,
    shares,
    tails,
    total_shares,
)
from szmass.weighing.judgement.results import (
    BRIGHTENED,
    HALVES,
    STAND_IN,
    by_mass,
    coverage_curves,
    draw,
    tables,
)
from szmass.weighing.record import Record
from szmass.weighing.training.clusters import open_clusters
from szmass.weighing.training.make_record import PSZ2, survey_of, training_clusters
from szmass.weighing.weigher import Weigher

MAP_SETS = ("planck", "clean")
"""Whose maps other estimators have weighed as well."""


def evaluate_weighing(
    seed: int,
    bins: Mapping[str, list[float]],
    compton: Compton,
    baryon_models: Mapping[str, BaryonModel],
    planck_sky: PlanckSky,
    weighing: Weighing,
    *,
    psz2_catalogue: Path,
    planck_ymap: Path,
    weighing_record: Path,
    weighing_clusters: Path,
    clean_store: Path,
    planck_store: Path,
    psz2_store: Path,
    cnn_predictions: Path,
    weighing_masses: Path,
    weighing_verdict: Path,
    weighing_metrics: Path,
    weighing_coverage: Path,
    weighing_by_mass: Path,
    weighing_table: Path,
    weighing_figures: Path,
    run: Run,
) -> None:
    """Writes masses of clusters of known mass, the gate's verdict, metrics, tables and figures.

    `weighing_coverage` and `weighing_by_mass` are curves for `dvc plots`.
    """
    weigher, cosmology = Weigher(Record.read(weighing_record)), Cosmology.of(compton)
    survey = survey_of(weigher.record, planck_sky.noise_rms)
    unseen = training_clusters(
        open_clusters(weighing_clusters), "test", survey, weighing, cosmology
    )
    rng = np.random.default_rng((weighing.test_seed, WEIGHING_NOISE, 2))
    calibration = calibrate(weigher, unseen, rng)

    clean, planck = open_clean_store(clean_store), open_planck_store(planck_store)
    psz2, catalogue = open_psz2_store(psz2_store), read_psz2(psz2_catalogue)
    gas = compton.gas
    of_planck = _of_test_maps(weigher, "planck", planck, gas)
    of_others = _of_other_models(weigher, planck, gas)
    facts = replace(weigher.record.facts, gas_prior=asdict(weighing.gas_prior_of_planck))
    by_planck = Weigher(replace(weigher.record, facts=facts))
    of_reference = _of_test_maps(by_planck, f"planck_{gas}", planck, gas)
    judged = [
        *of_planck,
        *_of_test_maps(weigher, "clean", clean, gas),
        *of_others,
        *of_reference,
        *_of_stand_ins(
            weigher,
            psz2,
            catalogue,
            seed=seed,
            planck_sky=planck_sky,
            compton=compton,
            model=baryon_models[compton.baryon_model],
        ),
    ]
    fit = RoundFit.of(survey, weighing, cosmology)
    brightened = _brightened(weigher, clean, planck, bins, fit=fit, gas=gas).metrics(bins)

    of_maps = [
        *(share for one in of_planck for share in shares(one, bins)),
        *(share for one in (*of_reference, *of_others) for share in total_shares(one)),
    ]
    checks = judge_all(
        calibration.rank,
        calibration.groups(bins),
        expected_coverage=calibration.expected_coverage(rng),
        of_maps=of_maps,
    )
    checks += judge_brightness(brightened)
    write_metrics(weighing_verdict, as_verdict(checks, weighing_record))

    drawn = [one for one in judged if one not in of_reference]  # `planck` has the same maps
    draw(weighing_figures, drawn, calibration, typeset(bin_labels(bins)))

    for path, table in (
        (weighing_masses, pd.concat([one.table() for one in judged])),
        (weighing_coverage, coverage_curves(drawn)),
        (weighing_by_mass, by_mass(of_planck[0])),
    ):
        with replacing_file(path) as unfinished:
            table.to_csv(unfinished, index=False, float_format="%.6g")
    metrics = {one.data_set: measure(one, bins) for one in judged}
    others = pd.read_csv(cnn_predictions)
    for one in judged:
        of_set = others[others.data_set == one.data_set]
        if len(of_set) and one.data_set in MAP_SETS:
            for name, values in compare(one, of_set, bins).items():
                metrics[one.data_set][name] |= values
    metrics[BRIGHTENED] = brightened
    sources = catalogue.at(psz2.read("catalogue_row"))
    noise = half_differences(planck_ymap, sources, nside=planck_sky.nside, grid=survey.grid)
    if noise is not None:
        metrics[HALVES] = {"all": noise_metrics(weigher, psz2.read("compton_y"), noise)}
    write_metrics(weighing_metrics, metrics)
    write_text(weighing_table, tables(metrics, bin_labels(bins), checks, tails(of_planck[0])))
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


def _test_rows(store: MapStore) -> np.ndarray:
    return np.flatnonzero(store.read("partition") == PARTITIONS.index("test"))


def _of_test_maps(weigher: Weigher, name: str, store: MapStore, gas: str) -> list[Judged]:
    return _judged(weigher, name, store, _test_rows(store), gas)


def _of_other_models(weigher: Weigher, planck: MapStore, reference: str) -> list[Judged]:
    """Clusters of each other gas, by their own relation."""
    other = planck.read("partition") == PARTITIONS.index("other_model")
    model, judged = planck.read("baryon_model"), []
    for number, name in enumerate(baryon_model_names(planck)):
        rows = np.flatnonzero(other & (model == number))
        if name != reference:
            judged += _judged(weigher, f"planck_{name}", planck, rows, name)
    return judged


def _brightened(
    weigher: Weigher,
    clean: MapStore,
    planck: MapStore,
    bins: Mapping[str, list[float]],
    *,
    fit: RoundFit,
    gas: str,
) -> Brightened:
    """The first test clusters of each bin: their signal multiplied, their noise as it is."""
    rows = _test_rows(planck)
    index = redshift_bin(planck.read("redshift", rows), bins)
    rows = np.sort(
        np.concatenate([rows[index == bin_][:MOST_CLUSTERS] for bin_ in range(len(bins))])
    )
    number = {cluster: row for row, cluster in enumerate(clean.read("cluster").tolist())}
    same = np.array([number[cluster] for cluster in planck.read("cluster", rows).tolist()])
    signal = clean.read("compton_y", same)
    return brighten(
        weigher,
        signal,
        planck.read("compton_y", rows) - signal,
        planck.read("redshift", rows),
        bins,
        fit=fit,
        prior=PSZ2,
        gas=gas,
    )


def _of_stand_ins(
    weigher: Weigher,
    psz2: MapStore,
    catalogue: Psz2Catalogue,
    *,
    seed: int,
    planck_sky: PlanckSky,
    compton: Compton,
    model: BaryonModel,
) -> list[Judged]:
    """The clusters of PSZ2 where their true masses are known: on the stand-in, and other, skies."""
    truth = psz2.read("m500c_true_msun")
    if not np.isfinite(truth).all():
        return []
    numbers, redshift = psz2.read("catalogue_row"), psz2.read("redshift")
    maps = psz2.read("compton_y")
    sources = catalogue.at(numbers)
    grid = weigher.record.facts.grid
    pixels = gnomonic_pixels(planck_sky.nside, sources.glon_deg, sources.glat_deg, grid)
    clusters = true_clusters(sources, ScalingRelation.of(model), Cosmology.of(compton))

    def weighed(name: str, images: np.ndarray) -> Judged:
        inputs = weigher.inputs(images, redshift)
        gas = compton.baryon_model
        return weigh_known(weigher, name, inputs, truth, numbers, prior=PSZ2, gas=gas)

    others = other_skies(seed, planck_sky, compton, sources, clusters, sigma_lny=model.sigma_lny)
    return [
        weighed(STAND_IN, maps),
        *(weighed(f"{STAND_IN}_{name}", maps + more[pixels]) for name, more in others),
    ]
