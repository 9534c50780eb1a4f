"""Settings of a survey, read from its file."""

from __future__ import annotations

from szmass.errors import did_you_mean
from szmass.params import ParamsError, Weighing, load_as
from szmass.params.survey import SurveySettings
from szmass.predict.survey_files import SurveyError, SurveyFiles, survey_names


def read_settings(files: SurveyFiles, weighing: Weighing) -> tuple[SurveySettings, Weighing]:
    """The settings of a survey, and weighing's with the survey's in their place.

    Args:
        files: of the survey.
        weighing: the settings that szmass comes with.

    Raises:
        SurveyError: there is no such survey.
        ParamsError: something in its file is wrong; a line for each.
    """
    path = files.settings
    if not path.is_file():
        known = survey_names(files.surveys)
        has = f"{files.surveys} has {', '.join(known) if known else 'none'}"
        raise SurveyError(
            f"survey {files.name!r}: no {path}; {has}{did_you_mean(files.name, known)}; `szmass "
            f"survey new {files.name} --map MAP.fits --beam FWHM` makes one"
        )
    settings = load_as(SurveySettings, path)
    try:
        return settings, settings.applied(weighing)
    except ParamsError as error:
        lines = [f"{path}: {line}" for line in str(error).splitlines()]
        raise ParamsError("\n".join(lines)) from None
