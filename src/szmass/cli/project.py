"""The root of the repository, where commands are typed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from szmass.errors import MissingExtraError, SzmassError

PARAMS = Path("params.yaml")
SCALES = Path("scales")
PIPELINE_LIBRARY = "dvc"
"""Without it nothing of the pipeline is of use."""


class UsageError(SzmassError):
    """A command cannot do what it was asked for."""


def require_project(command: str) -> None:
    """Requires that the pipeline is installed, and that the current folder is its root.

    Raises:
        MissingExtraError: it is not installed.
        UsageError: the folder is another one.
    """
    if find_spec(PIPELINE_LIBRARY) is None:
        raise MissingExtraError(f"szmass {command}", PIPELINE_LIBRARY)
    if not PARAMS.is_file():
        raise UsageError(f"{PARAMS}: not found in {Path.cwd()}; go to the repository's root first")
