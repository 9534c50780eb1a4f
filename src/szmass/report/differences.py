"""The numbers that differ from the papers', by how much, and why.

Each number is compared with the paper's, which the stages write beside it as `paper_...`. It is
listed if the two differ by more than `SIGMAS` combined standard errors. If an error is not known,
the two are not comparable, and listed if they are more than `SHARE` of the paper's number apart.
So the table always follows the metrics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from szmass.evaluation.agreement import DIFFERS, NOT_COMPARABLE, SIGMAS, errors_apart, mark
from szmass.evaluation.tables import markdown_table
from szmass.files import write_text
from szmass.report.results import STUDIES, Metrics, ReportError, metrics_file, read_metrics

SHARE = 0.1
HEADER = ("number", "here", "paper", "comparison", "why")
NOTE = (
    f"Numbers that differ from the paper's by more than {SIGMAS:g} combined standard errors.\n"
    "Where one of the two errors is not known, the numbers are not comparable; those stand here\n"
    f"that are more than {100 * SHARE:g} % apart. G&R is Gupta & Reichardt (2020), dA de Andres\n"
    "et al. (2022).\n\n"
)


@dataclass(frozen=True)
class Difference:
    """A number that may differ from the paper's, and the reason for the case that it does."""

    label: str
    place: str
    """Where in the metrics it is: a file and the keys within it, such as `cnn.planck.all`."""
    metric: str
    why: str
    study: str = ""
    """The folder in `studies/` whose metrics have it; the number is left out until it has run."""
    only_with: str = ""
    """A metric beside it without which the reason does not hold."""
    form: str = ".3f"


_PROFILE = "the network of scale `laptop` is small and shortly trained, and flattens the peak"
_ENDS = "ours is trained on masses uniform in a range, theirs on eight masses"
_BOUND = "as narrow as the exact posterior (`bound_train`); the paper's network is wider"
_IMAGE = (
    "clusters of equal Y do not have equal images: ours are wider than Arnaud's profile, so less "
    "of their signal is above the noise"
)
_HALOES = (
    "no haloes lighter than `hydro.halo_mass_1e14`, and no clustering of haloes around the cluster"
)
_SHAPES = "cluster shapes are a choice; networks are smaller and see fewer maps"
_TAILS = "our clusters lack the rare outliers of the paper's networks"
_INTERVALS = "a network for a wide redshift range needs a longer training"
_STAND_IN = "the stand-in sky, which takes Planck's masses as exact"
_MASKS = "the stand-in sky and its masks"

DIFFERENCES = (
    *(
        Difference(
            f"G&R: mResUNet, largest error of the SZ profile at {mass}e14 Msun, of its peak",
            "microwave.mresunet",
            f"profile_residual_m{mass}p0e14",
            _PROFILE,
        )
        for mass in (2, 4, 6)
    ),
    Difference(
        "G&R: mResUNet, half-width at 2e14 Msun [1e14 Msun]",
        "microwave.mresunet",
        "half_width_1e14_m2p0e14",
        _ENDS,
    ),
    Difference(
        "G&R: mResUNet, half-width at 1.5e14 Msun, of the mass",
        "microwave.mresunet",
        "relative_half_width_m1p5e14",
        _ENDS,
    ),
    Difference(
        "G&R: mResUNet, width of ln(M / M_true)",
        "microwave.mresunet",
        "scatter_ln_mass_gauss",
        _BOUND,
    ),
    Difference(
        "G&R: mResUNet, width of ln(M / M_true) without SZ scatter",
        "microwave.mresunet",
        "scatter_ln_mass_gauss_no_scatter",
        _BOUND,
    ),
    Difference(
        "G&R: hydro-like clusters, mean ln(r M / M_true)",
        "hydro.mresunet",
        "mean_ln_ratio",
        _IMAGE,
        form="+.3f",
    ),
    Difference(
        "G&R: hydro-like clusters, width of ln(r M / M_true)",
        "hydro.mresunet",
        "scatter_ln_mass_gauss",
        _SHAPES,
    ),
    Difference(
        "G&R: hydro-like clusters, scatter of ln Y in the light cone",
        "hydro.clusters",
        "scatter_ln_y500_light_cone",
        _HALOES,
    ),
    Difference(
        "dA: CNN on clean maps, half-width of b",
        "cnn.clean.all",
        "relerr_half_width_selected",
        _SHAPES,
    ),
    Difference(
        "dA: CNN on Planck maps, half-width of b",
        "cnn.planck.all",
        "relerr_half_width_selected",
        _SHAPES,
    ),
    Difference(
        "dA: CNN on Planck maps, scatter of log10 M",
        "cnn.planck.all",
        "scatter_dex_selected",
        _SHAPES,
    ),
    Difference(
        "dA: CNN on Planck maps, kurtosis of log10 M",
        "cnn.planck.all",
        "kurtosis_selected",
        _TAILS,
        form=".1f",
    ),
    Difference(
        "dA: one network for all redshifts, scatter of log10 M",
        "one",
        "scatter_dex_ensemble",
        _INTERVALS,
        study="redshift_bins",
    ),
    Difference(
        "dA: two networks, scatter of log10 M",
        "two",
        "scatter_dex_ensemble",
        _INTERVALS,
        study="redshift_bins",
    ),
    Difference(
        "dA: PSZ2, median of b against Planck's masses",
        "psz2.all",
        "relerr_median_msz",
        _STAND_IN,
        only_with="relerr_median_true",
    ),
    Difference(
        "dA: golden PSZ2 clusters above 5e14 Msun",
        "psz2.all",
        "relerr_clusters_msz_golden_above_5e14",
        _MASKS,
        only_with="relerr_median_true",
        form=".0f",
    ),
)
"""The candidates, in the table's order."""


def write_differences(table: Path, results: Path, differences: Sequence[Difference]) -> None:
    """Writes the table of those that differ.

    Args:
        table: the Markdown file to write.
        results: folder of the pipeline's metrics.
        differences: the candidates, in the table's order.

    Raises:
        ReportError: a number is not in its file, or the paper's beside it is not.
    """
    rows = []
    for difference in differences:
        metrics = _metrics(difference, results)
        if metrics is None or (difference.only_with and difference.only_with not in metrics):
            continue
        metric, form = difference.metric, difference.form
        if metric not in metrics or f"paper_{metric}" not in metrics:
            raise ReportError(f"{difference.place}: expected {metric} and paper_{metric}")
        found = mark(errors_apart(metrics, metric, f"{metric}_err"))
        if found == DIFFERS or (found == NOT_COMPARABLE and _is_far(metrics, metric)):
            cells = (_cell(metrics, key, form) for key in (metric, f"paper_{metric}"))
            rows.append((difference.label, *cells, found, difference.why))
    write_text(table, NOTE + markdown_table(HEADER, rows))


def _is_far(metrics: Metrics, metric: str) -> bool:
    """Whether a number is more than `SHARE` of the paper's away from it."""
    paper = metrics[f"paper_{metric}"]
    return abs(metrics[metric] - paper) > SHARE * abs(paper)


def reason(place: str, metric: str) -> str:
    """Why a number differs from the paper's, as the table says it; nothing where it does not."""
    return next(
        (one.why for one in DIFFERENCES if (one.place, one.metric) == (place, metric)),
        "",
    )


def _metrics(difference: Difference, results: Path) -> Metrics | None:
    """The numbers beside a candidate; None where its study has not run."""
    if not difference.study:
        return read_metrics(results / metrics_file(difference.place), difference.place)
    path = STUDIES / difference.study / "metrics.json"
    return read_metrics(path, f"metrics.{difference.place}") if path.is_file() else None


def _cell(metrics: Metrics, key: str, form: str) -> str:
    """A number with its error, where it is known."""
    error = metrics.get(f"{key}_err")
    ending = "" if error is None else f" +- {format(error, form.lstrip('+'))}"
    return format(metrics[key], form) + ending
