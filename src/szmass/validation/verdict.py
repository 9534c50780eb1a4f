"""The verdict of a validation: a small JSON file without which nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path

from szmass.errors import SzmassError


class VerdictError(SzmassError):
    """Maps have not passed their validation, or there is no readable verdict on them."""


def require_passed(path: Path) -> None:
    """Raises a `VerdictError` unless a verdict says `"success": true`."""
    try:
        success = json.loads(path.read_text())["success"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise VerdictError(f"{path}: cannot be read as a verdict: {error!r}") from error
    if success is not True:
        raise VerdictError(f"{path}: success = {success}: the maps failed their validation")
