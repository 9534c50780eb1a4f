"""Masses of the PSZ2 clusters beside Planck's own, as de Andres et al. 2022 (dA22) compare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from szmass.compton.results.estimated import Estimated
from szmass.compton.results.metrics import CUTS, FEWEST_MAPS, relative_error, within_cut
from szmass.compton.results.paper import DeAndres2022
from szmass.evaluation.statistics import half_width
from szmass.evaluation.tables import markdown_table
from szmass.sky.redshift_bins import ALL_BINS, redshift_range
from szmass.units import MASS_UNIT_MSUN

FULL, GOLDEN = "msz", "msz_golden"
TRUE, MSZ_TRUE = "true", "msz_true"


def bias_metrics(
    estimate_msun: np.ndarray, reference_msun: np.ndarray, *, name: str
) -> dict[str, float]:
    """Statistics of b = (M - M_ref) / M by cut in M.

    Args:
        estimate_msun: M, `(n,)`.
        reference_msun: M_ref, `(n,)`.
        name: what M_ref is, in the metrics' names.
    """
    metrics: dict[str, float] = {}
    for suffix in CUTS:
        here = within_cut(estimate_msun, suffix)
        if here.sum() < FEWEST_MAPS:
            continue
        b = relative_error(estimate_msun[here], reference_msun[here])
        low, middle, high = np.percentile(b, [16, 50, 84])
        values = {
            "median": middle,
            "p16": low,
            "p84": high,
            "stderr": np.std(b) / np.sqrt(len(b)),
            "clusters": len(b),
        }
        metrics |= {f"relerr_{key}_{name}{suffix}": float(value) for key, value in values.items()}
    return metrics


def judge(
    found: Mapping[str, np.ndarray],
    published_log10_msun: np.ndarray,
    bins: Mapping[str, Sequence[float]],
    paper: DeAndres2022,
) -> dict[str, dict[str, float]]:
    """Metrics by redshift bin and over all, with the paper's as `paper_...`.

    Args:
        found: columns of the catalogue of masses.
        published_log10_msun: the published CNN masses, NaN where there is none.
        bins: edges of the redshift bins.
        paper: its numbers.
    """
    metrics: dict[str, dict[str, float]] = {}
    for name in (*bins, ALL_BINS):
        here = (found["bin"] == name) | (name == ALL_BINS)
        of_bin = _of_bin(found, published_log10_msun, here)
        for sample in (FULL, GOLDEN):
            stated = paper.of_real(sample, redshift_range(bins, name))
            of_bin |= {f"paper_{key}": value for key, value in stated.items()}
        metrics[name] = of_bin
    return metrics


def _of_bin(
    found: Mapping[str, np.ndarray], published_log10_msun: np.ndarray, here: np.ndarray
) -> dict[str, float]:
    """Metrics of some of the clusters, `here` of shape `(n,)` bool."""
    msz, true = found["msz_1e14_msun"] * MASS_UNIT_MSUN, found["m500_true_msun"]
    mass = found["m500_msun"]
    golden, known = here & found["golden"], here & np.isfinite(true)
    metrics = bias_metrics(mass[here], msz[here], name=FULL)
    metrics |= bias_metrics(found["m500_golden_msun"][golden], msz[golden], name=GOLDEN)
    metrics |= published_metrics(found["log10_m500"][here], published_log10_msun[here])
    if here.any():
        metrics["out_of_range_share"] = float(np.mean(found["out_of_range"][here]))
    if known.any():
        metrics |= bias_metrics(mass[known], true[known], name=TRUE)
        metrics |= bias_metrics(msz[known], true[known], name=MSZ_TRUE)
        ends = {
            level: (found[f"m500_msun_{low}"][known], found[f"m500_msun_{high}"][known])
            for level, low, high in ((68, "p16", "p84"), (95, "p2p5", "p97p5"))
        }
        metrics |= interval_metrics(ends, true[known])
    return metrics


def interval_metrics(
    intervals_msun: Mapping[int, tuple[np.ndarray, np.ndarray]],
    truth_msun: np.ndarray,
) -> dict[str, float]:
    """Share of true masses inside intervals, as `coverage_<level>_true`.

    Args:
        intervals_msun: lower and upper end by per cent.
        truth_msun: `(n,)`.
    """
    return {
        f"coverage_{level}_{TRUE}": float(np.mean((low <= truth_msun) & (truth_msun <= high)))
        for level, (low, high) in intervals_msun.items()
    }


def published_metrics(log10_msun: np.ndarray, published_log10_msun: np.ndarray) -> dict[str, float]:
    """How far masses are from the published CNN masses, in dex, where there is one."""
    shift = (log10_msun - published_log10_msun)[np.isfinite(published_log10_msun)]
    if len(shift) < FEWEST_MAPS:
        return {}
    return {
        "published_shift_dex": float(np.median(shift)),
        "published_half_width_dex": half_width(shift),
    }


def mock_metrics(
    test: Mapping[str, np.ndarray], simulated: Sequence[Estimated], bins: Iterable[str]
) -> dict[str, dict[str, float]]:
    """Simulated clusters out of range by redshift bin, and their bias by Y-M relation over all.

    Args:
        test: masses of the test clusters, columns of a `Predictor`.
        simulated: test clusters beside the mass that a Y-M relation gives, labelled by it.
        bins: names of the redshift bins.
    """
    metrics: dict[str, dict[str, float]] = {
        name: {"out_of_range_share_test": float(np.mean(test["out_of_range"][test["bin"] == name]))}
        for name in bins
    }
    metrics[ALL_BINS] = {
        f"relerr_median_mock_{sample.label}": float(np.median(sample.error)) for sample in simulated
    }
    return metrics


def psz2_table(
    metrics: Mapping[str, Mapping[str, float]], labels: Mapping[str, str], sky: str
) -> str:
    """Supp. Table 2's columns of real maps, and how well known true masses come back.

    Args:
        metrics: by redshift bin.
        labels: of the redshift bins, by name; `all` among them.
        sky: what was observed.
    """
    names = [
        FULL,
        GOLDEN,
        *([TRUE, MSZ_TRUE] if f"relerr_median_{TRUE}" in metrics[ALL_BINS] else []),
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
                row.append(_cell(metrics[bin_name], f"{name}{suffix}"))
                if name in {FULL, GOLDEN}:
                    row.append(_cell(metrics[bin_name], f"{name}{suffix}", prefix="paper_"))
            if any(cell != "-" for cell in row[1:]):
                rows.append(row)
    return (
        f"PSZ2 clusters on: {sky}. Median, distances to the 84th and 16th percentile,\n"
        "standard error, number of clusters; M is the median of the kernel density's posterior.\n\n"
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
