"""Estimated masses beside true or Planck's masses, as the figures take them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from szmass.compton.results.metrics import relative_error


@dataclass(frozen=True)
class Estimated:
    """Estimates of some clusters, such as those of a redshift bin, beside another mass."""

    label: str
    """Such as `0 < z <= 0.1`."""
    estimate_msun: np.ndarray
    truth_msun: np.ndarray
    """The true mass, or Planck's MSZ in its place."""

    @property
    def error(self) -> np.ndarray:
        """The relative error b (dA22 Eqs. 1 and 2), `(n,)`."""
        return relative_error(self.estimate_msun, self.truth_msun)


@dataclass(frozen=True)
class Judged(Estimated):
    """Estimates of the test clusters of one redshift bin beside the truth."""

    ranks: np.ndarray
    """Posterior probability of a mass below the true one, `(n,)`."""
    redshift: np.ndarray


EstimatedT = TypeVar("EstimatedT", bound=Estimated)


def together(bins: Sequence[EstimatedT], label: str) -> EstimatedT:
    """The clusters of all bins."""
    names = [field.name for field in fields(bins[0])][1:]
    columns = {name: np.concatenate([getattr(one, name) for one in bins]) for name in names}
    return replace(bins[0], label=label, **columns)
