"""A DVC repository with a database of its own, where every test of tracking works."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import szmass.tracking  # noqa: F401  # here once, since MLflow's import warns


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a DVC repository, whose database the tests share."""
    root = tmp_path_factory.mktemp("repository")
    (root / ".dvc").mkdir()
    return root


@pytest.fixture(autouse=True)
def in_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DVC_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(repository)
