"""Posteriors of cluster masses from what networks predict.

Two ways, both fitted on out-of-fold predictions: of development clusters, each by members that
were trained without it. (De Andres et al. 2022, dA22, fit theirs on test clusters; here the test
clusters are kept to measure the coverage.)

`PaperKde` is the paper's: a Gaussian kernel density of (log10 M_CNN, log10 M_true), sliced at an
observed prediction (arXiv 2209.10333, Supp. E). `EnsembleCalibration` models the likelihood of the
ensemble's mean prediction at given true mass, so that the prior is explicit and may be another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.stats import gaussian_kde, norm, t

CHUNK = 20_000
FEWEST_PREDICTIONS = 20
RESIDUAL_AXIS = np.linspace(-12.0, 12.0, 961)
RESIDUAL_BANDWIDTH = 0.25  # of the kernel density of standardised residuals
OUTLIER_SHARE, OUTLIER_FREEDOM = 0.01, 3.0  # a Student t under that density
POOLED_FREEDOM = 4.0  # degrees of freedom that the pooled epistemic variance counts for
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)


class PosteriorError(ValueError):
    """Posteriors cannot be computed from what is given."""


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of maps by members that were trained without their clusters; each `(n,)`."""

    member: np.ndarray
    cluster: np.ndarray
    projection: np.ndarray
    log10_true: np.ndarray
    log10_pred: np.ndarray


def read_out_of_fold(path: Path) -> OutOfFold:
    """Reads the file that the training writes beside the members.

    Raises:
        PosteriorError: it cannot be read, lacks a column, or has too few rows.
    """
    names = ("member", "cluster", "projection", "log10_m_true", "log10_m_pred")
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
    member, cluster, projection, true, pred = (table[:, header.index(name)] for name in names)
    return OutOfFold(member.astype(int), cluster.astype(int), projection.astype(int), true, pred)


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

    def _cumulative(self) -> np.ndarray:
        step = np.diff(self.axis_log10_msun) * (self.density[:, 1:] + self.density[:, :-1]) / 2.0
        below = np.concatenate([np.zeros((len(step), 1)), np.cumsum(step, axis=1)], axis=1)
        return below / below[:, -1:]

    def quantiles(self, levels: Sequence[float] = QUANTILES) -> np.ndarray:
        """log10 M below which a share of the probability lies, `(n, levels)`."""
        axis = self.axis_log10_msun
        return np.array([np.interp(levels, below, axis) for below in self._cumulative()])

    def ranks(self, log10_true: np.ndarray) -> np.ndarray:
        """The probability of a mass below the true one, `(n,)`: uniform if all is right."""
        axis = self.axis_log10_msun
        place = np.clip((log10_true - axis[0]) / (axis[1] - axis[0]), 0.0, len(axis) - 1.000001)
        left, rows = place.astype(int), np.arange(len(place))
        below = self._cumulative()
        share = place - left
        return (1.0 - share) * below[rows, left] + share * below[rows, left + 1]

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of log10 M, each `(n,)`."""
        axis = self.axis_log10_msun
        mean = np.trapezoid(self.density * axis, axis, axis=1)
        variance = np.trapezoid(self.density * (axis - mean[:, None]) ** 2, axis, axis=1)
        return mean, np.sqrt(variance)


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


def training_prior(axis_log10_msun: np.ndarray, log10_msun: np.ndarray) -> np.ndarray:
    """Density of the training masses on an axis, `(nodes,)`: kernels by Scott's rule.

    The sample is cut at its lowest mass: what the kernels lose there is folded back, so that the
    density does not fall where the sample does not.
    """
    lowest = log10_msun.min()
    kernels = gaussian_kde(log10_msun)
    folded = kernels(axis_log10_msun) + kernels(2.0 * lowest - axis_log10_msun)
    density = np.where(axis_log10_msun >= lowest, folded, 0.0)
    return density / np.trapezoid(density, axis_log10_msun)


@dataclass(frozen=True)
class EnsemblePosteriors(MassPosteriors):
    """Posteriors of an ensemble, with the share of the error that its members make on their own."""

    epistemic_share: np.ndarray
    """Of the likelihood's variance, at the posterior's median; `(n,)`."""

    def sigma_dex(self) -> tuple[np.ndarray, np.ndarray]:
        """Aleatoric and epistemic part of the posterior's width; they add in quadrature."""
        _, sigma = self.moments()
        share = self.epistemic_share
        return sigma * np.sqrt(1.0 - share), sigma * np.sqrt(share)


@dataclass(frozen=True)
class EnsembleCalibration:
    """p(mean prediction d | true mass t) of an ensemble in one redshift bin, and its prior.

    One member errs by d - mu(t) = s(t) u, mu quadratic and ln s linear in t, u of unit variance.
    Of u's variance the share 1 - epistemic is common to all members: noise, line of sight, the
    scatter between clusters of one mass; the rest is a member's own and averages out over N of
    them: sigma^2 = s^2 (1 - epistemic) + E / N. E weighs the pooled s^2 epistemic
    (`POOLED_FREEDOM`) with the variance between the cluster's own members (N - 1 degrees of
    freedom).
    """

    axis_log10_msun: np.ndarray
    prior: np.ndarray
    """Density of the training masses on the axis, `(nodes,)`."""
    range_log10_msun: tuple[float, float]
    """The lowest and the highest training mass."""
    mean: np.ndarray
    """Coefficients of mu in t - `pivot`, the highest power first."""
    ln_width: np.ndarray
    """The same of ln s."""
    pivot: float
    residual_density: np.ndarray
    """Of u, on `RESIDUAL_AXIS`."""
    epistemic: float

    @classmethod
    def fit(
        cls, sample: OutOfFold, training_log10_msun: np.ndarray, axis_log10_msun: np.ndarray
    ) -> EnsembleCalibration:
        """Fits all from out-of-fold predictions.

        Args:
            sample: of all members.
            training_log10_msun: of the development clusters, one a cluster.
            axis_log10_msun: of the posteriors.
        """
        true, pred = sample.log10_true, sample.log10_pred
        pivot = float(np.mean(true))
        shift, width = true - pivot, np.ones(len(true))
        for _ in range(3):
            mean = np.polyfit(shift, pred, 2, w=1.0 / width)
            residual = pred - np.polyval(mean, shift)
            ln_width = np.polyfit(shift, np.log(np.abs(residual) + 1e-6), 1)
            width = np.exp(np.polyval(ln_width, shift))
            scale = np.sqrt(np.mean((residual / width) ** 2))
            ln_width[-1] += np.log(scale)
            width *= scale
        standard = residual / width
        return cls(
            axis_log10_msun=axis_log10_msun,
            prior=training_prior(axis_log10_msun, training_log10_msun),
            range_log10_msun=(float(training_log10_msun.min()), float(training_log10_msun.max())),
            mean=mean,
            ln_width=ln_width,
            pivot=pivot,
            residual_density=_residual_density(standard),
            epistemic=epistemic_share(sample, standard),
        )

    def __call__(
        self, members_log10_pred: np.ndarray, prior: np.ndarray | None = None
    ) -> EnsemblePosteriors:
        """Posteriors of clusters.

        Args:
            members_log10_pred: log10 M by each member, `(members, n)`.
            prior: density on the axis, `(nodes,)`; without, that of the training. Where no
                training mass was, the likelihood is unknown and the posterior is 0.
        """
        axis, members = self.axis_log10_msun, len(members_log10_pred)
        centre, width = self._relation()
        pooled = self.epistemic * width**2
        own = np.zeros((members_log10_pred.shape[1], 1))
        if members > 1:
            own = np.var(members_log10_pred, axis=0, ddof=1)[:, None]
        own_freedom = members - 1.0
        epistemic = (POOLED_FREEDOM * pooled + own_freedom * own) / (POOLED_FREEDOM + own_freedom)
        variance = (1.0 - self.epistemic) * width**2 + epistemic / members
        sigma = np.sqrt(variance)
        standard = (members_log10_pred.mean(axis=0)[:, None] - centre) / sigma
        likelihood = np.interp(standard, RESIDUAL_AXIS, self.residual_density) / sigma
        weights = likelihood * (self.prior if prior is None else self.within_training(prior))
        posteriors = MassPosteriors.of_weights(axis, weights)
        middle = np.searchsorted(axis, posteriors.quantiles([0.5])[:, 0]).clip(0, len(axis) - 1)
        share = (epistemic / members / variance)[np.arange(len(middle)), middle]
        return EnsemblePosteriors(axis, posteriors.density, share)

    def within_training(self, prior: np.ndarray) -> np.ndarray:
        """A prior, cut where no training mass was.

        Raises:
            PosteriorError: nothing of it is left.
        """
        low, high = self.range_log10_msun
        inside = (self.axis_log10_msun >= low) & (self.axis_log10_msun <= high)
        left = np.where(inside, prior, 0.0)
        if left.max() <= 0:
            raise PosteriorError(
                f"the prior is 0 for all of log10 M = {low:.3f} to {high:.3f}, the training masses"
            )
        return left

    def _relation(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and width on the axis; outside the training masses straight on, and constant."""
        axis = self.axis_log10_msun
        inside = np.clip(axis, *self.range_log10_msun)
        slope = np.polyval(np.polyder(self.mean), inside - self.pivot)
        centre = np.polyval(self.mean, inside - self.pivot) + slope * (axis - inside)
        return centre, np.exp(np.polyval(self.ln_width, inside - self.pivot))


def _residual_density(standard: np.ndarray) -> np.ndarray:
    """Kernel density of standardised residuals of the same variance, over a Student t."""
    step, middle = RESIDUAL_AXIS[1] - RESIDUAL_AXIS[0], standard.mean()
    shrunk = (standard - middle) / np.hypot(1.0, RESIDUAL_BANDWIDTH) + middle
    nearest = np.rint((shrunk - RESIDUAL_AXIS[0]) / step).astype(int)
    counts = np.bincount(nearest.clip(0, len(RESIDUAL_AXIS) - 1), minlength=len(RESIDUAL_AXIS))
    kernel = RESIDUAL_BANDWIDTH * standard.std() / np.hypot(1.0, RESIDUAL_BANDWIDTH)
    density = gaussian_filter1d(counts / step / len(standard), kernel / step, mode="constant")
    tail = t.pdf(RESIDUAL_AXIS, OUTLIER_FREEDOM)
    return (1.0 - OUTLIER_SHARE) * density + OUTLIER_SHARE * tail


def epistemic_share(sample: OutOfFold, standard: np.ndarray) -> float:
    """Share of a member's error variance that is its own, from maps that several have not seen.

    Two members' errors u on one map differ only by what is their own: half the mean square of the
    difference. 0 where no map was out of fold for two members: the ensemble's error is then taken
    for a member's, which is too wide rather than too narrow.

    Args:
        sample: out-of-fold predictions.
        standard: standardised residuals of these, `(n,)`.
    """
    _, inverse, counts = np.unique(
        np.array([sample.cluster, sample.projection]),
        axis=1,
        return_inverse=True,
        return_counts=True,
    )
    inverse = inverse.ravel()
    mean = np.bincount(inverse, standard) / counts
    freedom = int((counts - 1).sum())
    if freedom < FEWEST_PREDICTIONS:
        return 0.0
    within = float(np.sum((standard - mean[inverse]) ** 2)) / freedom
    return min(within / float(np.mean(standard**2)), 1.0)
