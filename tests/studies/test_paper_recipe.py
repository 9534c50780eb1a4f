"""The paper's recipe is scale `paper` in all but width and epochs, on that scale's very maps."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from helpers.recording import ListRun
from szmass.microwave.maps.samples import list_samples, open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import read_maps
from szmass.params import Params, load
from szmass.params.scales import apply_scale
from szmass.stages.simulate_microwave import simulate_microwave
from szmass.studies.paper_recipe import train as step
from szmass.studies.paper_recipe.report import report
from szmass.studies.paper_recipe.settings import PaperRecipe

NARROW = PaperRecipe(width=2, epochs=3)


@pytest.fixture(scope="module")
def scale_paper(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """All settings at scale `paper`, as `szmass scale paper` writes them."""
    folder = tmp_path_factory.mktemp("scale")
    shutil.copy(ROOT / "params.yaml", folder)
    apply_scale(folder / "params.yaml", ROOT / "scales" / "paper.yaml")
    return load(folder / "params.yaml")


def test_all_but_width_and_epochs_is_that_of_the_scale(params: Params, scale_paper: Params) -> None:
    recipe, sets = NARROW.applied(params.mresunet, params.microwave_sets, ROOT / "scales")
    assert recipe == replace(scale_paper.mresunet, width=2, epochs=3)
    assert sets == scale_paper.microwave_sets
    assert recipe.recipe == "paper"
    # every map of the stored training set
    assert recipe.recalibration_maps == sets.train_maps * len(sets.training_masses_1e14)


def test_maps_are_those_that_the_pipeline_stores(
    tiny: Params, tiny_store: Path, spectra_table: Path
) -> None:
    sky = MicrowaveSky(tiny.microwave, read_spectra(spectra_table))
    samples = list_samples(tiny.seed, tiny.microwave_sets, tiny.microwave.ln_scatter)
    found = step.simulated(sky, samples, "validation")
    stored = read_maps(open_microwave_store(tiny_store), "validation")
    for name in ("temperature_uk", "sz_uk", "m200c_msun"):
        np.testing.assert_array_equal(getattr(found, name), getattr(stored, name))


@pytest.fixture(scope="module")
def trained(
    params: Params, spectra_table: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ListRun]:
    """The step with all settings of the scale, on maps of 16 x 16 pixels of three masses."""
    here, run = tmp_path_factory.mktemp("paper_recipe"), ListRun()
    microwave = replace(params.microwave, pixels=16)
    sets = replace(
        params.microwave_sets,
        training_masses_1e14=[2, 4, 6],
        other_masses_1e14=[3, 5],
        train_maps=1,
        validation_maps=1,
        test_maps=60,
        scatter_maps=300,
    )
    store = here / "microwave.zarr"
    simulate_microwave(
        params.seed,
        microwave,
        sets,
        spectra_table=spectra_table,
        microwave_store=store,
        resources=replace(params.resources, workers=1),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        step.train(
            params.seed,
            microwave,
            sets,
            params.mresunet,
            replace(params.evaluation, bootstrap_draws=20),
            NARROW,
            spectra_table=spectra_table,
            microwave_store=store,
            here=here,
            run=run,
        )
    return here, run


def metrics_of(here: Path, part: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(
        (here / "items" / step.ITEM / part / "metrics.json").read_text()
    )
    return found


def test_measured_anew_masses_are_nearer_to_the_truth(trained: tuple[Path, ListRun]) -> None:
    here, run = trained
    before, after = (metrics_of(here, part) for part in (step.AS_TRAINED, step.MEASURED_ANEW))
    assert abs(after["mresunet.median_ln_ratio"]) < 0.95 * abs(before["mresunet.median_ln_ratio"])
    # the same weights and maps, judged by the same exact posterior
    assert before["bound_train.scatter_ln_mass"] == after["bound_train.scatter_ln_mass"]
    assert set(run.children[step.ITEM].children) == {step.AS_TRAINED, step.MEASURED_ANEW}
    # nothing of the training's state is left
    assert not list((here / "items").rglob("*.training"))


def test_the_report_has_a_row_beside_the_pipelines(
    trained: tuple[Path, ListRun], tmp_path: Path
) -> None:
    here, run = trained
    metrics = ROOT / "metrics" / "microwave.json"
    report(NARROW, microwave_metrics=metrics, here=here, run=run)
    text = (here / "table.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| the pipeline's")]
    of_pipeline = json.loads(metrics.read_text())["mresunet"]
    assert f"{of_pipeline['scatter_ln_mass']:.3f} +-" in rows[0]
    found = metrics_of(here, step.MEASURED_ANEW)["mresunet.median_1e14_m5p0e14"] / 5.0
    (row,) = re.findall(r"measured anew +\|.*\((?:.*)", text.split("\n\n")[-1])
    assert f"{found:.2f} (" in row
    assert (here / "figures" / "paper_recipe.png").is_file()
