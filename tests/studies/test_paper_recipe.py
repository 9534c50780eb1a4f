"""The paper's recipe is scale `paper` in all but width and epochs, on that scale's very maps."""

from __future__ import annotations

import json
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
from szmass.studies.paper_recipe import train as step
from szmass.studies.paper_recipe.report import report
from szmass.studies.paper_recipe.settings import PaperRecipe

NARROW = PaperRecipe(width=2, epochs=3)
BOUND_METRICS = {"scatter_ln_mass": 0.18, "scatter_ln_mass_err": 0.01}


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
