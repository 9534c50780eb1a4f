"""Removes an estimator's mean bias by the response that it shows on a reference set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Response:
    """The median estimate against true mass, and its inverse.

    A posterior mean is pulled towards its prior's middle; the inverse of its response takes
    that pull back, at the price of a larger scatter. Outside the reference masses nothing is
    known, and the corrected estimate stays at the nearest of them.
    """

    truth_msun: np.ndarray
    """Ascending reference masses, `(k,)`."""
    median_msun: np.ndarray
    """Median estimate at each of them, made non-decreasing, `(k,)`."""

    @classmethod
    def measure(cls, estimate_msun: np.ndarray, truth_msun: np.ndarray) -> Response:
        """Measures the response on a set of maps of a few distinct masses.

        Args:
            estimate_msun: `(n,)`, of maps that the result will not be judged on.
            truth_msun: `(n,)`.
        """
        masses = np.unique(truth_msun)
        medians = [np.median(estimate_msun[truth_msun == mass]) for mass in masses]
        return cls(masses, np.maximum.accumulate(medians))

    def invert(self, estimate_msun: np.ndarray) -> np.ndarray:
        """Estimates with the response undone, `(n,)`."""
        return np.interp(estimate_msun, self.median_msun, self.truth_msun)
