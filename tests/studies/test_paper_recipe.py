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
from helpers.committed import SETTINGS
from helpers.recording import ListRun
from szmass.microwave.maps.samples import list_samples, open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.microwave.network.arrays import read_maps
from szmass.microwave.results.metrics import mass_label
from szmass.params import Params, load
from szmass.params.scales import apply_scale
from szmass.studies.paper_recipe import train as step
from szmass.studies.paper_recipe.report import report
from szmass.studies.paper_recipe.settings import PaperRecipe
from szmass.units import MASS_UNIT_MSUN

NARROW = PaperRecipe(width=2, epochs=2)


@pytest.fixture(scope="module")
def scale_paper(tmp_path_factory: pytest.TempPathFactory) -> Params:
    """All settings at scale `paper`, as `szmass scale paper` writes them."""
    folder = tmp_path_factory.mktemp("scale")
    shutil.copy(SETTINGS, folder)
    apply_scale(folder / "params.yaml", ROOT / "scales" / "paper.yaml")
    return load(folder / "params.yaml")


def test_all_but_width_and_epochs_is_that_of_the_scale(params: Params, scale_paper: Params) -> None:
    recipe, sets = NARROW.applied(params.mresunet, params.microwave_sets, ROOT / "scales")
    assert recipe == replace(scale_paper.mresunet, width=2, epochs=2)
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
    tiny: Params, tiny_store: Path, spectra_table: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, ListRun]:
    """The step with all settings of the scale, on maps of 8 x 8 pixels of two masses."""
    here, run = tmp_path_factory.mktemp("paper_recipe"), ListRun()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        step.train(
            tiny.seed,
            tiny.microwave,
            tiny.microwave_sets,
            tiny.mresunet,
            replace(tiny.evaluation, bootstrap_draws=20),
            NARROW,
            spectra_table=spectra_table,
            microwave_store=tiny_store,
            here=here,
            run=run,
        )
    return here, run


def metrics_of(here: Path, part: str) -> dict[str, float]:
    found: dict[str, float] = json.loads(
        (here / "items" / step.ITEM / part / "metrics.json").read_text()
    )
    return found


def test_the_same_weights_are_judged_with_both_kinds_of_averages(
    trained: tuple[Path, ListRun],
) -> None:
    here, run = trained
    before, after = (metrics_of(here, part) for part in (step.AS_TRAINED, step.MEASURED_ANEW))
    assert before["mresunet.scatter_ln_mass"] != after["mresunet.scatter_ln_mass"]
    assert before["bound_train.scatter_ln_mass"] == after["bound_train.scatter_ln_mass"]
    (item,) = run.children.values()
    assert set(item.children) == {step.AS_TRAINED, step.MEASURED_ANEW}
    # every map of 400 for each of two masses, in each of the epochs; one training for both
    seen = [value for name, value, _ in item.metrics if name == "maps_seen"]
    assert seen == [800 * epoch for epoch in range(1, NARROW.epochs + 1)]
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


COMMITTED = ROOT / "studies" / "paper_recipe" / "metrics.json"


def test_the_recipe_measured_anew_gives_the_masses_of_figure_4() -> None:
    """What was committed: medians near the truth and the exact posterior's, scatter near its.

    The truth within 5 %, and twice the median's error from so many test maps.
    """
    found = json.loads(COMMITTED.read_text())[step.MEASURED_ANEW]
    maps = load(SETTINGS).microwave_sets.test_maps
    for mass in (2, 2.5, 3, 3.5, 4, 4.5, 5):
        label = mass_label(mass * MASS_UNIT_MSUN)
        median = found[f"mresunet.median_1e14_{label}"]
        error = np.sqrt(np.pi / 2.0 / maps) * found[f"mresunet.half_width_1e14_{label}"]
        assert abs(median - mass) < 0.05 * mass + 2.0 * error, mass
    for mass in (2, 3, 4, 5, 6, 7):
        offset = found[f"mresunet.offset_from_bound_sigma_m{mass}p0e14"]
        assert abs(offset) <= 0.7, mass
    scatter, bound = (found[f"{name}.scatter_ln_mass"] for name in ("mresunet", "bound_train"))
    assert scatter <= 1.05 * bound
