"""Which studies there are."""

from __future__ import annotations

from pathlib import Path

from szmass.errors import SzmassError, did_you_mean

STUDIES = Path("studies")
PIPELINE_FILE = "dvc.yaml"


class StudyError(SzmassError):
    """There is no such study, or a step of it cannot be run."""


def study_names(folder: Path) -> list[str]:
    """The studies that a folder holds."""
    return sorted(path.parent.name for path in folder.glob(f"*/{PIPELINE_FILE}"))


def study_folder(folder: Path, name: str) -> Path:
    """The folder of a study.

    Raises:
        StudyError: there is none of this name.
    """
    names = study_names(folder)
    if name not in names:
        hint = did_you_mean(name, names)
        raise StudyError(f"{name!r}: no study among {', '.join(names)}{hint}")
    return folder / name


def description(folder: Path) -> str:
    """What a study asks: the comment in the first line of its dvc.yaml."""
    return (folder / PIPELINE_FILE).read_text().partition("\n")[0].removeprefix("# ")
