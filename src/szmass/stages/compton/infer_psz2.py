"""Weighs the PSZ2 clusters by the ensembles, with the paper's posterior, beside Planck's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.compton.maps.imported import gas_of_maps
from szmass.compton.maps.stores import open_planck_store
from szmass.compton.masses.predictor import Predictor, make_record
from szmass.compton.psz2.figures import draw
from szmass.compton.psz2.masses import beside_published, simulated_msz, weigh, weigh_mocks
from szmass.compton.psz2.metrics import judge, mock_metrics
from szmass.compton.psz2.metrics import psz2_table as write_table
from szmass.compton.results.paper import DeAndres2022
from szmass.files import write_metrics, write_text
from szmass.networks.backend import prepare_backend
from szmass.params import BaryonModel, Cnn, Compton, Posterior
from szmass.planck.catalogue import read_deep_planck, read_psz2
from szmass.planck.stores import open_psz2_store
from szmass.reporting import Run, report_figures
from szmass.sky.cosmology import Cosmology
from szmass.sky.redshift_bins import ALL_BINS, bin_labels
from szmass.storage.mass_tables import write_mass_tables


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
    de_andres_2022: Path,
    planck_store: Path,
    cnn_models: Path,
    cnn_posterior: Path,
    psz2_cnn_masses_fits: Path,
    psz2_cnn_masses_csv: Path,
    psz2_metrics: Path,
    psz2_table: Path,
    psz2_figures: Path,
    run: Run,
) -> None:
    """Writes the record of the predictor, the catalogue of masses, metrics and figures."""
    prepare_backend(seed=seed, threads=cnn.threads)
    mocks, psz2 = open_planck_store(planck_store), open_psz2_store(psz2_store)
    record = make_record(cnn_models, bins, compton=compton, cnn=cnn, posterior=posterior)
    record.write(cnn_posterior)
    run.model(cnn_posterior, "cnn-ensemble", cnn_models)
    predictor = Predictor.load(cnn_models, cnn_posterior)
    sky = str(psz2.attributes["sky"])
    clusters = read_psz2(psz2_catalogue).at(psz2.read("catalogue_row"))
    published = read_deep_planck(deep_planck, clusters)["log10_m500c_msun"].to_numpy(float)
    found = weigh(psz2, predictor)
    write_mass_tables(
        psz2_cnn_masses_fits,
        psz2_cnn_masses_csv,
        {"name": clusters.name, **found, **beside_published(found, published)},
        {"SKY": sky, "MODEL": record.model_version},
    )
    test = weigh_mocks(mocks, predictor)
    gas = gas_of_maps(compton, baryon_models, mocks, Cosmology.of(compton))[compton.gas]
    simulated = simulated_msz(test, mocks, gas, compton)
    metrics = judge(found, published, bins, DeAndres2022.read(de_andres_2022))
    of_mocks = mock_metrics(test, simulated, bins)
    metrics = {
        name: dict(sorted({**values, **of_mocks[name]}.items())) for name, values in metrics.items()
    }
    write_metrics(psz2_metrics, metrics)
    labels = bin_labels(bins)
    write_text(psz2_table, write_table(metrics, labels | {ALL_BINS: "all"}, sky))
    draw(psz2_figures, found, 10.0**published, simulated, labels, sky)
    for bin_name, values in metrics.items():
        for name, value in values.items():
            run.metric(f"{bin_name}.{name}", value)
    for path in (psz2_cnn_masses_fits, psz2_cnn_masses_csv, psz2_table):
        run.artifact(path)
    report_figures(run, psz2_figures)
