"""Posteriors of an ensemble: the likelihood of its mean prediction at true mass, times a prior."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.polynomial import polyder, polyval2d, polyvander2d
from scipy.ndimage import gaussian_filter1d
from scipy.stats import gaussian_kde, t

from szmass.compton.masses.out_of_fold import FEWEST_PREDICTIONS, OutOfFold
from szmass.compton.masses.training_clusters import TrainingClusters
from szmass.evaluation.posteriors import MassPosteriors, PosteriorError

RESIDUAL_AXIS = np.linspace(-12.0, 12.0, 961)
RESIDUAL_BANDWIDTH = 0.25  # of the kernel density of standardised residuals
OUTLIER_SHARE, OUTLIER_FREEDOM = 0.01, 3.0  # a Student t under that density
POOLED_FREEDOM = 4.0  # degrees of freedom that the pooled epistemic variance counts for


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
    """p(mean prediction d | true mass t, redshift z) of an ensemble in one bin, and its prior.

    A network is not told the redshift, with which its mass moves within a bin: what is near looks
    heavy. Whoever has a map to weigh knows it. One member errs by d - mu(t, z) = s(t, z) u, mu
    quadratic and ln s linear in both, u of unit variance. Of u's variance the share
    1 - epistemic is common to all members: noise, line of sight, the scatter between clusters of
    one mass; the rest is a member's own and averages out over N of them: sigma^2 =
    s^2 (1 - epistemic) + E / N. E weighs the pooled s^2 epistemic (`POOLED_FREEDOM`) with the
    variance between the cluster's own members (N - 1 degrees of freedom).
    """

    axis_log10_msun: np.ndarray
    prior: np.ndarray
    """Density of the training masses on the axis, `(nodes,)`."""
    range_log10_msun: tuple[float, float]
    """The lowest and the highest training mass."""
    range_redshift: tuple[float, float]
    mean: np.ndarray
    """Of mu, `(3, 3)`: [i, j] goes with (t - t0)^i (z - z0)^j, t0 and z0 being `pivot`."""
    ln_width: np.ndarray
    """The same of ln s, `(2, 2)`."""
    pivot: tuple[float, float]
    residual_density: np.ndarray
    """Of u, on `RESIDUAL_AXIS`."""
    epistemic: float

    @classmethod
    def fit(
        cls, sample: OutOfFold, training: TrainingClusters, axis_log10_msun: np.ndarray
    ) -> EnsembleCalibration:
        """Fits all from out-of-fold predictions.

        Args:
            sample: of all members.
            training: the clusters of the bin, those of the sample among them.
            axis_log10_msun: of the posteriors.

        Raises:
            PosteriorError: a cluster of the sample is none of these.
        """
        true, pred = sample.log10_true, sample.log10_pred
        redshift = training.redshift_of(sample.cluster)
        pivot = float(np.mean(true)), float(np.mean(redshift))
        place, width = (true - pivot[0], redshift - pivot[1]), np.ones(len(true))
        for _ in range(3):
            mean = _fitted_surface(*place, pred, 2, 1.0 / width)
            residual = pred - polyval2d(*place, mean)
            ln_width = _fitted_surface(
                *place, np.log(np.abs(residual) + 1e-6), 1, np.ones(len(true))
            )
            width = np.exp(polyval2d(*place, ln_width))
            scale = np.sqrt(np.mean((residual / width) ** 2))
            ln_width[0, 0] += np.log(scale)
            width *= scale
        standard = residual / width
        masses = training.log10_msun
        return cls(
            axis_log10_msun=axis_log10_msun,
            prior=training_prior(axis_log10_msun, masses),
            range_log10_msun=(float(masses.min()), float(masses.max())),
            range_redshift=(float(training.redshift.min()), float(training.redshift.max())),
            mean=mean,
            ln_width=ln_width,
            pivot=pivot,
            residual_density=_residual_density(standard),
            epistemic=epistemic_share(sample, standard),
        )

    def __call__(
        self,
        members_log10_pred: np.ndarray,
        redshift: np.ndarray,
        prior: np.ndarray | None = None,
    ) -> EnsemblePosteriors:
        """Posteriors of clusters.

        Args:
            members_log10_pred: log10 M by each member, `(members, n)`.
            redshift: `(n,)`.
            prior: density on the axis, `(nodes,)`; without, that of the training. Where no
                training mass was, the likelihood is unknown and the posterior is 0.
        """
        axis, members = self.axis_log10_msun, len(members_log10_pred)
        centre, width = self._relation(redshift)
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

    def _relation(self, redshift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and width on the axis, each `(n, nodes)`.

        Outside the training masses the mean goes straight on and the width stays; outside the
        training redshifts both are those of the nearest.
        """
        axis = self.axis_log10_msun
        inside = np.clip(axis, *self.range_log10_msun)
        t, z = np.broadcast_arrays(
            inside - self.pivot[0],
            (np.clip(redshift, *self.range_redshift) - self.pivot[1])[:, None],
        )
        slope = polyval2d(t, z, polyder(self.mean, axis=0))
        centre = polyval2d(t, z, self.mean) + slope * (axis - inside)
        return centre, np.exp(polyval2d(t, z, self.ln_width))


def _fitted_surface(
    x: np.ndarray, y: np.ndarray, values: np.ndarray, degree: int, weights: np.ndarray
) -> np.ndarray:
    """Least-squares coefficients [i, j] of x^i y^j, i + j <= degree; 0 beyond."""
    kept = np.sum(np.indices((degree + 1, degree + 1)), axis=0) <= degree
    terms = polyvander2d(x, y, (degree, degree))[:, kept.ravel()]
    surface = np.zeros(kept.shape)
    surface[kept] = np.linalg.lstsq(terms * weights[:, None], values * weights, rcond=None)[0]
    return surface


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
