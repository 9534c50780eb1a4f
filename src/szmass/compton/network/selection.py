"""The paper's choice of a network among the members of an ensemble (arXiv 2209.10333, Supp. C)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SELECTED, ENSEMBLE = "selected", "ensemble"
"""The member that is chosen, and the mean of all members, as estimators."""


@dataclass(frozen=True)
class Score:
    """How a member's masses of its validation clusters depart from the truth.

    The relative error is b = (M_pred - M_true) / M_pred, in bins of equal count in M_pred.
    """

    mean_b: list[float]
    std_b: list[float]

    @property
    def max_abs_bias(self) -> float:
        """The largest |mean b| of all bins; the member is unbiased below a threshold."""
        return max(map(abs, self.mean_b))

    @property
    def sum_std(self) -> float:
        """Sum of the standard deviations of b."""
        return sum(self.std_b)


def score(log10_m_pred: np.ndarray, log10_m_true: np.ndarray, *, mass_bins: int) -> Score:
    """Scores a member on masses that it has not been trained on.

    Args:
        log10_m_pred: by the member, `(n,)`.
        log10_m_true: `(n,)`.
        mass_bins: how many; fewer where there are fewer maps.
    """
    b = 1.0 - 10.0 ** (log10_m_true - log10_m_pred)
    order = np.argsort(log10_m_pred, kind="stable")
    bins = [b[rows] for rows in np.array_split(order, min(mass_bins, len(b)))]
    return Score([float(of.mean()) for of in bins], [float(of.std()) for of in bins])


def select(scores: list[Score], threshold: float) -> tuple[int, int]:
    """Chooses a member.

    Among those with |mean b| below the threshold in all bins it is the one with the least sum of
    standard deviations; if there is none, the one with the least largest |mean b|.

    Returns:
        Number of the chosen member, and how many members pass the threshold.
    """
    passing = [n for n, member in enumerate(scores) if member.max_abs_bias < threshold]
    if passing:
        return min(passing, key=lambda n: scores[n].sum_std), len(passing)
    return min(range(len(scores)), key=lambda n: scores[n].max_abs_bias), 0


def predictors_msun(log10_m: np.ndarray, selected: int) -> dict[str, np.ndarray]:
    """Masses by the selected member, and by the mean over members in log10 M; `(n,)` each.

    Args:
        log10_m: by each member, `(members, n)`.
        selected: number of the selected member.
    """
    return {SELECTED: 10.0 ** log10_m[selected], ENSEMBLE: 10.0 ** log10_m.mean(axis=0)}
