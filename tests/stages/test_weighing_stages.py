"""The stages of weighing: clusters, a record, a verdict, masses, metrics, tables and figures."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers import ROOT
from helpers import mock_stores as mock
from helpers.recording import ListRun
from helpers.small_weighing import TEST, TRAINING, VALIDATION, small_weighing
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.planck.files import write_maps
from szmass.planck.stores import PARTITIONS as MAP_PARTITIONS
from szmass.sky.healpix import pixel_count
from szmass.stages.weighing import simulate_training_clusters as stage
from szmass.stages.weighing.evaluate_weighing import evaluate_weighing
from szmass.stages.weighing.train_weighing import train_weighing
from szmass.weighing.judgement.gate import GateError, require_passed_gate
from szmass.weighing.record import Record
from szmass.weighing.training import clusters
from szmass.weighing.training.clusters import PARTITIONS, open_clusters

FIGURES = ["coverage", "masses"]
SHARD_ROWS = 64


@pytest.fixture(scope="module")
def settings(params):
    return small_weighing(params)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weighing")


@pytest.fixture(scope="module")
def survey_paths(settings, folder):
    return {
        "planck_noise_spectrum": ROOT / settings.paths["planck_noise_spectrum"],
        "planck_files": folder / "no_files",
    }


def one_after_the_other(task, items, *, resources, label, **shared):
    """In the place of `run_tasks`."""
    return [task(item, **shared) for item in items]


@pytest.fixture(scope="module")
def simulate(settings, survey_paths):
    """Runs the stage with shards of a few clusters: one after the other, or by dask workers."""

    def run(path, workers):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(clusters, "SHARD_ROWS", SHARD_ROWS)
            if workers == 0:
                patch.setattr(stage, "run_tasks", one_after_the_other)
            stage.simulate_training_clusters(
                settings.seed,
                settings.compton,
                settings.morphology,
                settings.planck_sky,
                settings.weighing,
                **survey_paths,
                simulations=ROOT / settings.paths["simulations"],
                weighing_clusters=path,
                resources=replace(settings.resources, workers=max(1, workers)),
            )
        return path

    return run


@pytest.fixture(scope="module")
def weighing_clusters(simulate, folder):
    return simulate(folder / "weighing_clusters.zarr", 0)


def test_two_workers_write_the_bytes_of_one_process(simulate, weighing_clusters, tmp_path):
    twice = simulate(tmp_path / weighing_clusters.name, 2)
    first, second = (
        {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}
        for path in (weighing_clusters, twice)
    )
    assert len([name for name in first if name.startswith("amplitude/c/")]) == 5
    assert first == second


def test_the_store_has_clusters_for_each_purpose(weighing_clusters):
    store = open_clusters(weighing_clusters)
    counts = np.bincount(store.read("partition"), minlength=len(PARTITIONS))
    assert counts.tolist() == [TRAINING, VALIDATION, TEST]
    amplitude = store.read("amplitude")
    assert amplitude.shape == (TRAINING + VALIDATION + TEST, 4)
    # all have the Y of 1 arcmin^2, and are seen: filters are positive at the centre
    assert (amplitude.max(axis=1) > 0.0).all()
    assert (store.read("outer_level") > 0.0).all()


@pytest.fixture(scope="module")
def train(settings, survey_paths, weighing_clusters, map_stores):
    def run(path, run):
        train_weighing(
            settings.seed,
            settings.compton,
            settings.baryon_models,
            settings.planck_sky,
            settings.weighing,
            **survey_paths,
            psz2_catalogue=ROOT / settings.paths["psz2_catalogue"],
            weighing_clusters=weighing_clusters,
            planck_store=map_stores["planck_store"],
            weighing_record=path,
            run=run,
        )
        return path

    return run


@pytest.fixture(scope="module")
def training_run():
    return ListRun()


@pytest.fixture(scope="module")
def weighing_record(train, folder, training_run):
    return train(folder / "models" / "planck.npz", training_run)


def test_the_record_says_what_it_was_made_of(weighing_record, settings, training_run):
    record = Record.read(weighing_record)
    facts, weighing = record.facts, settings.weighing
    assert facts.gas_models == {
        name: {"alpha": gas.alpha, "log10_b": gas.log10_b, "sigma_lny": gas.sigma_lny}
        for name, gas in settings.baryon_models.items()
    }
    assert facts.reference_gas == settings.compton.baryon_model
    assert facts.gas_prior["log10_b"] == weighing.gas_prior.log10_b
    assert facts.networks == len(record.ensemble.weights) == 1
    assert facts.least_level == weighing.noise_levels[0] * settings.planck_sky.noise_rms
    assert facts.redshifts == weighing.redshifts
    assert len(record.axis) == weighing.axis_nodes
    assert record.population is not None
    assert len(record.population.redshift) > 1000
    assert training_run.artifacts == [(weighing_record, "")]
    assert list(training_run.children) == ["network_0"]
    assert "keras.backend" in training_run.facts


def test_the_record_is_the_same_byte_by_byte(train, weighing_record, tmp_path):
    again = train(tmp_path / "again.npz", ListRun())
    assert again.read_bytes() == weighing_record.read_bytes()


@pytest.fixture(scope="module")
def map_stores(settings, folder):
    paths = mock.write_stores(folder, settings)
    del paths["noise_store"]
    paths["psz2_store"] = folder / "psz2.zarr"
    mock.write_psz2(paths["psz2_store"], settings)
    paths["planck_ymap"] = folder / "ymap.fits"
    shape = 2, pixel_count(settings.planck_sky.nside)
    sky, noise = mock.NOISE_Y * np.random.default_rng(2).standard_normal(shape, dtype=np.float32)
    halves = {"FIRST": sky + noise, "LAST": sky - noise}
    write_maps(paths["planck_ymap"], "Y-MAP", {"FULL": sky, **halves}, {})
    return paths


@pytest.fixture(scope="module")
def cnn_predictions(map_stores, folder):
    """Others' masses of the same maps, 20 % too high, with errors of 10 %."""
    tables, rng = [], np.random.default_rng(1)
    for name, opened in (("clean", open_clean_store), ("planck", open_planck_store)):
        store = opened(map_stores[f"{name}_store"])
        rows = np.flatnonzero(store.read("partition") == MAP_PARTITIONS.index("test"))
        truth = store.read("m500c_msun", rows)
        columns = {
            column: 1.2 * truth * np.exp(0.1 * rng.standard_normal(len(rows)))
            for column in ("matched_filter_msun", "ensemble_msun", "posterior_msun")
        }
        labels = {"data_set": name, "cluster": store.read("cluster", rows), "m500c_msun": truth}
        table = pd.DataFrame(labels | columns)
        tables.append(table.sample(frac=1.0, random_state=1))
    path = folder / "cnn_predictions.csv"
    pd.concat(tables).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def evaluate(settings, weighing_clusters, map_stores, cnn_predictions):
    def run(record, out, run):
        evaluate_weighing(
            settings.seed,
            settings.bins,
            settings.compton,
            settings.baryon_models,
            settings.planck_sky,
            settings.weighing,
            **map_stores,
            psz2_catalogue=ROOT / settings.paths["psz2_catalogue"],
            weighing_record=record,
            weighing_clusters=weighing_clusters,
            cnn_predictions=cnn_predictions,
            weighing_masses=out / "masses.csv",
            weighing_verdict=out / "verdict.json",
            weighing_metrics=out / "weighing.json",
            weighing_coverage=out / "coverage.csv",
            weighing_by_mass=out / "by_mass.csv",
            weighing_table=out / "table.md",
            weighing_figures=out / "figures",
            run=run,
        )
        return out

    return run


@pytest.fixture(scope="module")
def judging_run():
    return ListRun()


@pytest.fixture(scope="module")
def judged(evaluate, weighing_record, folder, judging_run):
    return evaluate(weighing_record, folder / "out", judging_run)


@pytest.fixture(scope="module")
def masses(judged):
    return pd.read_csv(judged / "masses.csv")


@pytest.fixture(scope="module")
def metrics(judged):
    return json.loads((judged / "weighing.json").read_text())


def of_test_clusters(verdict):
    """The checks of the gate's own clusters; the mock maps are unlike those of the training."""
    return [c for c in verdict["checks"] if not c["group"].startswith(("planck", "brightened"))]


def test_a_trained_record_passes_all_checks_of_clusters_as_it_was_trained_on(judged):
    verdict = json.loads((judged / "verdict.json").read_text())
    checks = of_test_clusters(verdict)
    assert [check for check in checks if not check["passed"]] == []
    of_all = {check["what"]: check for check in checks if check["group"] == "all"}
    shares = {f"{kind}coverage_{n}" for kind in ("", "expected_") for n in (50, 68, 90, 95)}
    assert set(of_all) == {*shares, "mean_rank"}
    assert {check["clusters"] for check in of_all.values()} == {TEST}
    groups = [check["group"] for check in checks if check["what"] == "coverage_68"]
    assert len(set(groups)) == len(groups)
    assert sum(name.startswith("signal to noise") for name in groups) == 5
    assert sum(name.startswith("log10 mass") for name in groups) == 5
    assert sum(name.endswith(" fifth") for name in groups) == 4
    others = {check["group"] for check in verdict["checks"]} - {c["group"] for c in checks}
    assert {"planck, z1", "planck, z2, farthest fifth", "brightened, z1"} < others
    assert {"planck_magneticum", "planck_gadget_x"} < others  # their total intervals


def test_the_reference_gas_is_judged_by_a_prior_made_without_it(masses, settings):
    """On the same maps with the same posteriors for one gas, and other total intervals."""
    same, other = (
        masses[masses["data_set"] == name].set_index("cluster")
        for name in ("planck", f"planck_{settings.compton.baryon_model}")
    )
    of_one = ["m500c_msun", "weighing_msun", "weighing_msun_p16", "weighing_rank"]
    assert same[of_one].equals(other[of_one])
    # the observations' Y is 0.04 dex less at 6e14 Msun, so masses are higher
    apart = np.log10(other["weighing_msun_total"] / same["weighing_msun_total"])
    assert 0.0 < apart.median() < 0.04
    assert (other["weighing_total_rank"] <= same["weighing_total_rank"]).mean() > 0.9


def test_masses_are_of_test_maps_alone(masses, map_stores, settings):
    store = open_planck_store(map_stores["planck_store"])
    for number, name in enumerate(("planck", "planck_magneticum")):
        partition = MAP_PARTITIONS.index("other_model" if number else "test")
        rows = store.read("partition") == partition
        if number:
            rows &= store.read("baryon_model") == list(settings.baryon_models).index("magneticum")
        of_set = masses[masses["data_set"] == name]
        assert sorted(of_set["cluster"]) == sorted(store.read("cluster", np.flatnonzero(rows)))


def test_metrics_say_what_the_masses_say(masses, metrics):
    rows = masses[(masses["data_set"] == "planck") & (masses["redshift"] > mock.BINS["z2"][0])]
    found = metrics["planck"]["z2"]
    assert found["maps"] == len(rows) == mock.TEST
    error = 1.0 - rows["m500c_msun"] / rows["weighing_msun"]
    assert found["relerr_median"] == pytest.approx(error.median(), abs=1e-4)
    low, high = np.percentile(error, [16, 84])
    assert found["relerr_half_width"] == pytest.approx((high - low) / 2.0, abs=1e-4)
    for suffix, column in (("", "weighing_rank"), ("_total", "weighing_total_rank")):
        inside = (rows[column] - 0.5).abs() <= 0.34
        assert found[f"coverage_68{suffix}"] == pytest.approx(inside.mean(), abs=0.02)


def test_curves_say_what_metrics_say(judged, masses, metrics):
    curves = pd.read_csv(judged / "coverage.csv").set_index("probability")
    assert {"planck", "clean", "stand_in"} < set(curves.columns)
    for share in (0.5, 0.9):
        found = metrics["planck"]["all"][f"coverage_{100 * share:.0f}"]
        assert curves["planck"][share] + share == pytest.approx(found, abs=1e-5)
    by_mass, of_planck = pd.read_csv(judged / "by_mass.csv"), masses[masses.data_set == "planck"]
    assert by_mass["maps"].sum() == len(of_planck)
    assert by_mass["m500_1e14_msun"].is_monotonic_increasing
    error = 1.0 - of_planck["m500c_msun"] / of_planck["weighing_msun"]
    lightest = error[of_planck["m500c_msun"].rank(method="first") <= by_mass["maps"][0]]
    assert by_mass["relerr_median"][0] == pytest.approx(lightest.median(), abs=1e-4)


def test_others_masses_stand_beside_on_the_same_maps(metrics):
    for data_set in ("planck", "clean"):
        for name in ("matched_filter", "cnn", "cnn_posterior"):
            values = metrics[data_set]["all"]
            # 1 - 1 / (1.2 e^(0.1 n)), in whatever order the table has its rows
            assert values[f"{name}_relerr_median"] == pytest.approx(1.0 - 1.0 / 1.2, abs=0.03)
            assert values[f"{name}_relerr_half_width"] == pytest.approx(0.1 / 1.2, rel=0.3)


def test_every_gas_and_the_stand_in_are_judged(metrics, settings):
    others = [name for name in settings.baryon_models if name != settings.compton.baryon_model]
    assert list(metrics) == [
        *("planck", "clean", *(f"planck_{n}" for n in (*others, settings.compton.baryon_model))),
        *("stand_in", "stand_in_sources", "stand_in_scatter"),
        *("planck_brightened", "half_differences"),
    ]
    skies = [metrics[name]["all"] for name in metrics if name.startswith("stand_in")]
    assert len({sky["maps"] for sky in skies}) == 1
    # the same clusters, on skies that differ
    assert len({sky["scatter_dex"] for sky in skies}) == 3


def test_the_two_halves_noise_is_compared_with_what_weighing_takes_it_to_be(metrics, judged):
    values = metrics["half_differences"]["all"]
    assert values["maps"] == metrics["stand_in"]["all"]["maps"]
    # of pixels of 7' each, it is more than the filters' spectrum has at their scales
    assert values["noise_ratio_own_level"] > 1.5
    assert values["noise_ratio"] > 0.0
    said = f"{values['noise_ratio_own_level']:.3f} of that expected from its own level"
    assert said in (judged / "table.md").read_text()


def test_clusters_are_brightened_with_their_noise_as_it_is(metrics):
    for name in ("z1", "z2"):
        values = metrics["planck_brightened"][name]
        assert values["maps"] == mock.TEST
        assert 0.0 <= values["bright_dex"] <= values["bright_dex_p95"] < 1.0


def test_table_and_figures_are_there_and_reported(judged, judging_run, metrics):
    assert sorted(path.stem for path in (judged / "figures").glob("*.png")) == FIGURES
    assert [path.stem for path in judging_run.figures] == FIGURES
    table = (judged / "table.md").read_text()
    width = metrics["planck"]["z2"]["relerr_half_width"]
    assert re.search(rf"^\| 0.4 < z <= 1 +\| 60 +\| {width:.3f} +\|", table, re.MULTILINE)
    assert re.search(r"^\| true mass above 1e\+15 Msun +\| \d+ +\|", table, re.MULTILINE)
    assert re.search(r"The gate: (all \d+|\d+ of \d+) checks (passed|failed)", table)
    assert "checks have few clusters" in table
    reported = {name: value for name, value, _ in judging_run.metrics}
    assert reported["planck.scatter_dex"] == metrics["planck"]["all"]["scatter_dex"]


def test_the_verdict_is_of_one_record(judged, weighing_record, tmp_path):
    content = json.loads((judged / "verdict.json").read_text())
    passed = tmp_path / "verdict.json"
    # the mock maps are unlike those of the training, which the gate says
    passed.write_text(json.dumps(content | {"success": True, "failed": []}))
    require_passed_gate(passed, weighing_record)
    other = tmp_path / "other.npz"
    other.write_bytes(weighing_record.read_bytes() + b"1")
    with pytest.raises(GateError, match="verdict.json: judged a record of sha256 .*other.npz has"):
        require_passed_gate(passed, other)


def test_a_failing_gate_says_group_number_and_expectation(evaluate, weighing_record, tmp_path):
    """Widths that are 20 times too small, in an otherwise unchanged record."""
    record = Record.read(weighing_record)
    for weights in record.ensemble.weights:
        bias = weights[-2]
        bias[2 * len(bias) // 3 :] -= np.log(20.0)
    spoiled = tmp_path / "spoiled.npz"
    record.write(spoiled)
    out = evaluate(spoiled, tmp_path / "out", ListRun())
    verdict = json.loads((out / "verdict.json").read_text())
    assert verdict["success"] is False
    line = next(line for line in verdict["failed"] if line.startswith("all: coverage_68 = "))
    check = next(
        check
        for check in verdict["checks"]
        if (check["group"], check["what"]) == ("all", "coverage_68")
    )
    low, high = f"{check['low']:.3f}", f"{check['high']:.3f}"
    assert f"{check['found']:.3f} of {TEST} clusters: expected 0.68, {low} to {high}" in line
    assert not check["passed"]
    # what was found is written all the same, so that a person can look
    assert f"- {line}" in (out / "table.md").read_text()
