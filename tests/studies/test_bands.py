"""The study of bands: weighing all but reaches the exact posterior, and more bands tell more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from helpers.recording import ListRun
from szmass.microwave.maps.spectra_table import write_spectra
from szmass.params import Params, load_as
from szmass.sky.spectra import COMPONENTS
from szmass.studies.bands.judge import judge, noise_of
from szmass.studies.bands.report import report
from szmass.studies.bands.settings import Bands, BandSet
from szmass.weighing.filters import FilterBank, information

STUDY = ROOT / "studies" / "bands"


@pytest.fixture(scope="module")
def study() -> Bands:
    """One band and two, of small maps, with little but the CMB's and dust's shape in the sky."""
    items = {
        "one": BandSet({"150": 5.0}, 0.2),
        "two": BandSet({"95": 3.0, "150": 5.0}, 0.0),
    }
    whole = load_as(Bands, STUDY / "params.yaml")
    return replace(whole, pixels=20, pixel_arcmin=0.5, test_clusters=400, items=items)


@pytest.fixture(scope="module")
def spectra(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("spectra") / "spectra.csv"
    ell = np.arange(14_001.0)
    dl = {name: np.zeros(len(ell)) for name in COMPONENTS}
    dl["cmb"] = 2000.0 * np.exp(-ell / 1000.0) * (ell > 1)
    dl["radio"] = 1e-7 * ell**2
    write_spectra(path, dl)
    return path


@pytest.fixture(scope="module")
def done(
    study: Bands, spectra: Path, params: Params, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    here = tmp_path_factory.mktemp("bands")
    quick = replace(
        params.weighing_microwave, training_clusters=12_000, validation_clusters=2_000, networks=1
    )
    sections = (params.seed, params.compton, params.baryon_models, params.weighing)
    judge(*sections, quick, params.evaluation, study, spectra_table=spectra, here=here,
          run=ListRun())  # fmt: skip
    return here


@pytest.mark.parametrize("name", ["one", "two"])
def test_weighing_is_all_but_exact(done: Path, name: str) -> None:
    """A quick training: within 3 %, as is asked of three bands."""
    metrics = json.loads((done / "items" / name / "metrics.json").read_text())
    assert 0.99 < metrics["scatter_ln_mass_over_exact"] < 1.03
    assert metrics["divergence_nats"] < 0.03


def test_the_table_has_a_row_a_set(study: Bands, done: Path) -> None:
    run = ListRun()
    report(study, here=done, run=run)
    lines = (done / "table.md").read_text().splitlines()
    cells = [[cell.strip() for cell in line.split("|")] for line in lines[-2:]]
    assert [row[1:3] for row in cells] == [["one", "150: 5"], ["two", "95: 3, 150: 5"]]
    assert [path.name for path in run.figures] == ["bands.png"]


def test_one_band_of_a_survey_of_several_is_the_survey_of_one(study: Bands) -> None:
    """Where bands have nothing in common, and the others see nothing of the cluster."""
    alone, several = BandSet({"150": 5.0}, 0.0), BandSet({"95": 3.0, "150": 5.0}, 0.0)
    empty = {"cmb": np.zeros(20_001)}
    one, three = (noise_of(bands, study, empty) for bands in (alone, several))
    pixels = study.pixels
    spot = np.exp(-0.5 * (one.grid.radius_arcmin / 1.2) ** 2)[None]
    of_three = np.stack([np.zeros_like(spot), spot], axis=1)
    assert information(of_three, three)[0] == pytest.approx(information(spot, one)[0], rel=1e-6)
    single = FilterBank.of_templates(spot, one).filters
    among = FilterBank.of_templates(of_three, three).filters.reshape(1, 2, pixels**2)
    np.testing.assert_allclose(among[:, 1], single, atol=1e-5 * np.abs(single).max())
    assert np.abs(among[:, 0]).max() < 1e-5 * np.abs(single).max()
