"""Table and figures of the masses by weighing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from szmass.evaluation.charts import log_mass_axis, save
from szmass.evaluation.tables import markdown_table
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.judgement.gate import BANDS, Check, coverage, in_words
from szmass.weighing.judgement.judged import Calibration, Judged
from szmass.weighing.judgement.metrics import Tail

Metrics = Mapping[str, Mapping[str, Mapping[str, float]]]
"""By data set and redshift bin."""
HALF_WIDTHS = """\
Half-width of b = (M - M_true) / M on simulated Planck maps by estimator. The row `told` says what
each is told besides the map; the CNNs know the redshift bin."""
DATA_SETS = """\
Weighing by data set, all redshifts: median of b, half-width, scatter of log10 M, and the share of
true masses in the 68 and 95 % intervals: for one gas (stat.), and including the gas's uncertainty
(total). Clusters of another gas are weighed by their own relation. The prior of the gas was made
with `gadget_x`, so `planck gadget x` are the maps of `planck` with another one, made from
observations alone. The stand-in sky is also weighed with twice the point sources, and with a
scatter of Y. `flagged` is the share of maps with a flag."""
TAILS = """\
Heavy clusters of the simulated Planck maps: coverage found, and coverage expected from the
posteriors, with its standard deviation. Of clusters with a high true mass, intervals contain fewer
than stated; of clusters with a high estimated mass, the stated share."""
JUDGED = "on test clusters used for nothing else, and on simulated\nPlanck maps"
STAND_IN = "stand_in"
BRIGHTENED, HALVES = "planck_brightened", "half_differences"
SHARES = np.linspace(0.0, 1.0, 51)
MASS_BINS = 12


def tables(
    metrics: Metrics, labels: Mapping[str, str], checks: Sequence[Check], tails: Sequence[Tail]
) -> str:
    """The tables of `docs/results.md`."""
    planck = metrics["planck"]
    header = ["redshift", "maps", "weighing", "matched filter", "CNN posterior", "CNN ensemble"]
    told = ["told", "", "z, gas relation", "z, gas relation", "-", "-"]
    rows = [
        [
            labels[name],
            f"{values['maps']:.0f}",
            f"{values['relerr_half_width']:.3f}",
            *(
                f"{values[f'{other}_relerr_half_width']:.3f}"
                for other in ("matched_filter", "cnn_posterior", "cnn")
            ),
        ]
        for name, values in planck.items()
    ]
    blocks = [
        HALF_WIDTHS,
        markdown_table(header, [told, *rows]).strip(),
        DATA_SETS,
        _by_data_set(metrics).strip(),
        "Simulated Planck maps by redshift.",
        _by_bin(planck, labels).strip(),
        TAILS,
        _by_tail(tails).strip(),
        *([_noise_in_words(metrics[HALVES]["all"])] if HALVES in metrics else []),
        in_words(checks, JUDGED),
    ]
    return "\n\n".join(blocks) + "\n"


def _row(values: Mapping[str, float]) -> list[str]:
    return [
        f"{values['maps']:.0f}",
        f"{values['relerr_median']:+.3f}",
        f"{values['relerr_half_width']:.3f}",
        f"{values['scatter_dex']:.4f}",
        f"{values['coverage_68']:.3f}",
        f"{values['coverage_95']:.3f}",
        f"{values['coverage_68_total']:.3f}",
        f"{values['coverage_95_total']:.3f}",
        f"{values['flagged_share']:.3f}",
    ]


COLUMNS = [
    "maps", "median", "half-width", "dex", "68 % stat.", "95 % stat.", "68 % total", "95 % total",
    "flagged",
]  # fmt: skip


def _by_data_set(metrics: Metrics) -> str:
    rows = [
        [name.replace("_", " "), *_row(by_bin["all"])]
        for name, by_bin in metrics.items()
        if "relerr_median" in by_bin.get("all", {})
    ]
    return markdown_table(["clusters", *COLUMNS], rows)


def _by_bin(by_bin: Mapping[str, Mapping[str, float]], labels: Mapping[str, str]) -> str:
    rows = [[labels[name], *_row(values)] for name, values in by_bin.items()]
    return markdown_table(["redshift", *COLUMNS], rows)


def _by_tail(tails: Sequence[Tail]) -> str:
    header = ["clusters", "maps"]
    for level in BANDS:
        header += [f"{100 * level:.0f} % found", "expected"]
    rows = []
    for tail in tails:
        row = [tail.words]
        for one in tail.coverage.values():
            row += [] if len(row) > 1 else [f"{one.clusters}"]
            row += [f"{one.found:.3f}", f"{one.expected:.3f} +- {one.error:.3f}"]
        rows.append(row)
    return markdown_table(header, rows)


def _noise_in_words(values: Mapping[str, float]) -> str:
    return (
        f"Half the difference of the y-map's two halves, at {values['maps']:.0f} clusters of PSZ2, "
        f"is pure noise. Its rms\nin the filters is {values['noise_ratio_own_level']:.3f} of that "
        f"expected from its own level, and {values['noise_ratio']:.3f} of that expected\n"
        "from the level measured in the maps, which sources and clusters raise."
    )


def coverage_curves(judged: Sequence[Judged]) -> pd.DataFrame:
    """The share of true masses within central intervals, minus their probability, by data set."""
    columns = {one.data_set: coverage_excess(one.rank) for one in judged}
    return pd.DataFrame({"probability": SHARES} | columns)


def by_mass(judged: Judged) -> pd.DataFrame:
    """Percentiles of b in at most `MASS_BINS` bins of true mass with equal numbers of clusters."""
    order = np.argsort(judged.truth_msun, kind="stable")
    error = 1.0 - judged.truth_msun / judged.masses["m500_msun"]
    rows = []
    for part in np.array_split(order, min(MASS_BINS, len(order))):
        low, middle, high = np.percentile(error[part], [16, 50, 84])
        mass_1e14 = np.median(judged.truth_msun[part]) / MASS_UNIT_MSUN
        rows.append((mass_1e14, len(part), low, middle, high))
    names = ["m500_1e14_msun", "maps", "relerr_p16", "relerr_median", "relerr_p84"]
    return pd.DataFrame(rows, columns=names)


def coverage_excess(ranks: np.ndarray) -> np.ndarray:
    """Coverage at each of `SHARES`, minus the share."""
    return np.array([coverage(ranks, share) for share in SHARES]) - SHARES


def draw(
    folder: Path, judged: Sequence[Judged], calibration: Calibration, labels: Mapping[str, str]
) -> None:
    """Writes the figures: masses found against true ones, and coverage against what is said."""
    folder.mkdir(parents=True, exist_ok=True)
    planck = next(one for one in judged if one.data_set == "planck")
    save(_masses(planck, labels["all"]), folder / "masses.png")
    save(_coverage(judged, calibration), folder / "coverage.png")


def _masses(judged: Judged, title: str) -> Figure:
    figure, axes = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
    truth, found = (
        values / MASS_UNIT_MSUN for values in (judged.truth_msun, judged.masses["m500_msun"])
    )
    points = axes.scatter(truth, found, c=judged.redshift, s=3, lw=0)
    ends = np.array([truth.min(), truth.max()])
    axes.plot(ends, ends, "k-", lw=0.8)
    log_mass_axis(axes.xaxis, r"true $M_{500\mathrm{c}}$")
    log_mass_axis(axes.yaxis, r"$M_{500\mathrm{c}}$ by weighing")
    axes.set_title(f"simulated Planck maps, {title}")
    figure.colorbar(points, label="redshift")
    return figure


def _coverage(judged: Sequence[Judged], calibration: Calibration) -> Figure:
    """Simulated maps on the left, the stand-in skies, if there are any, on the right."""
    simulated = {"drawn as in training": calibration.rank}
    stand_in: dict[str, np.ndarray] = {}
    for one in judged:
        where = stand_in if one.data_set.startswith(STAND_IN) else simulated
        where[one.data_set.replace("_", " ")] = one.rank
    panels = [simulated, *([stand_in] if stand_in else [])]
    figure, axes = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4.2), layout="constrained", squeeze=False
    )
    for panel, curves in zip(axes[0], panels, strict=True):
        for number, (name, ranks) in enumerate(curves.items()):
            label = f"{name}, {len(ranks)} clusters"
            style = {"color": f"C{number % 7}", "ls": "--" if number >= 7 else "-"}
            panel.plot(SHARES, coverage_excess(ranks), label=label, **style)
        fewest = min(len(ranks) for ranks in curves.values())
        error = 2.0 * np.sqrt(SHARES * (1.0 - SHARES) / fewest)
        panel.fill_between(SHARES, -error, error, color="0.9", lw=0)
        panel.axhline(0.0, color="k", lw=0.6)
        panel.set(xlabel="probability of the central interval", xlim=(0.0, 1.0))
        panel.legend(fontsize=7.5)
    axes[0, 0].set_ylabel("share of true masses within it, minus the probability")
    return figure
