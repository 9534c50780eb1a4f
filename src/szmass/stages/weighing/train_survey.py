"""Trains weighing for a survey of `surveys/`, and judges it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from szmass.params import BaryonModel, Compton, Morphology, Resources, Spectra, Weighing
from szmass.predict.survey_files import SurveyFiles
from szmass.reporting import Run
from szmass.surveys.making import make_survey, prepare
from szmass.surveys.settings import read_settings, require_digests
from szmass.surveys.training import SurveyParams


def train_survey(
    seed: int,
    spectra: Spectra,
    compton: Compton,
    morphology: Morphology,
    baryon_models: Mapping[str, BaryonModel],
    weighing: Weighing,
    *,
    george2015: Path,
    survey_folder: Path,
    resources: Resources,
    item: str,
    run: Run,
) -> None:
    """Writes the record of the survey `item`, its verdict, numbers and page, if it passes the gate.

    Files that the survey's file names are no dependencies of the stage, which must be the same for
    all surveys. So the survey's file has to state their digests.
    """
    files = SurveyFiles(item, survey_folder)
    settings, own_weighing = read_settings(files, weighing)
    require_digests(files, settings, settings.named_files)
    params = SurveyParams(seed, spectra, compton, morphology, baryon_models, resources)
    training = prepare(files, settings, own_weighing, params, george2015=george2015)
    make_survey(files, training, run=run)
