"""Statistics that several checks share, and the probability of a false alarm they are made for."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from scipy.stats import t as student


def digests(arrays: np.ndarray) -> np.ndarray:
    """A digest of the bytes of each row, as text, `(n,)`; equal rows have equal digests."""
    return np.array(
        [hashlib.blake2b(row.tobytes(), digest_size=16).hexdigest() for row in arrays], dtype=object
    )


def sampling_error(values: np.ndarray, false_alarm: float) -> float:
    """How far the mean of independent values may lie from its expected value, on either side.

    Student's t times the standard error: exact for Gaussian values, and by the central limit
    theorem nearly so for many values of any kind. Infinite for fewer than two values.

    Args:
        values: shape `(n,)`.
        false_alarm: probability that the mean lies further away by chance.
    """
    if len(values) < 2:
        return float(np.inf)
    quantile = student.isf(false_alarm / 2.0, len(values) - 1)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def linear_fit(
    design: np.ndarray, values: np.ndarray, false_alarm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares with errors that hold for values of unequal scatter.

    The covariance is (X'X)^-1 X' diag(e_i^2 / (1 - h_i)^2) X (X'X)^-1 with residuals e and
    leverages h (MacKinnon & White 1985, J. Econometrics 29, 305, HC3).

    Args:
        design: X, shape `(n, k)`, n > k.
        values: shape `(n,)`.
        false_alarm: probability that a coefficient lies further from the truth than its error.

    Returns:
        `(coefficients, errors)`, each `(k,)`.
    """
    inverse = np.linalg.inv(design.T @ design)
    coefficients = inverse @ design.T @ values
    leverage = np.einsum("ni,ij,nj->n", design, inverse, design)
    scaled = (values - design @ coefficients) / (1.0 - leverage)
    root = inverse @ design.T * scaled
    quantile = student.isf(false_alarm / 2.0, len(values) - design.shape[1])
    return coefficients, quantile * np.sqrt(np.sum(root**2, axis=1))


FALSE_ALARM = 1e-6
"""Probability that a faultless store fails one expectation, that of 4.9 sigma of a Gaussian. For an
expectation about every map it is the probability that any of them fails. With 200 expectations one
faultless store in 5000 is refused."""


def names_of(names: Sequence[str], index: np.ndarray) -> np.ndarray:
    """The name that belongs to each index, or `none (<index>)` where there is none."""
    known = dict(enumerate(names))
    return np.array([known.get(i, f"none ({i})") for i in index.tolist()], dtype=object)
