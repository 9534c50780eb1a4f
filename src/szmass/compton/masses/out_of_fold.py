"""Out-of-fold predictions: masses of development clusters by members trained without them.

The paper's posterior is fitted on them. De Andres et al. 2022 (arXiv 2209.10333) fit it on test
clusters; here the test clusters are kept to measure the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from szmass.evaluation.posteriors import PosteriorError

FEWEST_PREDICTIONS = 20


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of maps by members that were trained without their clusters; each `(n,)`."""

    cluster: np.ndarray
    log10_true: np.ndarray
    log10_pred: np.ndarray


def read_out_of_fold(path: Path) -> OutOfFold:
    """Reads the file that the training writes beside the members.

    Raises:
        PosteriorError: it cannot be read, lacks a column, or has too few rows.
    """
    names = ("cluster", "log10_m_true", "log10_m_pred")
    try:
        with path.open(encoding="utf-8") as file:
            header = file.readline().strip().split(",")
            table = np.loadtxt(file, delimiter=",", ndmin=2)
    except (OSError, ValueError) as error:
        raise PosteriorError(f"{path}: cannot be read as a table of numbers: {error}") from error
    if missing := [name for name in names if name not in header]:
        raise PosteriorError(f"{path}: no column {missing[0]!r}: expected {', '.join(names)}")
    if len(table) < FEWEST_PREDICTIONS or not np.isfinite(table).all():
        raise PosteriorError(
            f"{path}: {len(table)} rows: expected at least {FEWEST_PREDICTIONS}, all finite"
        )
    cluster, true, pred = (table[:, header.index(name)] for name in names)
    return OutOfFold(cluster.astype(int), true, pred)
