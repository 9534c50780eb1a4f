"""A short training on small maps is all but the exact posterior; the verdict, metrics and table."""

import json
from dataclasses import replace

import pytest

from helpers.recording import ListRun
from szmass.stages.microwave.simulate_microwave import simulate_microwave
from szmass.stages.weighing.weigh_microwave import weigh_microwave
from szmass.weighing.judgement.against_exact import MOST_NATS, MOST_SCATTER
from szmass.weighing.judgement.gate import require_passed_gate

MAPS = 300


@pytest.fixture(scope="module")
def small(params):
    """Maps of 6 arcmin, and networks that are trained in seconds."""
    sets = {f"{name}_maps": 1 for name in ("train", "validation", "test", "spare")}
    return replace(
        params,
        seed=5,
        microwave=replace(params.microwave, pixels=24),
        microwave_sets=replace(params.microwave_sets, scatter_maps=MAPS, **sets),
        weighing=replace(params.weighing, hidden=32, hidden_layers=2, batch=128),
        weighing_microwave=replace(
            params.weighing_microwave,
            training_clusters=16_000,
            validation_clusters=1000,
            networks=1,
            epochs=8,
        ),
    )


@pytest.fixture(scope="module")
def weighed(small, spectra_table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weigh_microwave")
    store, run = folder / "microwave.zarr", ListRun()
    simulate_microwave(
        small.seed,
        small.microwave,
        small.microwave_sets,
        spectra_table=spectra_table,
        microwave_store=store,
        resources=replace(small.resources, workers=1),
    )
    weigh_microwave(
        small.seed,
        small.microwave,
        small.weighing,
        small.weighing_microwave,
        small.evaluation,
        spectra_table=spectra_table,
        microwave_store=store,
        weighing_microwave_verdict=folder / "verdict.json",
        weighing_microwave_metrics=folder / "metrics.json",
        weighing_microwave_table=folder / "table.md",
        run=run,
    )
    return folder, run


@pytest.mark.parametrize("name", ["scatter_test", "no_scatter_test"])
def test_a_quick_training_is_all_but_exact(weighed, name):
    folder, _ = weighed
    found = json.loads((folder / "metrics.json").read_text())[name]
    assert found["maps"] == MAPS
    assert 0.0 < found["divergence_nats"] < MOST_NATS
    assert found["scatter_ln_mass_over_exact"] < MOST_SCATTER
    # a network that saw no map would scatter as the masses do
    assert 0.1 < found["scatter_ln_mass_exact"] < 0.3


def test_the_verdict_is_one_that_a_catalogue_may_follow(weighed):
    folder, run = weighed
    require_passed_gate(folder / "verdict.json")
    text = (folder / "table.md").read_text()
    assert "The gate: all 4 checks passed" in text
    assert "The filters miss at most" in text
    reported = {name for name, _, _ in run.metrics}
    assert {"scatter_test.divergence_nats", "filters.lost_information"} <= reported
    assert run.artifacts == [(folder / "table.md", "")]
