"""Studies that simulate maps of their own: leakage, baryon models, microwave."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers.mock_stores import small_params, write_noise
from helpers.recording import ListRun
from szmass.compton.maps.images import ClusterSimulator
from szmass.compton.maps.stores import open_planck_store
from szmass.microwave.maps.spectra_table import write_spectra
from szmass.params import Params
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.clusters.projection import disc_integral
from szmass.sky.cosmology import Cosmology
from szmass.sky.grid import PixelGrid
from szmass.sky.scaling import ScalingRelation, y_cyl_mpc2
from szmass.storage.store import MapStore
from szmass.studies.baryon_models.report import offset_put_in
from szmass.studies.baryon_models.report import report as report_baryon_models
from szmass.studies.baryon_models.settings import STORE, TITLE, BaryonModels
from szmass.studies.baryon_models.simulate import list_samples, pixel_means
from szmass.studies.baryon_models.simulate import simulate as simulate_baryon_models
from szmass.studies.baryon_models.train import train as train_baryon_models
from szmass.studies.leakage.report import report as report_leakage
from szmass.studies.leakage.settings import Division, Leakage
from szmass.studies.leakage.simulate import simulate as simulate_leakage
from szmass.studies.leakage.train import scatter_error
from szmass.studies.leakage.train import train as train_leakage
from szmass.studies.microwave.judge import judge as judge_microwave
from szmass.studies.microwave.settings import MicrowaveStudy, Quantity

BARYONS = BaryonModels(0.05, 32, 4.0, 120.0, [14.6, 15.2], 12, 2, 10, 1, 1)
TEST_CLUSTERS = 12


@pytest.fixture(scope="module")
def small(params: Params) -> Params:
    settings = small_params(params)
    cnn = replace(settings.cnn, members=1, m200_members=0)
    evaluation = replace(settings.evaluation, mass_axis_nodes=41)
    resources = replace(settings.resources, workers=1)
    return replace(settings, cnn=cnn, evaluation=evaluation, resources=resources)


def read_metrics(here: Path, item: str) -> dict[str, float]:
    found: dict[str, float] = json.loads((here / "items" / item / "metrics.json").read_text())
    return found


def test_leakage(small: Params, tmp_path: Path) -> None:
    noise_store = tmp_path / "noise.zarr"
    write_noise(noise_store, PixelGrid.of(small.compton), cutouts=8, rms_y=1e-6)
    items = {
        "clean_clusters": Division("clean", "clusters"),
        "planck_maps": Division("planck", "maps"),
    }
    study = Leakage([0.2, 0.4], 2.6, 6, 5, TEST_CLUSTERS, 1, 0.0, False, items)
    simulate_leakage(
        small.seed,
        small.compton,
        small.morphology,
        small.baryon_models,
        study,
        psz2_catalogue=ROOT / small.paths["psz2_catalogue"],
        noise_store=noise_store,
        here=tmp_path,
        resources=small.resources,
    )
    store = open_planck_store(tmp_path / "stores" / "planck.zarr")
    assert len(store.read("cluster")) == 6 * 5 + TEST_CLUSTERS
    train_leakage(small.seed, small.cnn, small.evaluation, study, here=tmp_path, run=ListRun())
    for item, division in items.items():
        folder = tmp_path / "items" / item
        predictions = pd.read_csv(folder / "predictions.csv")
        assert len(predictions) == TEST_CLUSTERS
        validated = pd.read_csv(folder / "networks" / "out_of_fold.csv")
        claimed = np.std(validated["log10_m_pred"] - validated["log10_m_true"])
        assert read_metrics(tmp_path, item)["scatter_dex_validation"] == pytest.approx(claimed)
        whole = validated.groupby("cluster").size().eq(study.projections).all()
        assert whole == (division.divided == "clusters")
    run = ListRun()
    report_leakage(study, here=tmp_path, run=run)
    assert [path.name for path in run.figures] == ["leakage.png"]


def test_baryon_models_differ_in_their_gas_alone(small: Params) -> None:
    cosmology = Cosmology.of(small.compton)
    samples = list_samples(1, "gadget_x", small.baryon_models, BARYONS, cosmology)
    test = samples.partition > 0
    models = list(small.baryon_models)
    by_model = [samples.at(test & (samples.baryon_model == n)) for n in range(len(models))]
    for name, of_model in zip(models, by_model, strict=True):
        assert of_model.seeds.tolist() == by_model[0].seeds.tolist()
        assert of_model.m500c_msun == pytest.approx(by_model[0].m500c_msun)
        gas, main = small.baryon_models[name], small.baryon_models["gadget_x"]
        if gas.sigma_lny == main.sigma_lny:
            z = np.zeros(len(of_model))
            expected, of_main = (
                y_cyl_mpc2(of_model.m500c_msun, z, ScalingRelation.of(m), cosmology)
                for m in (gas, main)
            )
            ratio = of_model.mean_y_arcmin2 / by_model[models.index("gadget_x")].mean_y_arcmin2
            assert ratio == pytest.approx(expected / of_main)
    trained = set(samples.cluster[samples.partition == 0])
    assert not trained & set(samples.cluster[test])


def test_pixels_are_means_of_y(small: Params) -> None:
    cosmology = Cosmology.of(small.compton)
    samples = list_samples(1, "gadget_x", small.baryon_models, BARYONS, cosmology)
    model = MockClusters(**asdict(small.morphology))
    grid = PixelGrid(BARYONS.pixels, BARYONS.side_r500 / BARYONS.pixels)
    (cluster,) = ClusterSimulator(model, (0.4,) * 4, grid, 0.0).on_the_sky(samples.at(slice(1)))
    radius = float(samples.theta500_arcmin[0])
    pixels = PixelGrid(BARYONS.pixels, BARYONS.side_r500 * radius / BARYONS.pixels)
    image = pixel_means(model.tables(), cluster, pixels, sampling_arcmin=0.5)
    inside = image[pixels.radius_arcmin < radius].sum() * pixels.pixel_arcmin**2
    assert inside == pytest.approx(disc_integral(model.tables(), cluster, radius), rel=0.03)


def test_baryon_models(small: Params, tmp_path: Path) -> None:
    given = small.seed, small.compton, small.morphology, small.baryon_models, BARYONS
    simulate_baryon_models(*given, here=tmp_path, resources=small.resources)
    store = MapStore(tmp_path / STORE, TITLE)
    assert store.read("x")[-1] == pytest.approx(2.0 - 2.0 / 32)  # in R500
    train_baryon_models(
        small.seed, small.baryon_models, small.cnn, small.evaluation, BARYONS,
        here=tmp_path, run=ListRun(),
    )  # fmt: skip
    for name in small.baryon_models:
        assert read_metrics(tmp_path, name)["maps_ensemble"] == BARYONS.test_clusters
    run = ListRun()
    report_baryon_models(
        small.compton, small.baryon_models,
        de_andres_2022=ROOT / "data/reference/de_andres_2022.yaml", here=tmp_path, run=run,
    )  # fmt: skip
    assert "-0.068 +- 0.002" in (tmp_path / "table.md").read_text()
    assert [path.name for path in run.figures] == ["supp11_baryon_models.png"]


def test_offsets_between_gases_are_put_in() -> None:
    """The mass of a cluster as bright is (B / B_main)^(1 / 1.63) M, but for another slope."""
    cosmology = Cosmology("multidark-planck", "diemer15_orig")
    main, masses = ScalingRelation(1.63, -0.19), np.array([4e14, 8e14])
    fainter = offset_put_in(masses, ScalingRelation(1.63, -0.216), main, cosmology)
    assert fainter == pytest.approx(1 - 10 ** (0.026 / 1.63))
    steeper = offset_put_in(masses, ScalingRelation(1.79, -0.19), main, cosmology)
    shares = (masses / 6e14 * cosmology.h70) ** (0.16 / 1.63)
    assert steeper == pytest.approx(np.mean(1 - 1 / shares))


def test_the_exact_bound_follows_noise_and_a_network_stands_beside_it(
    small: Params, dl_uk2: dict[str, np.ndarray], tmp_path: Path
) -> None:
    write_spectra(tmp_path / "spectra.csv", dl_uk2)
    quantity = Quantity("microwave", "noise_uk_arcmin", [2.0, 20.0], [20.0])
    study = MicrowaveStudy(2, 32, 1, 200, [2.0, 7.0], {"noise": quantity}, {})
    settings = replace(small.microwave, pixels=16, pixel_arcmin=0.5)
    run = ListRun()
    judge_microwave(
        small.seed,
        settings,
        small.microwave_sets,
        replace(small.mresunet, recalibration_maps=32),
        small.evaluation,
        study,
        spectra_table=tmp_path / "spectra.csv",
        here=tmp_path,
        run=run,
    )
    quiet, loud = (read_metrics(tmp_path, f"quantities/noise/noise_{noise}") for noise in (2, 20))
    name = "bound_train.scatter_ln_mass"
    assert loud[name] > quiet[name] + 3.0 * np.hypot(loud[f"{name}_err"], quiet[f"{name}_err"])
    assert "mresunet.scatter_ln_mass" not in quiet
    assert loud["mresunet.scatter_ln_mass"] > loud[name]
    assert set(run.children["noise"].children) == {"noise_2", "noise_20"}
    assert not list(tmp_path.rglob("*.training"))


def test_one_setting_is_changed_and_keeps_its_type(small: Params) -> None:
    before = small.microwave, small.mresunet
    sky, network = Quantity("microwave", "pixels", [24.0], []).applied(24.0, *before)
    assert (sky, network) == (replace(small.microwave, pixels=24), small.mresunet)
    sky, network = Quantity("mresunet", "width", [4.0], []).applied(4.0, *before)
    assert (sky, network) == (small.microwave, replace(small.mresunet, width=4))
    assert isinstance(network.width, int)


def test_a_network_at_a_point_that_is_not_judged_is_refused() -> None:
    quantity = Quantity("mresunet", "width", [2.0], [4.0])
    with pytest.raises(ValueError, match="quantities.width.trained"):
        MicrowaveStudy(2, 32, 1, 200, [2.0, 7.0], {"width": quantity}, {})


def test_the_error_of_a_scatter_is_that_of_its_independent_clusters() -> None:
    rng = np.random.default_rng(0)
    values, cluster = rng.normal(3.0, 0.2, 400), np.arange(400)
    expected = 0.2 / np.sqrt(2.0 * 400.0)  # of a Gaussian's standard deviation
    alone = scatter_error(values, cluster, draws=2000, rng=rng)
    assert alone == pytest.approx(expected, rel=0.15)
    repeated = np.repeat(values, 9), np.repeat(cluster, 9)
    together = scatter_error(*repeated, draws=2000, rng=rng)
    assert together == pytest.approx(alone, rel=0.1)
