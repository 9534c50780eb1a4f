"""The line between two kinds of masses, both with errors: 1 - b, slope and intrinsic scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from szmass.errors import SzmassError

DRAWS = 4000
"""Draws from the posterior; so many give its percentiles to a few per cent of its width."""
ADAPTING_DRAWS = 1000
"""Draws by which the proposal is adapted in each round."""
MOST_ROUNDS = 12
ENOUGH, FEWEST = 0.3, 0.03
"""Effective draws per draw that end the adaptation of the proposal, and that it must reach."""
TEMPERED = 0.05
"""Effective draws per draw that an adaptation needs; the weights are flattened until there are."""
TAIL = 5.0
"""Degrees of freedom of the proposal, whose tails shall be wider than the posterior's."""
STEP = 1e-3
"""Step of the finite differences that give the second derivatives of ln p."""
SMALLEST_WIDTH = 0.05
"""In ln M, of scatter and population where the search for the best fit begins."""
LN_SCATTER, LN_POPULATION, SLOPE = 2, 4, 1
PARAMETERS = 5
PERCENTILES = (50.0, 16.0, 84.0, 2.5, 97.5)


class FitError(SzmassError):
    """No line can be fitted to the masses."""


@dataclass(frozen=True)
class Estimate:
    """Median of the posterior of one number, and the ends of its 68 and 95 % intervals."""

    median: float
    p16: float
    p84: float
    p2p5: float
    p97p5: float


@dataclass(frozen=True)
class MassFit:
    """The posterior of M = (1 - b) pivot (M_ref / pivot)^slope and of the scatter about it."""

    pivot_msun: float
    ln_one_minus_b: np.ndarray
    slope: np.ndarray
    scatter: np.ndarray
    """Draws of equal weight, `(DRAWS,)` each; `scatter` is that of ln M at given true M_ref."""

    @property
    def estimates(self) -> dict[str, Estimate]:
        """Medians and intervals of `one_minus_b`, `slope` and `scatter_ln_mass`."""
        draws = {
            "one_minus_b": np.exp(self.ln_one_minus_b),
            "slope": self.slope,
            "scatter_ln_mass": self.scatter,
        }
        return {
            name: Estimate(*np.percentile(values, PERCENTILES).tolist())
            for name, values in draws.items()
        }

    def line_msun(self, reference_msun: np.ndarray) -> np.ndarray:
        """Percentiles 50, 16 and 84 of the line at some masses: `(3, n)` of `(n,)`."""
        x = np.log(reference_msun / self.pivot_msun)
        lines = self.ln_one_minus_b[:, None] + self.slope[:, None] * x
        return self.pivot_msun * np.exp(np.percentile(lines, PERCENTILES[:3], axis=0))


def fit_masses(
    ln_mass: np.ndarray,
    ln_error: np.ndarray,
    ln_reference: np.ndarray,
    ln_reference_error: np.ndarray,
    *,
    pivot_msun: float,
    rng: np.random.Generator,
) -> MassFit:
    """Samples the posterior of the line between masses and reference masses.

    With x = ln(M_ref / pivot) and y = ln(M / pivot), both true:

        y = ln(1 - b) + slope x + N(0, scatter^2),    x ~ N(mu, tau^2)

    and what is measured has Gaussian errors in x and y. mu and tau, the population that the
    clusters are from, are fitted with the line: without them errors of M_ref would flatten it.
    Priors are flat in ln(1 - b), in the angle of the line, in scatter, tau and mu. The posterior
    is sampled with weights, from a Student distribution that is adapted to it.

    The population is that of the matched clusters. Not modelled: the selection of either table
    (near its limit a sample has the clusters that scatter upwards), errors that the two masses of
    a cluster share, and an error common to all masses of one table.

    Args:
        ln_mass: ln(M / Msun), `(n,)`.
        ln_error: standard deviations of its errors, `(n,)`.
        ln_reference: ln(M_ref / Msun), `(n,)`.
        ln_reference_error: standard deviations of its errors, `(n,)`.
        pivot_msun: mass that 1 - b is given at.
        rng: of the samples.

    Raises:
        FitError: the masses do not determine a line, or one of them or of the errors is none.

    References:
        Kelly 2007, arXiv 0705.2774, section 4.1, with one Gaussian for the population.
    """
    x, y = (values - np.log(pivot_msun) for values in (ln_reference, ln_mass))
    data = x, y, ln_reference_error, ln_error
    if not np.all(np.isfinite(data)) or not np.all(np.array(data[2:]) > 0):
        raise FitError("masses and errors to fit: expected finite numbers, and errors above 0")
    centre, covariance = _best_fit(*data)
    best_share, proposal = 0.0, (centre, covariance)
    for _ in range(MOST_ROUNDS):
        draws, ln_weights = _weighted_draws(centre, covariance, ADAPTING_DRAWS, rng, data)
        share = effective_draws(_flattened(ln_weights, 0.0)) / ADAPTING_DRAWS
        if share > best_share:
            best_share, proposal = share, (centre, covariance)
        if share > ENOUGH:
            break
        weights = _flattened(ln_weights, TEMPERED * ADAPTING_DRAWS)
        centre = weights @ draws
        covariance = (draws - centre).T @ ((draws - centre) * weights[:, None])
    if best_share < FEWEST:
        raise FitError(
            f"{len(x)} pairs of masses do not determine a line: expected reference masses that "
            "differ by more than their errors"
        )
    batches = [
        _weighted_draws(*proposal, DRAWS, rng, data)
        for _ in range(math.ceil(2.0 * ENOUGH / best_share))
    ]
    draws = np.concatenate([batch for batch, _ in batches])
    weights = _flattened(np.concatenate([ln_weights for _, ln_weights in batches]), 0.0)
    places = (np.arange(DRAWS) + rng.random()) / DRAWS
    rows = np.minimum(np.searchsorted(np.cumsum(weights), places), len(weights) - 1)
    ln_one_minus_b, slope, ln_scatter = draws[rows, :3].T
    return MassFit(pivot_msun, ln_one_minus_b, slope, np.exp(ln_scatter))


def ln_likelihood(
    parameters: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    x_error: np.ndarray,
    y_error: np.ndarray,
) -> np.ndarray:
    """Logarithm of the likelihood of measured x and y, the true ones integrated out.

    A pair is drawn from a Gaussian of mean (mu, a + s mu) and covariance

        [tau^2 + x_error^2,  s tau^2                         ]
        [s tau^2,            s^2 tau^2 + scatter^2 + y_error^2]

    which is evaluated as the product of p(x) and p(y | x).

    Args:
        parameters: rows of a, s, ln scatter, mu, ln tau, `(m, 5)`.
        x: measured, `(n,)`; as are the others.
        y: measured.
        x_error: standard deviations.
        y_error: standard deviations.

    Returns:
        `(m,)`.

    References:
        Kelly 2007, arXiv 0705.2774, section 4.1, with a mixture of one Gaussian.
    """
    intercept, slope, ln_scatter, mean, ln_population = (part[:, None] for part in parameters.T)
    population = np.exp(2.0 * ln_population)
    x_variance = population + x_error**2
    offset = x - mean
    shrunk = population / x_variance
    y_variance = np.exp(2.0 * ln_scatter) + y_error**2 + slope**2 * shrunk * x_error**2
    residual = y - intercept - slope * (mean + shrunk * offset)
    chi2 = offset**2 / x_variance + residual**2 / y_variance
    logs = np.log(4.0 * np.pi**2 * x_variance * y_variance)
    return -0.5 * np.sum(chi2 + logs, axis=1)


def effective_draws(weights: np.ndarray) -> float:
    """How many draws of equal weight tell as much: 1 / sum w^2, where the sum of w is 1."""
    return float(1.0 / np.sum(weights**2))


_Data = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _ln_posterior(parameters: np.ndarray, *data: np.ndarray) -> np.ndarray:
    """Logarithm of the posterior; widths have flat priors, and not their logarithms."""
    ln_prior = parameters[:, LN_SCATTER] + parameters[:, LN_POPULATION]
    ln_prior = ln_prior - np.log1p(parameters[:, SLOPE] ** 2)
    return ln_likelihood(parameters, *data) + ln_prior


def _best_fit(
    x: np.ndarray, y: np.ndarray, x_error: np.ndarray, y_error: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Where the posterior is highest, and the inverse of its curvature there."""
    data = x, y, x_error, y_error
    widths = (max(float(np.std(values)), SMALLEST_WIDTH) for values in (y - x, x))
    ln_scatter, ln_population = np.log(list(widths))
    start = np.array([np.mean(y - x), 1.0, ln_scatter, np.mean(x), ln_population])
    best = minimize(lambda p: -_ln_posterior(p[None], *data)[0], start, method="BFGS").x
    steps = STEP * np.eye(PARAMETERS)
    pairs = (steps[:, None] + steps[None, :]).reshape(-1, PARAMETERS)
    crossed = (steps[:, None] - steps[None, :]).reshape(-1, PARAMETERS)
    points = np.concatenate([pairs, -pairs, crossed, -crossed])
    values = _ln_posterior(best + points, *data).reshape(4, PARAMETERS, PARAMETERS)
    curvature = -(values[0] + values[1] - values[2] - values[3]) / (4.0 * STEP**2)
    eigenvalues, vectors = np.linalg.eigh(curvature)
    # not curved downwards: as wide as a factor of e
    safe = np.where(eigenvalues > 1.0, eigenvalues, 1.0)
    return best, (vectors / safe) @ vectors.T


def _weighted_draws(
    centre: np.ndarray, covariance: np.ndarray, count: int, rng: np.random.Generator, data: _Data
) -> tuple[np.ndarray, np.ndarray]:
    """Draws of a Student distribution, and ln of the posterior over its density."""
    normal = rng.standard_normal((count, PARAMETERS))
    radius = np.sqrt(rng.chisquare(TAIL, count) / TAIL)
    scaled = normal / radius[:, None]
    draws = centre + scaled @ np.linalg.cholesky(covariance).T
    exponent = (TAIL + PARAMETERS) / 2.0
    ln_density = -exponent * np.log1p(np.sum(scaled**2, axis=1) / TAIL)
    # overflow is no posterior either
    draws[:, [LN_SCATTER, LN_POPULATION]] = np.clip(
        draws[:, [LN_SCATTER, LN_POPULATION]], -50.0, 50.0
    )
    return draws, _ln_posterior(draws, *data) - ln_density


def _flattened(ln_weights: np.ndarray, fewest: float) -> np.ndarray:
    """Weights of sum 1, to the power of 1, 1/2, 1/4, ... until enough draws count."""
    power = 1.0
    while True:
        weights = np.exp(power * (ln_weights - ln_weights.max()))
        weights /= weights.sum()
        if effective_draws(weights) >= fewest:
            return weights
        power /= 2.0
