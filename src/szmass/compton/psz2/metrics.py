"""Masses of the PSZ2 clusters beside Planck's own, as de Andres et al. 2022 (dA22) compare them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from szmass.compton.results.metrics import CUTS, FEWEST_MAPS, relative_error, within_cut
from szmass.compton.results.paper import PAPER_BINS
from szmass.evaluation.statistics import half_width
from szmass.evaluation.tables import markdown_table
from szmass.sky.redshift_bins import ALL_BINS, redshift_range
from szmass.units import MASS_UNIT_MSUN

FULL, GOLDEN = "msz", "msz_golden"
TRUE, MSZ_TRUE = "true", "msz_true"
PAPER_BP: Mapping[tuple[str, str, str], tuple[float, float, float, float, int]] = {
    (FULL, "z1", ""): (0.03, 0.23, 0.27, 0.018, 228),
    (FULL, "z2", ""): (0.15, 0.13, 0.12, 0.008, 245),
    (FULL, "z3", ""): (0.13, 0.13, 0.11, 0.006, 443),
    (FULL, "z4", ""): (0.12, 0.09, 0.10, 0.009, 178),
    (FULL, "all", ""): (0.11, 0.14, 0.15, 0.005, 1094),
    (GOLDEN, "z1", ""): (-0.06, 0.15, 0.31, 0.029, 87),
    (GOLDEN, "z2", ""): (0.13, 0.15, 0.08, 0.011, 103),
    (GOLDEN, "z3", ""): (0.13, 0.12, 0.11, 0.010, 150),
    (GOLDEN, "z4", ""): (0.12, 0.07, 0.07, 0.012, 55),
    (GOLDEN, "all", ""): (0.08, 0.11, 0.13, 0.009, 395),
    (FULL, "z1", "_above_5e14"): (0.26, 0.30, 0.18, 0.043, 33),
    (FULL, "z2", "_above_5e14"): (0.16, 0.14, 0.11, 0.014, 82),
    (FULL, "z3", "_above_5e14"): (0.13, 0.12, 0.11, 0.014, 402),
    (FULL, "z4", "_above_5e14"): (0.14, 0.09, 0.10, 0.011, 178),
    (FULL, "all", "_above_5e14"): (0.14, 0.12, 0.11, 0.008, 695),
    (GOLDEN, "z1", "_above_5e14"): (0.10, 0.07, 0.14, 0.057, 7),
    (GOLDEN, "z2", "_above_5e14"): (0.15, 0.10, 0.10, 0.017, 33),
    (GOLDEN, "z3", "_above_5e14"): (0.13, 0.11, 0.12, 0.009, 145),
    (GOLDEN, "z4", "_above_5e14"): (0.12, 0.07, 0.07, 0.012, 55),
    (GOLDEN, "all", "_above_5e14"): (0.13, 0.09, 0.11, 0.010, 240),
    (FULL, "z1", "_below_3e14"): (-0.03, 0.24, 0.27, 0.021, 164),
    (GOLDEN, "z1", "_below_3e14"): (-0.08, 0.16, 0.31, 0.033, 74),
}
"""dA22, Supp. Table 2, real maps: median of (M_CNN - MSZ) / M_CNN, its distances to the 84th and
16th percentile, standard error, clusters. Arms printed with a point too many or without a zero
(.1, .01) are read as 0.08 and 0.10; missing numbers of clusters follow from the others."""


def bias_metrics(
    estimate_msun: np.ndarray,
    reference_msun: np.ndarray,
    *,
    name: str,
    bin_name: str,
    redshifts: tuple[float, float],
) -> dict[str, float]:
    """Statistics of b = (M - M_ref) / M by cut in M, with the paper's beside.

    Args:
        estimate_msun: M, `(n,)`.
        reference_msun: M_ref, `(n,)`.
        name: what M_ref is, in the metrics' names.
        bin_name: redshift bin, or `all`.
        redshifts: its edges, by which the paper's numbers are found.
    """
    metrics: dict[str, float] = {}
    paper_bin = PAPER_BINS.get(redshifts, "")
    for suffix in CUTS:
        here = within_cut(estimate_msun, suffix)
        if here.sum() >= FEWEST_MAPS:
            b = relative_error(estimate_msun[here], reference_msun[here])
            low, middle, high = np.percentile(b, [16, 50, 84])
            values = {
                "median": middle,
                "p16": low,
                "p84": high,
                "stderr": np.std(b) / np.sqrt(len(b)),
                "clusters": len(b),
            }
            metrics |= _named(values, name, bin_name, suffix)
        if (name, paper_bin, suffix) in PAPER_BP:
            middle, up, down, error, count = PAPER_BP[name, paper_bin, suffix]
            values = {
                "median": middle,
                "p16": middle - down,
                "p84": middle + up,
                "stderr": error,
                "clusters": count,
            }
            paper = _named(values, name, bin_name, suffix)
            metrics |= {f"paper_{key}": round(value, 6) for key, value in paper.items()}
    return metrics


def _named(values: Mapping[str, float], name: str, bin_name: str, suffix: str) -> dict[str, float]:
    return {
        f"relerr_{key}_{name}_{bin_name}{suffix}": float(value) for key, value in values.items()
    }


def judge(
    found: Mapping[str, np.ndarray],
    published_log10_msun: np.ndarray,
    bins: Mapping[str, Sequence[float]],
) -> dict[str, float]:
    """Metrics by redshift bin and over all.

    Args:
        found: columns of the catalogue of masses.
        published_log10_msun: the published CNN masses, NaN where there is none.
        bins: edges of the redshift bins.
    """
    metrics: dict[str, float] = {}
    msz, true = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["m500_true_msun"]
    mass = found["m500_msun"]
    for name in (*bins, ALL_BINS):
        here = np.full(len(msz), fill_value=True) if name == ALL_BINS else found["bin"] == name
        golden, known = here & found["golden"], here & np.isfinite(true)
        where: Any = {"bin_name": name, "redshifts": redshift_range(bins, name)}
        metrics |= bias_metrics(mass[here], msz[here], name=FULL, **where)
        metrics |= bias_metrics(
            found["m500_golden_msun"][golden], msz[golden], name=GOLDEN, **where
        )
        metrics |= published_metrics(found["log10_m500"][here], published_log10_msun[here], name)
        if here.any():
            metrics[f"out_of_range_share_{name}"] = float(np.mean(found["out_of_range"][here]))
        if known.any():
            metrics |= bias_metrics(mass[known], true[known], name=TRUE, **where)
            metrics |= bias_metrics(msz[known], true[known], name=MSZ_TRUE, **where)
            ends = {
                level: (found[f"m500_msun_{low}"][known], found[f"m500_msun_{high}"][known])
                for level, low, high in ((68, "p16", "p84"), (95, "p2p5", "p97p5"))
            }
            metrics |= interval_metrics(ends, true[known], name)
    return metrics


def interval_metrics(
    intervals_msun: Mapping[int, tuple[np.ndarray, np.ndarray]],
    truth_msun: np.ndarray,
    bin_name: str,
) -> dict[str, float]:
    """Share of true masses inside intervals, as `coverage_<level>_true_<bin>`.

    Args:
        intervals_msun: lower and upper end by per cent.
        truth_msun: `(n,)`.
        bin_name: redshift bin, or `all`.
    """
    return {
        f"coverage_{level}_{TRUE}_{bin_name}": float(
            np.mean((low <= truth_msun) & (truth_msun <= high))
        )
        for level, (low, high) in intervals_msun.items()
    }


def published_metrics(
    log10_msun: np.ndarray, published_log10_msun: np.ndarray, bin_name: str
) -> dict[str, float]:
    """How far masses are from the published CNN masses, in dex, where there is one."""
    shift = (log10_msun - published_log10_msun)[np.isfinite(published_log10_msun)]
    if len(shift) < FEWEST_MAPS:
        return {}
    return {
        f"published_shift_dex_{bin_name}": float(np.median(shift)),
        f"published_half_width_dex_{bin_name}": half_width(shift),
    }


def psz2_table(metrics: Mapping[str, float], labels: Mapping[str, str], sky: str) -> str:
    """Supp. Table 2's columns of real maps, and how well known true masses come back.

    Args:
        metrics: of `bias_metrics` and `interval_metrics`.
        labels: of the redshift bins, by name; `all` among them.
        sky: what was observed.
    """
    names = [
        FULL,
        GOLDEN,
        *([TRUE, MSZ_TRUE] if f"relerr_median_{TRUE}_{ALL_BINS}" in metrics else []),
    ]
    titles = {
        FULL: "all, (M - MSZ) / M",
        GOLDEN: "golden sample, (M - MSZ) / M",
        TRUE: "(M - M_true) / M",
        MSZ_TRUE: "(MSZ - M_true) / MSZ",
    }
    header = ["redshift"]
    for name in names:
        header += [titles[name], *(["paper"] if name in {FULL, GOLDEN} else [])]
    rows = []
    for suffix, masses in zip(CUTS, ("", ", M > 5e14", ", M < 3e14"), strict=True):
        for bin_name, label in labels.items():
            row = [f"{label}{masses}"]
            for name in names:
                row.append(_cell(metrics, f"{name}_{bin_name}{suffix}"))
                if name in {FULL, GOLDEN}:
                    row.append(_cell(metrics, f"{name}_{bin_name}{suffix}", prefix="paper_"))
            if any(cell != "-" for cell in row[1:]):
                rows.append(row)
    return (
        f"PSZ2 clusters on: {sky}. Median, distances to the 84th and 16th percentile,\n"
        "standard error, number of clusters; M is the posterior's median.\n\n"
        + markdown_table(header, rows)
    )


def _cell(metrics: Mapping[str, float], name: str, prefix: str = "") -> str:
    key = f"{prefix}relerr_{{}}_{name}"
    if key.format("median") not in metrics:
        return "-"
    middle, low, high, error, count = (
        metrics[key.format(what)] for what in ("median", "p16", "p84", "stderr", "clusters")
    )
    return f"{middle:+.2f} +{high - middle:.2f} -{middle - low:.2f} ({error:.3f}), {count:.0f}"
