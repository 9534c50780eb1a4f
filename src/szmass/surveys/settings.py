"""Settings of a survey, read from its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from szmass.errors import did_you_mean
from szmass.hashes import sha256
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


def require_digests(files: SurveyFiles, settings: SurveySettings, names: Iterable[str]) -> None:
    """Requires that a survey's file states the digests of files that it names.

    Args:
        files: of the survey.
        settings: of its file.
        names: of files and stores, from the folder of the survey's file.

    Raises:
        SurveyError: a file is not there or has another digest; a line for each says what to write.
    """
    lines = []
    for name in names:
        path, stated = files.surveys / name, settings.sha256.get(name, "missing")
        if not path.exists():
            lines.append(f"{files.settings}: {path}: not found")
        elif stated != (digest := digest_of(path)):
            lines.append(
                f"{files.settings}: sha256: {name} = {stated}: expected {digest}, which is that of "
                f"{path}; write it there if this is the file to train with"
            )
    if lines:
        raise SurveyError("\n".join(lines))


def digest_of(path: Path) -> str:
    """SHA-256 of a file; of a folder, that of the lines of `sha256sum` of its files."""
    if path.is_file():
        return sha256(path)
    lines = [
        f"{sha256(file)}  {file.relative_to(path).as_posix()}\n"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
