"""Posteriors of cluster masses: densities of log10 M on an axis.

Two classes make them of what networks predict, both fitted on out-of-fold predictions
(`out_of_fold`): `paper_kde.PaperKde`, as de Andres et al. 2022 do, and
`ensemble_calibration.EnsembleCalibration`, whose prior is explicit and may be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from szmass.errors import SzmassError

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


class PosteriorError(SzmassError):
    """Posteriors cannot be computed from what is given."""


def mass_axis(range_log10_msun: Sequence[float], nodes: int) -> np.ndarray:
    """Evenly spaced log10 M, `(nodes,)`."""
    low, high = range_log10_msun
    return np.linspace(low, high, nodes)


@dataclass(frozen=True)
class MassPosteriors:
    """Densities of log10 M on an evenly spaced axis, one row a cluster."""

    axis_log10_msun: np.ndarray
    density: np.ndarray
    """Per dex, `(n, nodes)`; each row's integral is 1."""

    @classmethod
    def of_weights(cls, axis_log10_msun: np.ndarray, weights: np.ndarray) -> MassPosteriors:
        """Normalises densities that are known up to a factor each, `(n, nodes)`."""
        total = np.trapezoid(weights, axis_log10_msun, axis=1)
        return cls(axis_log10_msun, weights / total[:, None])

    def at(self, rows: slice) -> Self:
        """Some of the clusters."""
        return type(self)(self.axis_log10_msun, self.density[rows])

    def cumulative(self) -> np.ndarray:
        """Probability below each node, `(n, nodes)`."""
        step = np.diff(self.axis_log10_msun) * (self.density[:, 1:] + self.density[:, :-1]) / 2.0
        below = np.concatenate([np.zeros((len(step), 1)), np.cumsum(step, axis=1)], axis=1)
        return below / below[:, -1:]

    def quantiles(self, levels: Sequence[float] = QUANTILES) -> np.ndarray:
        """log10 M below which a share of the probability lies, `(n, levels)`."""
        axis = self.axis_log10_msun
        return np.array([np.interp(levels, below, axis) for below in self.cumulative()])

    def ranks(self, log10_true: np.ndarray) -> np.ndarray:
        """The probability of a mass below the true one, `(n,)`: uniform if all is right."""
        axis = self.axis_log10_msun
        place = np.clip((log10_true - axis[0]) / (axis[1] - axis[0]), 0.0, len(axis) - 1.000001)
        left, rows = place.astype(int), np.arange(len(place))
        below = self.cumulative()
        share = place - left
        return (1.0 - share) * below[rows, left] + share * below[rows, left + 1]

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of log10 M, each `(n,)`."""
        axis = self.axis_log10_msun
        mean = np.trapezoid(self.density * axis, axis, axis=1)
        variance = np.trapezoid(self.density * (axis - mean[:, None]) ** 2, axis, axis=1)
        return mean, np.sqrt(variance)
