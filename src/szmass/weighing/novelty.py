"""Flags of maps that weighing should not be trusted with, in words.

A cluster at the centre has the amplitudes of one template, and noise. What another source, an
offset or a wrong beam adds is no template, and is left when the best one has been taken away. What
lies elsewhere in the map is looked for by `szmass.weighing.spots`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from szmass.weighing.filters import FilterBank
from szmass.weighing.spots import Spots

FAINT = 3.0
"""Signal-to-noise ratio below which a map says little."""
USUAL = 0.995
"""Share of the simulated clusters that a limit leaves without its flag."""
BINS = 20
"""In signal-to-noise ratio, of equal number."""
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
    """What one template of any height from 0 leaves of the amplitudes of maps, `(n,)` each.

    Under template j the amplitudes' mean is proportional to column j of their noise covariance.
    """

    signal_to_noise: np.ndarray
    """The largest amplitude over the noise's level."""
    chi2: np.ndarray
    """For each mode of the noise that is left."""
    compact: np.ndarray
    """The narrowest filter's amplitude without that template, over the level: of what is as small
    as the beam, at the centre. Below 0 for a source that is faint in y."""

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
    """The largest value of something that is usual for a signal-to-noise ratio.

    Brighter clusters leave more: no cluster is exactly a template.

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
        """The limits that a share `USUAL` of simulated clusters keep.

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
    """What is usual of simulated clusters, none of them a test cluster."""

    chi2: Limits
    compact: Limits
    """Of the absolute value."""
    offset_arcmin: Limits
    """By the signal-to-noise ratio of the spot."""
    elsewhere: float
    """Signal-to-noise ratio."""


@dataclass(frozen=True)
class Familiar:
    """What the networks were trained on."""

    usual: Usual
    levels: Sequence[float]
    """Ends of the noise's level."""
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
