"""The figure of a comparison of masses, in a journal's resolution or as vectors."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from szmass.comparison.fit import MassFit
from szmass.comparison.tables import MassTable
from szmass.evaluation.charts import log_mass_axis
from szmass.units import MASS_UNIT_MSUN

SIZE_INCHES = (3.5, 4.9)
"""A journal's column wide."""
DPI = 300
MARGIN = 1.15


def draw(ours: MassTable, theirs: MassTable, fit: MassFit, label: str) -> Figure:
    """Masses against reference masses above, their ratio below, with the line and its 68 % band.

    Args:
        ours: the matched clusters.
        theirs: the same, in the same order.
        fit: of the line.
        label: of the reference masses.
    """
    figure, (above, below) = plt.subplots(
        2, 1, figsize=SIZE_INCHES, sharex=True, height_ratios=(2, 1), layout="constrained"
    )
    x, y = (table.mass_msun / MASS_UNIT_MSUN for table in (theirs, ours))
    x_bars, y_bars = (
        np.abs(np.array([table.low_msun, table.up_msun]) - table.mass_msun) / MASS_UNIT_MSUN
        for table in (theirs, ours)
    )
    ends = theirs.low_msun.min() / MARGIN, theirs.up_msun.max() * MARGIN
    reference_msun = np.geomspace(*ends, 100)
    axis = reference_msun / MASS_UNIT_MSUN
    line, low, high = fit.line_msun(reference_msun) / MASS_UNIT_MSUN
    bars = {"fmt": "o", "ms": 2.5, "lw": 0.5, "color": "0.35", "ecolor": "0.65", "zorder": 1}
    above.errorbar(x, y, xerr=x_bars, yerr=y_bars, **bars)
    below.errorbar(x, y / x, xerr=x_bars, yerr=y_bars / x, **bars)
    for panel, over in ((above, 1.0), (below, axis)):
        panel.plot(axis, axis / over, "--", lw=0.8, color="k", label="equal")
        panel.plot(axis, line / over, lw=1.2, color="C0", label=_in_words(fit))
        panel.fill_between(axis, low / over, high / over, color="C0", alpha=0.3, lw=0, zorder=2)
    above.legend(fontsize=6.5, loc="upper left")
    if ours.sky:
        above.set_title(f"szmass, {ours.sky}", fontsize=8)
    log_mass_axis(above.yaxis, r"$M_{500}$ by szmass")
    log_mass_axis(below.xaxis, "$M_{500}$, " + label.replace("$", r"\$"))
    below.set(ylabel="ratio", yscale="log", xlim=(axis[0], axis[-1]))
    below.yaxis.set_major_formatter("{x:g}")
    below.yaxis.set_minor_formatter("{x:g}")
    for panel in (above, below):
        panel.tick_params(labelsize=7, which="both")
        panel.xaxis.label.set_size(8)
        panel.yaxis.label.set_size(8)
    return figure


def _in_words(fit: MassFit) -> str:
    """The line's numbers, for the legend."""
    lines = []
    for name, label in (
        ("one_minus_b", f"1 - b at {fit.pivot_msun / MASS_UNIT_MSUN:g}e14 Msun:"),
        ("slope", "slope:"),
        ("scatter_ln_mass", "scatter in ln M:"),
    ):
        number = fit.estimates[name]
        up, down = number.p84 - number.median, number.median - number.p16
        lines.append(f"{label} ${number.median:.2f}^{{+{up:.2f}}}_{{-{down:.2f}}}$")
    return "\n".join(lines)
