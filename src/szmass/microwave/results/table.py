"""Tables for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from szmass.evaluation.agreement import SIGMAS, errors_apart, mark
from szmass.evaluation.tables import Metrics, markdown_table
from szmass.microwave.results.metrics import mass_label
from szmass.units import MASS_UNIT_MSUN


def closing_table(
    masses_msun: Sequence[float],
    metrics: Mapping[str, Metrics],
    stated: Metrics,
    *,
    network: str,
    bound: str,
) -> str:
    """The closing table of the microwave line: each mass, then the scatters of Fig. 5.

    Args:
        masses_msun: the true masses of the test set.
        metrics: by estimator, under the names of `szmass.microwave.results.metrics`.
        stated: what the paper states, under the same names.
        network: the estimator that is judged.
        bound: the estimator that it is judged against.
    """
    per_mass = []
    for mass in masses_msun:
        label = mass_label(mass)
        per_mass.append(
            (
                f"{mass / MASS_UNIT_MSUN:g}",
                _value_and_width(metrics[network], label),
                _value_and_width(metrics[bound], label),
                f"{metrics[network][f'offset_from_bound_sigma_{label}']:+.2f}",
                _paper_value(stated, label),
            )
        )
    header = ("M200c", "mResUNet", "exact posterior", "offset [sigma]", "paper")
    scatters = []
    for name, values in metrics.items():
        cells = [name]
        for suffix in ("", "_no_scatter"):
            cells.append(_with_error(values, f"scatter_ln_mass{suffix}"))
            cells.append(_with_error(values, f"scatter_ln_mass_gauss{suffix}"))
        scatters.append(cells)
    gauss, no_scatter = "scatter_ln_mass_gauss", "scatter_ln_mass_gauss_no_scatter"
    beside = dict(metrics[network]) | {f"paper_{name}": value for name, value in stated.items()}
    of_paper = (
        f"{_with_error(stated, name)}, {mark(errors_apart(beside, name, f'{name}_err'))}"
        for name in (gauss, no_scatter)
    )
    scatters.append(["paper", "", next(of_paper), "", next(of_paper)])
    return "\n".join(
        [
            "Median and half of the 16-84 % range of the estimates at each true mass, 1e14 Msun;",
            "offset: of the network's median from the exact posterior's, in its half-widths.",
            "",
            markdown_table(header, per_mass),
            "Standard deviation and fitted Gaussian width of ln(M_est / M_true), with bootstrap",
            "errors, over clusters uniform in mass, with and without scatter in the SZ signal.",
            f"The paper's agrees with that of {network} if the two are at most {SIGMAS:g} combined",
            "errors apart. Numbers without an error, as those above, are not comparable.",
            "",
            markdown_table(
                ("estimator", "std", "Gaussian", "std, no scatter", "Gaussian, no scatter"),
                scatters,
            ),
        ]
    )


def _with_error(metrics: Metrics, name: str) -> str:
    return f"{metrics[name]:.3f} +- {metrics[f'{name}_err']:.3f}"


def _value_and_width(metrics: Metrics, label: str) -> str:
    return f"{metrics[f'median_1e14_{label}']:.2f} +- {metrics[f'half_width_1e14_{label}']:.2f}"


def _paper_value(stated: Metrics, label: str) -> str:
    median, width = (
        stated.get(f"{name}_1e14_{label}", np.nan) for name in ("median", "half_width")
    )
    if np.isfinite(median):
        return f"{median:.2f} +- {width:.2f}"
    relative = stated.get(f"relative_half_width_{label}")
    return f"dM/M = {relative:.1f}" if relative is not None else ""
