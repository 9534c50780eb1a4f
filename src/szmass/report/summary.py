"""The most important numbers; DVC compares experiments by these alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from szmass.files import write_metrics
from szmass.report.results import ReportError, read_metrics

SUMMARY = (
    "weighing.planck.all.relerr_median",
    "weighing.planck.all.relerr_half_width",
    "weighing.planck.all.matched_filter_relerr_half_width",
    "weighing.planck.all.coverage_68",
    "weighing.planck.all.coverage_95",
    "weighing_microwave.scatter_test.scatter_ln_mass_over_exact",
    "weighing_microwave.scatter_test.divergence_nats",
    "microwave.mresunet.scatter_ln_mass_gauss",
    "microwave.mresunet.scatter_ln_mass_gauss_no_scatter",
    "microwave.mresunet.scatter_ln_mass_over_bound",
    "microwave.mresunet.profile_residual_m4p0e14",
    "microwave.matched_filter.scatter_ln_mass",
    "hydro.mresunet.mean_ln_ratio",
    "hydro.mresunet.scatter_ln_mass_gauss",
    "cnn.clean.all.relerr_half_width_ensemble",
    "cnn.planck.all.relerr_median_ensemble",
    "cnn.planck.all.relerr_half_width_ensemble",
    "cnn.planck.all.relerr_half_width_posterior",
    "cnn.planck.all.relerr_half_width_matched_filter",
    "cnn.planck.all.coverage_68_posterior",
    "psz2.all.relerr_median_msz",
    "psz2.all.relerr_median_true",
    "psz2.all.coverage_68_true",
)
"""Where in the metrics they are: file, keys, name. A number that is not there is left out: the true
masses of PSZ2 are known on the stand-in sky alone."""


def write_summary(summary: Path, files: Mapping[str, Path]) -> None:
    """Writes the numbers of `SUMMARY`, nested as they are in their files.

    Args:
        summary: the file to write.
        files: of metrics, by the name that begins a place in them.

    Raises:
        ReportError: a file of metrics cannot be read, or has none of the numbers.
    """
    tree: dict[str, Any] = {}
    for entry in SUMMARY:
        place, _, name = entry.rpartition(".")
        file = files[place.partition(".")[0]]
        metrics = read_metrics(file, place)
        if name in metrics:
            branch = tree
            for key in place.split("."):
                branch = branch.setdefault(key, {})
            branch[name] = metrics[name]
    if lacking := set(files) - set(tree):
        raise ReportError(f"{files[min(lacking)]}: has none of the numbers of the summary")
    write_metrics(summary, tree)
