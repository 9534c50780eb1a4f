"""What a paper states, from its file in data/reference, beside our metrics of the same name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.errors import SzmassError


class PaperError(SzmassError):
    """A file of a paper's numbers cannot be read."""


def read_paper(path: Path, *sections: str) -> dict[str, Any]:
    """The numbers that a paper states.

    Args:
        path: the paper's file, YAML.
        sections: that are needed.

    Raises:
        PaperError: the file cannot be read, or lacks a section.
    """
    try:
        content = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise PaperError(f"{path}: cannot be read as YAML: {error}") from error
    for name in sections:
        if not isinstance(content, dict) or not isinstance(content.get(name), dict):
            raise PaperError(f"{path}: {name}: expected a section of the paper's numbers")
    return dict(content)


def stated_values(section: Mapping[str, Any]) -> dict[str, float]:
    """The values of a section whose entries have a value and its place in the paper."""
    return {name: entry["value"] for name, entry in section.items()}


def beside_paper(metrics: Mapping[str, float], stated: Mapping[str, float]) -> dict[str, float]:
    """Sorted metrics, each with the paper's number as `paper_...` where it states one."""
    shown = {f"paper_{name}": value for name, value in stated.items() if name in metrics}
    return dict(sorted({**metrics, **shown}.items()))
