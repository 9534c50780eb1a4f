"""The root of the repository, where commands are typed."""

from __future__ import annotations

from pathlib import Path

from szmass.errors import SzmassError

PARAMS = Path("params.yaml")
SCALES = Path("scales")


class UsageError(SzmassError):
    """A command cannot do what it was asked for."""


def require_project() -> None:
    """Requires that the current folder is the repository's root."""
    if not PARAMS.is_file():
        raise UsageError(f"{PARAMS}: not found in {Path.cwd()}; go to the repository's root first")
