"""What de Andres et al. 2022 state of their own networks, beside what ours show (dA22)."""

from __future__ import annotations

from collections.abc import Mapping

from szmass.compton.network.selection import SELECTED
from szmass.compton.results.metrics import CUTS
from szmass.sky.redshift_bins import ALL_BINS

PAPER_BINS: Mapping[tuple[float, float], str] = {
    (0.0, 0.1): "z1",
    (0.1, 0.2): "z2",
    (0.2, 0.4): "z3",
    (0.4, 1.0): "z4",
    (0.0, 1.0): ALL_BINS,
}
"""The redshift ranges of Supp. Table 2; for any other the paper has no number."""

PAPER_RELERR: Mapping[tuple[str, str, str], tuple[float, float, float, float]] = {
    ("clean", "z1", ""): (-0.03, 0.10, 0.13, 0.002),
    ("clean", "z2", ""): (-0.01, 0.10, 0.13, 0.002),
    ("clean", "z3", ""): (-0.01, 0.07, 0.08, 0.001),
    ("clean", "z4", ""): (-0.03, 0.06, 0.07, 0.001),
    ("clean", "all", ""): (-0.02, 0.09, 0.10, 0.001),
    ("clean", "z1", "_above_5e14"): (-0.02, 0.09, 0.10, 0.002),
    ("clean", "z2", "_above_5e14"): (-0.02, 0.11, 0.14, 0.002),
    ("clean", "z3", "_above_5e14"): (-0.01, 0.08, 0.07, 0.001),
    ("clean", "z4", "_above_5e14"): (-0.03, 0.07, 0.07, 0.002),
    ("clean", "all", "_above_5e14"): (-0.02, 0.09, 0.09, 0.001),
    ("clean", "z1", "_below_3e14"): (-0.03, 0.10, 0.15, 0.003),
    ("planck", "z1", ""): (-0.05, 0.15, 0.20, 0.003),
    ("planck", "z2", ""): (0.01, 0.13, 0.17, 0.002),
    ("planck", "z3", ""): (-0.04, 0.13, 0.15, 0.002),
    ("planck", "z4", ""): (-0.03, 0.11, 0.16, 0.002),
    ("planck", "all", ""): (-0.03, 0.14, 0.17, 0.002),
    ("planck", "z1", "_above_5e14"): (-0.04, 0.12, 0.14, 0.003),
    ("planck", "z2", "_above_5e14"): (-0.01, 0.14, 0.16, 0.002),
    ("planck", "z3", "_above_5e14"): (-0.04, 0.13, 0.15, 0.002),
    ("planck", "z4", "_above_5e14"): (-0.03, 0.12, 0.16, 0.003),
    ("planck", "all", "_above_5e14"): (-0.03, 0.14, 0.15, 0.002),
    ("planck", "z1", "_below_3e14"): (-0.05, 0.16, 0.24, 0.005),
}
"""dA22, Supp. Table 2: median of b, its distances to the 84th and 16th percentile, and sigma /
sqrt(N maps), by data set, redshift bin and cut in mass. For the paper's selected networks."""

PAPER_MOMENTS: Mapping[tuple[str, str], Mapping[str, float]] = {
    ("clean", "all"): {"scatter_dex": 0.05},
    ("planck", "all"): {
        "bias_dex": -0.0014,
        "scatter_dex": 0.0710,
        "skewness": 0.3978,
        "kurtosis": 7.2888,
    },
}
"""dA22, Supp. Table 1 (4 intervals) and Supp. D: moments of log10(M_CNN / M_true)."""

PAPER_RELATION_SCATTER = 0.07
"""dA22, Supp. D: scatter of b by the Y-M relation at known R500 is at most this."""
PAPER_PASSING_SHARE = 0.40
"""dA22, Supp. C: over 40 of 100 networks have |mean b| < 0.05 in every mass bin."""


def paper_metrics(data_set: str, redshifts: tuple[float, float]) -> dict[str, float]:
    """What dA22 states of a data set and a redshift range, for the paper's selected networks.

    Args:
        data_set: one of `DATA_SETS`.
        redshifts: the range's edges.

    Returns:
        Numbers by the name of their counterpart among our metrics; empty where there are none.
    """
    if redshifts not in PAPER_BINS:
        return {}
    name = PAPER_BINS[redshifts]
    stated = {"relerr_half_width_relation": PAPER_RELATION_SCATTER}
    if data_set == "planck" and name != ALL_BINS:
        stated["members_passing_share"] = PAPER_PASSING_SHARE
    moments = PAPER_MOMENTS.get((data_set, name), {})
    stated |= {f"{key}_{SELECTED}": value for key, value in moments.items()}
    for suffix in CUTS:
        if (data_set, name, suffix) in PAPER_RELERR:
            middle, up, down, error = PAPER_RELERR[data_set, name, suffix]
            numbers = {
                "median": middle,
                "p16": middle - down,
                "p84": middle + up,
                "half_width": (up + down) / 2.0,
                "stderr": error,
            }
            stated |= {f"relerr_{key}_{SELECTED}{suffix}": v for key, v in numbers.items()}
    return {key: round(value, 6) for key, value in stated.items()}


def beside_paper(
    metrics: Mapping[str, float], data_set: str, redshifts: tuple[float, float]
) -> dict[str, float]:
    """Sorted metrics, each with the paper's number as `paper_...` where it states one."""
    stated = paper_metrics(data_set, redshifts)
    shown = {f"paper_{key}": value for key, value in stated.items() if key in metrics}
    return dict(sorted({**metrics, **shown}.items()))
