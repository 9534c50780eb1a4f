"""Surveys as settings: the committed ones, what is wrong with others, and Planck's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers import ROOT
from szmass.params import Params, ParamsError
from szmass.predict.survey_files import SurveyError, SurveyFiles, survey_names, trained_record
from szmass.surveys.instrument import Instrument
from szmass.surveys.settings import read_settings
from szmass.weighing.survey import planck_survey

SURVEYS = ROOT / "surveys"


@pytest.mark.parametrize("name", survey_names(SURVEYS))
def test_the_committed_surveys_can_be_read(params: Params, name: str) -> None:
    settings, weighing = read_settings(SurveyFiles(name, SURVEYS), params.weighing)
    assert settings.bands
    assert weighing.filters == params.weighing.filters


def test_planck_by_its_file_has_the_filters_of_the_pipeline(params: Params) -> None:
    """Bit for bit: with the same training clusters and seeds, the same masses follow."""
    files = SurveyFiles("planck", SURVEYS)
    settings, weighing = read_settings(files, params.weighing)
    assert weighing == params.weighing
    found = Instrument.of("planck", settings, weighing, SURVEYS).survey
    expected = planck_survey(
        params.compton,
        params.planck_sky,
        params.weighing,
        planck_noise_spectrum=ROOT / params.paths["planck_noise_spectrum"],
        planck_files=Path("no folder"),
    )
    np.testing.assert_array_equal(found.bank.filters, expected.bank.filters)
    np.testing.assert_array_equal(found.bank.noise_covariance, expected.bank.noise_covariance)
    assert found.meter.modes == expected.meter.modes
    assert (found.grid, found.noise_rms, found.beam_fwhm_arcmin, found.signal, found.bands) == (
        expected.grid,
        expected.noise_rms,
        expected.beam_fwhm_arcmin,
        expected.signal,
        expected.bands,
    )


GOOD = """\
signal: compton_y
pixels: 96
pixel_arcmin: 0.5
pixel_window: true
bands: {y: {beam_fwhm_arcmin: 1.6, noise: {white_arcmin: 1.0e-6}}}
sky: []
gas_kev: null
clusters: null
contaminants: null
weighing: {}
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("compton_y", "y"), "signal = 'y': expected one of compton_y, temperature_uk"),
        (("pixels: 96", "pixels: 95"), "pixels = 95: expected"),
        (("1.6, noise", "0.6, noise"), "beam_fwhm_arcmin = 0.6: expected at least 2 pixels"),
        (("{white_arcmin: 1.0e-6}", "{}"), "bands.y.noise.white_arcmin = None: expected either"),
        (("{white_arcmin: 1.0e-6}", "{white_arcmin: 0.0}"), "white noise above 0"),
        (("1.0e-6}", "1.0e-6, knee_ell: 9}"), "knee_slope = None: expected knee_ell and"),
        (("sky: []", "sky: [cmb]"), "sky = ['cmb']: expected nothing for maps of y"),
        (("compton_y", "temperature_uk"), "bands.y.frequency_ghz = None: expected a frequency"),
        (("bands: {", "bands: {x: {beam_fwhm_arcmin: 2.0, noise: {white_arcmin: 1.0}}, "),
         "bands = ['x', 'y']: expected one band"),
        (("weighing: {}", "weighing: {filtres: 3}"), "weighing.filtres: unknown key"),
        (("weighing: {}", "weighing: {redshifts: [0.5, 0.1]}"), "weighing.redshifts = [0.5, 0.1]"),
        (("gas_kev: null", "gas_kev: 5.0"), "gas_kev = 5.0: expected a temperature for maps of"),
        (("pixels: 96\n", ""), "pixels: missing"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_a_line_with_file_key_and_value(
    params: Params, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "mine.yaml"
    assert change[0] in GOOD
    path.write_text(GOOD.replace(*change))
    with pytest.raises(ParamsError) as error:
        read_settings(SurveyFiles("mine", tmp_path), params.weighing)
    assert any(line.startswith(f"{path}: ") for line in str(error.value).splitlines())
    assert message in str(error.value)


def test_a_survey_that_is_not_there_is_named_with_those_that_are(
    params: Params, tmp_path: Path
) -> None:
    (tmp_path / "mine.yaml").write_text(GOOD)
    with pytest.raises(SurveyError, match="survey 'mina': no .*mina.yaml; .* has mine; did you"):
        read_settings(SurveyFiles("mina", tmp_path), params.weighing)
    with pytest.raises(SurveyError, match=r"survey '\.\./x': expected a name of letters"):
        SurveyFiles("../x")


def test_a_survey_that_is_not_trained_weighs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "surveys").mkdir()
    (tmp_path / "surveys" / "mine.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SurveyError, match="no surveys/mine/record.npz.*`szmass survey train mine`"):
        trained_record("mine")
    with pytest.raises(SurveyError, match="`szmass survey new other`"):
        trained_record("other")
