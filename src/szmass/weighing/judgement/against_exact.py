"""Posteriors by weighing against exact ones of the same maps, under the same prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from szmass.evaluation.posteriors import MassPosteriors
from szmass.evaluation.statistics import ln_ratio
from szmass.evaluation.tables import markdown_table
from szmass.weighing.judgement.gate import FALSE_ALARM, Check, in_words

MOST_SCATTER = 1.02
"""Scatter over the exact posterior's that is allowed."""
MOST_NATS = 0.02
"""Divergence from the exact posterior, on average over the maps, that is allowed."""
CHECKS_A_SET = 2
ABOUT = """\
Weighing on simulated 150 GHz maps of clusters of 2 to 7e14 Msun, with and without scatter of the SZ
signal, beside the exact posterior under the same prior: standard deviation of ln(M / M_true) of the
posteriors' means, the ratio of the two, and the Kullback-Leibler divergence of weighing's posterior
from the exact one, mean over the maps."""


def mean_msun(posteriors: MassPosteriors) -> np.ndarray:
    """E[M] = int p(x) 10^x dx in Msun for x = log10 M, `(n,)`."""
    axis = posteriors.axis_log10_msun
    return np.asarray(np.trapezoid(posteriors.density * 10.0**axis, axis, axis=1))


def divergence_nats(exact: MassPosteriors, found: MassPosteriors) -> np.ndarray:
    """The Kullback-Leibler divergence int p ln(p / q) dx of found densities q from exact ones p.

    Where p has vanished it adds nothing; a q that has vanished where p has not makes it infinite.

    Args:
        exact: of `n` maps.
        found: of the same maps, on the same axis.

    Returns:
        `(n,)`, 0 where they are the same and positive elsewhere.
    """
    p, q = exact.density, found.density
    with np.errstate(divide="ignore", invalid="ignore"):
        integrand = np.where(p > 0.0, p * np.log(p / q), 0.0)
    return np.asarray(np.trapezoid(integrand, exact.axis_log10_msun, axis=1))


@dataclass(frozen=True)
class AgainstExact:
    """Clusters of known mass, with posteriors by weighing and exact ones."""

    truth_msun: np.ndarray
    """`(n,)`."""
    exact: MassPosteriors
    found: MassPosteriors

    def masses_msun(self) -> dict[str, np.ndarray]:
        """Posterior means, `(n,)`, by estimator: `weighing` and `exact`."""
        return {"weighing": mean_msun(self.found), "exact": mean_msun(self.exact)}

    def metrics(self, *, draws: int, rng: np.random.Generator) -> dict[str, float]:
        """How far weighing is from exact, with errors.

        Args:
            draws: of the bootstrap over maps, each with both estimators' masses of it.
            rng: of the bootstrap.

        Returns:
            `scatter_ln_mass_weighing` and `scatter_ln_mass_exact`, standard deviations of
            ln(M / M_true); `scatter_ln_mass_over_exact`, the first over the second, and
            `divergence_nats`, the mean over the maps, both with `_err`; `maps`, their number.
        """
        masses = self.masses_msun()
        ratios = np.stack([ln_ratio(masses[name], self.truth_msun) for name in masses])
        rows = rng.integers(len(self.truth_msun), size=(draws, len(self.truth_msun)))
        weighed, exact = (np.std(values[rows], axis=1) for values in ratios)
        nats = divergence_nats(self.exact, self.found)
        found, bound = np.std(ratios, axis=1)
        return {
            "maps": len(self.truth_msun),
            "scatter_ln_mass_weighing": float(found),
            "scatter_ln_mass_exact": float(bound),
            "scatter_ln_mass_over_exact": float(found / bound),
            "scatter_ln_mass_over_exact_err": float(np.std(weighed / exact, ddof=1)),
            "divergence_nats": float(nats.mean()),
            "divergence_nats_err": float(nats.std(ddof=1) / np.sqrt(len(nats))),
        }


def judge_against_exact(metrics: Mapping[str, Mapping[str, float]]) -> list[Check]:
    """Checks `MOST_SCATTER` and `MOST_NATS` on sets of maps.

    Each limit is widened by a multiple of the number's error, such that an estimator exactly at the
    limits fails any of the checks with a probability of at most `FALSE_ALARM`.

    Args:
        metrics: of `AgainstExact`, by the set's name.
    """
    errors = float(norm.isf(FALSE_ALARM / (CHECKS_A_SET * len(metrics))))
    return [
        Check(
            group=name,
            what=what,
            clusters=int(values["maps"]),
            expected=expected,
            found=values[what],
            low=0.0,
            high=most + errors * values[f"{what}_err"],
            power=1.0,
        )
        for name, values in metrics.items()
        for what, expected, most in (
            ("scatter_ln_mass_over_exact", 1.0, MOST_SCATTER),
            ("divergence_nats", 0.0, MOST_NATS),
        )
    ]


def table(metrics: Mapping[str, Mapping[str, float]], checks: Sequence[Check]) -> str:
    """The table of `docs/results.md`.

    Args:
        metrics: of `AgainstExact` by the set's name, and `lost_information` of the `filters`.
        checks: of these sets.
    """
    rows = [
        [
            name.removesuffix("_test").replace("_", " "),
            f"{values['maps']:.0f}",
            f"{values['scatter_ln_mass_weighing']:.3f}",
            f"{values['scatter_ln_mass_exact']:.3f}",
            _with_error(values, "scatter_ln_mass_over_exact", ".3f"),
            _with_error(values, "divergence_nats", ".4f"),
        ]
        for name, values in metrics.items()
        if "maps" in values
    ]
    header = ["clusters", "maps", "weighing", "exact posterior", "ratio", "divergence [nats]"]
    share = f"{metrics['filters']['lost_information']:.1e}"
    lost = f"The filters miss at most {share} of the maps' information on the signal's amplitude."
    gate = in_words(checks, "of the ratio and the divergence")
    blocks = [ABOUT, markdown_table(header, rows).strip(), lost, gate]
    return "\n\n".join(blocks) + "\n"


def _with_error(values: Mapping[str, float], name: str, form: str) -> str:
    return f"{values[name]:{form}} +- {values[f'{name}_err']:{form}}"
