"""Weighs the PSZ2 clusters by the ensembles, with posteriors, beside Planck's masses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from szmass.evaluation import psz2_figures as figures
from szmass.evaluation.compton_metrics import ALL_BINS, relative_error
from szmass.evaluation.figures import save
from szmass.evaluation.psz2_figures import Weighed
from szmass.evaluation.psz2_metrics import (
    FULL,
    GOLDEN,
    MSZ_TRUE,
    TRUE,
    bias_metrics,
    interval_metrics,
    labels_of,
    published_metrics,
)
from szmass.evaluation.psz2_metrics import psz2_table as write_table
from szmass.inference.measured_knowledge import measure_knowledge
from szmass.inference.predictor import Columns, Predictor
from szmass.inference.prior import named_prior
from szmass.inference.scaling_relation import aperture_y_arcmin2, planck_msz_msun, relation_msun
from szmass.learning.backend import prepare_backend
from szmass.params import BaryonModel, Cnn, Compton, Posterior
from szmass.reporting import Run
from szmass.simulation.compton_samples import open_planck_store, partition_rows
from szmass.simulation.exports import write_mass_tables
from szmass.simulation.psz2 import open_psz2_store
from szmass.simulation.psz2_catalogue import read_deep_planck, read_psz2
from szmass.simulation.store import MapStore
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation
from szmass.units import MASS_UNIT_MSUN

CATALOGUE_COLUMNS = (
    "m500_msun", "m500_msun_p2p5", "m500_msun_p16", "m500_msun_p84", "m500_msun_p97p5",
    "log10_m500", "out_of_range", "out_of_range_reason", "systematic_dex", "sigma_aleatoric_dex",
    "sigma_epistemic_dex", "m500_ensemble_msun", "m500_selected_msun", "model_version",
)  # fmt: skip
LABELS = ("glon_deg", "glat_deg", "redshift", "msz_1e14_msun", "masked_fraction")
RESOLVED_PIXELS = 5.0
"""R500 of clusters whose Y can be measured in a map with the beam (dA22, text at Fig. 3)."""


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
    prior = named_prior(posterior.prior, predictor.axis_log10_msun)

    clusters = read_psz2(psz2_catalogue).at(psz2.read("catalogue_row"))
    published = read_deep_planck(deep_planck, clusters)["log10_m500c_msun"].to_numpy(float)
    found = weigh(psz2, predictor, prior)
    write_mass_tables(
        psz2_masses_fits,
        psz2_masses_csv,
        {"name": clusters.name, **found, "log10_m500_published": published},
        {"SKY": str(psz2.attributes["sky"]), "MODEL": knowledge.model_version},
    )
    test = weigh_mocks(mocks, predictor)
    relation = baryon_models[compton.baryon_model]
    simulated = simulated_msz(
        test, mocks, compton, ScalingRelation(relation.alpha, relation.log10_b)
    )

    metrics = judge(found, published, bins)
    for name, known in knowledge.bins.items():
        middle = np.median(known.training_log10_msun)[None]
        for model, shift in known.shifts.items():
            metrics[f"model_shift_dex_{model}_{name}"] = float(shift(middle)[0])
        share = float(np.mean(test["out_of_range"][test["bin"] == name]))
        metrics[f"out_of_range_share_test_{name}"] = share
    for label, sample in simulated.items():
        metrics[f"relerr_median_mock_{label}"] = float(np.median(sample.bias))
    psz2_metrics.parent.mkdir(parents=True, exist_ok=True)
    psz2_metrics.write_text(json.dumps(dict(sorted(metrics.items())), indent=1) + "\n")
    sky = str(psz2.attributes["sky"])
    psz2_table.write_text(write_table(metrics, labels_of(bins), sky))
    draw(psz2_figures, found, simulated, labels_of(bins), sky)

    for name, value in metrics.items():
        run.metric(name, value)
    for path in (psz2_masses_fits, psz2_masses_csv, psz2_table):
        run.artifact(path)
    for path in sorted(psz2_figures.glob("*.png")):
        run.figure(path)


def weigh(psz2: MapStore, predictor: Predictor, prior: np.ndarray | None) -> Columns:
    """The catalogue's columns, but for the clusters' names.

    The golden sample is weighed a second time with its point sources refilled,
    `m500_golden_msun`, as the paper does.
    """
    labels = {name: psz2.read(name) for name in LABELS}
    redshift, msz = labels["redshift"], labels["msz_1e14_msun"] * MASS_UNIT_MSUN
    masses = predictor(psz2.read("compton_y"), redshift, prior)
    golden = psz2.read("golden") == 1
    refilled = np.full(len(golden), np.nan)
    rows = np.flatnonzero(golden)
    if len(rows):
        maps = psz2.read("compton_y_refilled", rows)
        refilled[rows] = predictor(maps, redshift[rows], prior)["m500_msun"]
    true = psz2.read("m500c_true_msun")
    return {
        **labels,
        "bin": masses["bin"],
        **{name: masses[name] for name in CATALOGUE_COLUMNS},
        "relerr": relative_error(masses["m500_msun"], msz),
        "golden": golden,
        "m500_golden_msun": refilled,
        "m500_true_msun": true,
    }


def weigh_mocks(mocks: MapStore, predictor: Predictor) -> Columns:
    """Masses of the test clusters, with their rows in the store as `row`."""
    rows = partition_rows(mocks, "test")
    masses = predictor(mocks.read("compton_y", rows), mocks.read("redshift", rows))
    return masses | {"row": rows}


def simulated_msz(
    test: Columns, mocks: MapStore, compton: Compton, relation: ScalingRelation
) -> dict[str, Weighed]:
    """Test clusters weighed by relations of Y and mass, by metric name of the relation."""
    cosmology = Cosmology(compton.cosmology, compton.concentration_model)
    rows, redshift, y = test["row"], test["redshift"], mocks.read("y500_cyl_arcmin2", test["row"])
    theta = mocks.read("theta500_arcmin", rows)
    resolved = np.flatnonzero(theta > RESOLVED_PIXELS * compton.pixel_arcmin)

    def weighed(msz_msun: np.ndarray, which: np.ndarray) -> Weighed:
        return Weighed(test["m500_msun"][which], msz_msun, test["bin"][which])

    everyone = np.arange(len(rows))
    samples = {
        "alpha_1p63": weighed(relation_msun(y, redshift, relation, cosmology), everyone),
        "alpha_1p79": weighed(planck_msz_msun(y, redshift, cosmology), everyone),
    }
    if len(resolved) >= len(test["bin"]) // 100:
        maps = mocks.read("compton_y", rows[resolved])
        in_maps = aperture_y_arcmin2(maps, theta[resolved], compton.pixel_arcmin)
        msz = relation_msun(np.maximum(in_maps, 1e-9), redshift[resolved], relation, cosmology)
        samples["alpha_1p63_in_planck_maps"] = weighed(msz, resolved)
    return samples


def judge(
    found: Columns, published_log10_msun: np.ndarray, bins: Mapping[str, list[float]]
) -> dict[str, float]:
    """Metrics by redshift bin and over all."""
    metrics: dict[str, float] = {}
    msz, true = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["m500_true_msun"]
    for name in (*bins, ALL_BINS):
        here = np.full(len(msz), fill_value=True) if name == ALL_BINS else found["bin"] == name
        golden, known = here & found["golden"], here & np.isfinite(true)
        mass = found["m500_msun"]
        metrics |= bias_metrics(mass[here], msz[here], name=FULL, bin_name=name)
        metrics |= bias_metrics(
            found["m500_golden_msun"][golden], msz[golden], name=GOLDEN, bin_name=name
        )
        metrics |= published_metrics(found["log10_m500"][here], published_log10_msun[here], name)
        if here.any():
            metrics[f"out_of_range_share_{name}"] = float(np.mean(found["out_of_range"][here]))
        if known.any():
            metrics |= bias_metrics(mass[known], true[known], name=TRUE, bin_name=name)
            metrics |= bias_metrics(msz[known], true[known], name=MSZ_TRUE, bin_name=name)
            ends = {
                level: (found[f"m500_msun_{low}"][known], found[f"m500_msun_{high}"][known])
                for level, low, high in ((68, "p16", "p84"), (95, "p2p5", "p97p5"))
            }
            metrics |= interval_metrics(ends, true[known], name)
    return metrics


def draw(
    folder: Path,
    found: Columns,
    simulated: Mapping[str, Weighed],
    labels: Mapping[str, str],
    sky: str,
) -> None:
    """Draws Figures 2 and 3."""
    msz, golden = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["golden"]
    names = np.array([labels[name] for name in found["bin"]], dtype=object)
    everyone = Weighed(found["m500_msun"], msz, names)
    panels = {"All PSZ2 clusters with a redshift": everyone}
    if golden.any():
        refilled = Weighed(found["m500_golden_msun"][golden], msz[golden], names[golden])
        panels["Golden sample"] = refilled
    save(figures.planck_bias(panels, sky), folder / "figure2_planck_bias.png")
    titles = {
        "alpha_1p63": "mocks, alpha = 1.63",
        "alpha_1p79": "mocks, alpha = 1.79, Y / 1.2",
        "alpha_1p63_in_planck_maps": "mocks, alpha = 1.63, Y in the maps, R500 > 5 pixels",
    }
    named = {titles[name]: sample for name, sample in simulated.items()}
    save(figures.bias_causes(named, everyone, sky), folder / "figure3_bias_causes.png")
