"""The files of a survey: its settings, the noise that was measured, the record, and a page."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from szmass.errors import SzmassError, did_you_mean

SURVEYS = Path("surveys")
ENDING = ".yaml"


class SurveyError(SzmassError):
    """There is no such survey, or it is not what it is said to be."""


@dataclass(frozen=True)
class SurveyFiles:
    """Where the files of a survey are: `surveys/NAME.yaml`, and the folder `surveys/NAME`."""

    name: str
    surveys: Path = SURVEYS
    part: str = ""
    """Folder below the survey's, of what is made; empty for the survey's own."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", self.name):
            raise SurveyError(f"survey {self.name!r}: expected a name of letters, digits, - and _")

    @property
    def settings(self) -> Path:
        """What its maps are like."""
        return self.surveys / f"{self.name}{ENDING}"

    @property
    def folder(self) -> Path:
        """Of all that is made for it."""
        return self.surveys / self.name / self.part

    @property
    def failed(self) -> SurveyFiles:
        """The same files of the last training, where it has failed the gate."""
        return replace(self, part="failed")

    @property
    def noise(self) -> Path:
        """The spectrum of the noise that was measured in a map."""
        return self.folder / "noise.csv"

    @property
    def record(self) -> Path:
        """Filters and networks: all that `szmass predict` needs."""
        return self.folder / "record.npz"

    @property
    def verdict(self) -> Path:
        """Of the gate, on the record."""
        return self.folder / "verdict.json"

    @property
    def metrics(self) -> Path:
        """How good masses are."""
        return self.folder / "metrics.json"

    @property
    def completeness(self) -> Path:
        """Which clusters stand out of a map."""
        return self.folder / "completeness.csv"

    @property
    def page(self) -> Path:
        """To look at."""
        return self.folder / "page.md"

    @property
    def figure(self) -> Path:
        """Noise, what the survey can see, and how good its masses are."""
        return self.folder / "survey.png"


def survey_names(surveys: Path = SURVEYS) -> list[str]:
    """The names of all surveys that have settings."""
    return sorted(path.stem for path in surveys.glob(f"*{ENDING}"))


def trained_record(name: str) -> Path:
    """The record of a survey that passed its gate.

    Raises:
        SurveyError: there is no such survey, or it is not trained.
        GateError: its record failed a check, as the only training did, or another was judged.
    """
    from szmass.weighing.judgement.gate import require_passed_gate

    files = SurveyFiles(name)
    if not files.record.is_file():
        if files.failed.verdict.is_file():
            require_passed_gate(files.failed.verdict)
        trained = [known for known in survey_names() if SurveyFiles(known).record.is_file()]
        has = f"{SURVEYS} has {', '.join(trained)}" if trained else f"{SURVEYS} has none"
        train = "train" if files.settings.is_file() else "new"
        raise SurveyError(
            f"survey {name!r}: no {files.record}: expected a trained survey, {has}"
            f"{did_you_mean(name, trained)}; `szmass survey {train} {name}` makes it"
        )
    require_passed_gate(files.verdict, files.record)
    return files.record
