"""Flags of maps that weighing should not be trusted with, in words, from the filters' amplitudes.

A cluster at the centre has the amplitudes of one template, and noise. What another source, an
offset or a wrong beam adds is no template, and is left when the best one has been taken away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass.weighing.filters import FilterBank

FAINT = 3.0
"""Signal-to-noise ratio below which a map says little."""
USUAL = 0.995
"""Share of the simulated clusters whose chi^2 is usual."""
BINS = 20
"""In signal-to-noise ratio, of equal number."""
EDGE_DEX = 0.1
"""Distance from the ends of the training's masses within which a mass is flagged."""
FAINT_FLAG = "faint: the prior decides the mass"
SHAPE_FLAG = "shape: unlike any simulated cluster"
QUIET_FLAG = "noise below that of the training"
NOISY_FLAG = "noise above that of the training"
REDSHIFT_FLAG = "redshift outside the training"
EDGE_FLAG = "mass at the edge of the training"


def residual_chi2(
    amplitude: np.ndarray, level: np.ndarray, bank: FilterBank
) -> tuple[np.ndarray, np.ndarray]:
    """Signal-to-noise ratios, and what the best template leaves of the amplitudes.

    Under template j the amplitudes' mean is proportional to column j of their noise covariance.

    Args:
        amplitude: `(n, filters)`.
        level: of the noise, `(n,)`.
        bank: the filters.

    Returns:
        The largest amplitude over the level, and chi^2 for each mode of the noise that is left
        when one template of any height from 0 is taken away, `(n,)` each.
    """
    ratio = amplitude / level[:, None]
    white = ratio @ bank.whitening
    templates = bank.noise_covariance @ bank.whitening
    templates /= np.linalg.norm(templates, axis=1, keepdims=True)
    height = np.maximum((white @ templates.T).max(axis=1), 0.0)
    modes = max(white.shape[1] - 1, 1)
    left = np.maximum(np.sum(white**2, axis=1) - height**2, 0.0)
    return ratio.max(axis=1), left / modes


@dataclass(frozen=True)
class Chi2Limits:
    """The largest chi^2 that is usual for a signal-to-noise ratio.

    Brighter clusters have more: no cluster is exactly a template.

    Example:
        Between its points the limit's logarithm is linear, outside them it is constant:

        >>> limits = Chi2Limits(np.array([5.0, 15.0]), np.array([2.0, 8.0]))
        >>> limits(np.array([3.0, 10.0, 40.0])).round(2)
        array([2., 4., 8.])
    """

    signal_to_noise: np.ndarray
    """Ascending, `(points,)`."""
    chi2: np.ndarray

    @classmethod
    def of(cls, signal_to_noise: np.ndarray, chi2: np.ndarray) -> Chi2Limits:
        """The limits that a share `USUAL` of simulated clusters keep.

        Args:
            signal_to_noise: of the clusters, `(n,)`.
            chi2: of the clusters, `(n,)`.
        """
        order = np.array_split(np.argsort(signal_to_noise, kind="stable"), BINS)
        filled = [rows for rows in order if len(rows)]
        return cls(
            np.array([np.median(signal_to_noise[rows]) for rows in filled]),
            np.array([np.quantile(chi2[rows], USUAL) for rows in filled]),
        )

    def __call__(self, signal_to_noise: np.ndarray) -> np.ndarray:
        """The limit of each map, `(n,)`."""
        return np.exp(np.interp(signal_to_noise, self.signal_to_noise, np.log(self.chi2)))


@dataclass(frozen=True)
class Familiar:
    """What the networks were trained on."""

    limits: Chi2Limits
    levels: Sequence[float]
    """Ends of the noise's level."""
    redshifts: Sequence[float]
    log10_m500c_msun: Sequence[float]

    def flags(
        self,
        *,
        signal_to_noise: np.ndarray,
        chi2: np.ndarray,
        level: np.ndarray,
        redshift: np.ndarray,
        m500_msun: np.ndarray,
    ) -> np.ndarray:
        """What is unusual about each map, in words; "" if nothing is.

        Args:
            signal_to_noise: of `residual_chi2`, `(n,)`.
            chi2: likewise.
            level: of the noise, `(n,)`; one at the lower end counts as below.
            redshift: `(n,)`.
            m500_msun: median masses, `(n,)`.
        """
        quietest, noisiest = self.levels
        nearest, farthest = self.redshifts
        lightest, heaviest = self.log10_m500c_msun
        mass = np.log10(m500_msun)
        raised = {
            FAINT_FLAG: signal_to_noise < FAINT,
            SHAPE_FLAG: chi2 > self.limits(signal_to_noise),
            QUIET_FLAG: level <= quietest,
            NOISY_FLAG: level > noisiest,
            REDSHIFT_FLAG: (redshift < nearest) | (redshift > farthest),
            EDGE_FLAG: (mass < lightest + EDGE_DEX) | (mass > heaviest - EDGE_DEX),
        }
        return np.array(
            [
                "; ".join(words for words, rows in raised.items() if rows[row])
                for row in range(len(mass))
            ],
            dtype=str,
        )
