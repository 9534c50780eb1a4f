"""Flags, in words, of maps that are unlike those of the training.

A cluster at the centre has the amplitudes of one template, and noise. Another source, an offset or
a wrong beam leaves a residual when the best template is subtracted. Sources elsewhere in the map
are found by `szmass.weighing.spots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass.weighing.filters import FilterBank
from szmass.weighing.spots import Spots

FAINT = 3.0
"""Signal-to-noise ratio below which the prior decides the mass."""
USUAL = 0.995
"""Share of the simulated clusters below a limit."""
BINS = 20
"""Bins in signal-to-noise ratio, with equal numbers of clusters, in which limits are measured."""
EDGE_DEX = 0.1
"""Distance from the ends of the training's masses within which a mass is flagged."""
FAINT_FLAG = "faint: the prior decides the mass"
SHAPE_FLAG = "shape: unlike any simulated cluster"
COMPACT_FLAG = "centre: brighter or fainter within the beam than a cluster, a point source?"
OFFSET_FLAG = "centre: the brightest spot is beside it"
SPOT_FLAG = "a brighter spot elsewhere in the map"
QUIET_FLAG = "noise below that of the training"
NOISY_FLAG = "noise above that of the training"
REDSHIFT_FLAG = "redshift outside the training"
EDGE_FLAG = "mass at the edge of the training"


@dataclass(frozen=True)
class Residual:
    """Residuals of maps' amplitudes about the best template, with a height of 0 or more, `(n,)`.

    For template j the mean amplitudes are proportional to column j of their noise covariance.
    """

    signal_to_noise: np.ndarray
    """The largest amplitude over the noise's level."""
    chi2: np.ndarray
    """Divided by the number of modes of the noise less 1."""
    compact: np.ndarray
    """Residual of the narrowest filter's amplitude, over the level: a source at the centre that is
    as small as the beam. Below 0 for a source that lowers y."""

    @classmethod
    def of(cls, amplitude: np.ndarray, level: np.ndarray, bank: FilterBank) -> Residual:
        """Of amplitudes.

        Args:
            amplitude: `(n, filters)`.
            level: of the noise, `(n,)`.
            bank: the filters, the narrowest first.
        """
        ratio = amplitude / level[:, None]
        white = ratio @ bank.whitening
        templates = bank.noise_covariance @ bank.whitening
        norm = np.linalg.norm(templates, axis=1)
        heights = white @ (templates / norm[:, None]).T
        best = heights.argmax(axis=1)
        height = np.maximum(heights.max(axis=1), 0.0)
        modes = max(white.shape[1] - 1, 1)
        left = np.maximum(np.sum(white**2, axis=1) - height**2, 0.0)
        expected = height * (bank.noise_covariance[:, 0] / norm)[best]
        return cls(ratio.max(axis=1), left / modes, ratio[:, 0] - expected)


@dataclass(frozen=True)
class Limits:
    """An upper limit as a function of the signal-to-noise ratio.

    Brighter clusters have larger residuals, since no cluster is exactly a template.

    Example:
        Between its points the limit's logarithm is linear, outside them it is constant:

        >>> limits = Limits(np.array([5.0, 15.0]), np.array([2.0, 8.0]))
        >>> limits(np.array([3.0, 10.0, 40.0])).round(2)
        array([2., 4., 8.])
    """

    signal_to_noise: np.ndarray
    """Ascending, `(points,)`."""
    largest: np.ndarray
    """Above 0, `(points,)`."""

    @classmethod
    def of(cls, signal_to_noise: np.ndarray, values: np.ndarray) -> Limits:
        """The limits below which a share `USUAL` of simulated clusters lies.

        Args:
            signal_to_noise: of the clusters, `(n,)`.
            values: of the clusters, above 0, `(n,)`.
        """
        order = np.array_split(np.argsort(signal_to_noise, kind="stable"), BINS)
        filled = [rows for rows in order if len(rows)]
        return cls(
            np.array([np.median(signal_to_noise[rows]) for rows in filled]),
            np.array([np.quantile(values[rows], USUAL) for rows in filled]),
        )

    def __call__(self, signal_to_noise: np.ndarray) -> np.ndarray:
        """The limit of each map, `(n,)`."""
        return np.exp(np.interp(signal_to_noise, self.signal_to_noise, np.log(self.largest)))


@dataclass(frozen=True)
class Usual:
    """Limits of the flags, measured on simulated clusters, none of them a test cluster."""

    chi2: Limits
    compact: Limits
    """Of the absolute value of `Residual.compact`."""
    offset_arcmin: Limits
    """As a function of the signal-to-noise ratio of the spot."""
    elsewhere: float
    """Signal-to-noise ratio of spots elsewhere in the map."""


@dataclass(frozen=True)
class Familiar:
    """The ranges of the training, and the limits of the flags."""

    usual: Usual
    levels: Sequence[float]
    """Ends of the noise level."""
    redshifts: Sequence[float]
    log10_m500c_msun: Sequence[float]

    def flags(
        self,
        residual: Residual,
        spots: Spots | None,
        *,
        level: np.ndarray,
        redshift: np.ndarray,
        m500_msun: np.ndarray,
    ) -> np.ndarray:
        """What is unusual about each map, in words; "" if nothing is.

        Args:
            residual: of `n` maps.
            spots: of the same; None where there are no maps, but amplitudes alone.
            level: of the noise, `(n,)`; one at the lower end counts as below.
            redshift: `(n,)`.
            m500_msun: median masses, `(n,)`.
        """
        quietest, noisiest = self.levels
        nearest, farthest = self.redshifts
        lightest, heaviest = self.log10_m500c_msun
        mass, ratio = np.log10(m500_msun), residual.signal_to_noise
        raised = {
            FAINT_FLAG: ratio < FAINT,
            SHAPE_FLAG: residual.chi2 > self.usual.chi2(ratio),
            COMPACT_FLAG: np.abs(residual.compact) > self.usual.compact(ratio),
            QUIET_FLAG: level <= quietest,
            NOISY_FLAG: level > noisiest,
            REDSHIFT_FLAG: (redshift < nearest) | (redshift > farthest),
            EDGE_FLAG: (mass < lightest + EDGE_DEX) | (mass > heaviest - EDGE_DEX),
        }
        if spots is not None:
            least = np.maximum(spots.near, self.usual.elsewhere)
            raised |= {
                OFFSET_FLAG: spots.offset_arcmin > self.usual.offset_arcmin(spots.near),
                SPOT_FLAG: spots.elsewhere > least,
            }
        return np.array(
            [
                "; ".join(words for words, rows in raised.items() if rows[row])
                for row in range(len(mass))
            ],
            dtype=str,
        )
