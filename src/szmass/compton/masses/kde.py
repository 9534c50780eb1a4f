"""The posterior of de Andres et al. 2022 (arXiv 2209.10333, Supp. E), for one network.

A Gaussian kernel density of (log10 M_CNN, log10 M_true), sliced at an observed prediction.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import gaussian_kde, norm

from szmass.compton.masses.out_of_fold import OutOfFold
from szmass.evaluation.posteriors import MassPosteriors

CHUNK = 20_000


class PaperKde:
    """p(log10 M_true | log10 M_CNN) by the paper's kernel density, for one network.

    Args:
        sample: out-of-fold predictions.
        bandwidth: of `scipy.stats.gaussian_kde`, in units of the sample's covariance: 0.2.
        axis_log10_msun: of the posteriors, also the axis of predictions.
    """

    def __init__(self, sample: OutOfFold, bandwidth: float, axis_log10_msun: np.ndarray) -> None:
        points = np.array([sample.log10_pred, sample.log10_true])
        covariance = gaussian_kde(points, bw_method=bandwidth).covariance
        self.axis_log10_msun = axis_log10_msun
        # a Gaussian in (d, t) is one in d times one in t - slope d
        slope = covariance[0, 1] / covariance[0, 0]
        width = np.sqrt(covariance[0, 0])
        rest = np.sqrt(covariance[1, 1] - slope * covariance[0, 1])
        sheared = points[1] - slope * points[0]
        margin = 5.0 * rest
        fine = np.arange(sheared.min() - margin, sheared.max() + margin, rest / 8.0)
        joint = np.zeros((len(axis_log10_msun), len(fine)))
        for start in range(0, len(sheared), CHUNK):
            rows = slice(start, start + CHUNK)
            in_pred = norm.pdf(axis_log10_msun[:, None], points[0, rows], width)
            joint += in_pred @ norm.pdf(sheared[rows, None], fine, rest)
        self.joint = np.array(
            [
                np.interp(axis_log10_msun - slope * node, fine, row, left=0.0, right=0.0)
                for node, row in zip(axis_log10_msun, joint / len(sheared), strict=True)
            ]
        )
        """The density, `(predictions, true masses)`, both on the axis (Supp. Fig. 7)."""
        known = np.flatnonzero(self.joint.sum(axis=1) > 0)
        self._range = axis_log10_msun[known[0]], axis_log10_msun[known[-1]]

    def __call__(self, log10_pred: np.ndarray) -> MassPosteriors:
        """Slices at predictions `(n,)`; outside the sample's, at the nearest with a density."""
        axis = self.axis_log10_msun
        seen = np.clip(log10_pred, *self._range)
        place = np.clip((seen - axis[0]) / (axis[1] - axis[0]), 0.0, len(axis) - 1.000001)
        left = place.astype(int)
        share = (place - left)[:, None]
        slices = (1.0 - share) * self.joint[left] + share * self.joint[left + 1]
        return MassPosteriors.of_weights(axis, slices)
