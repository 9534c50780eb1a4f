"""How charts are drawn and written: PNG files that are the same for the same numbers."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from szmass.files import replacing_file

mpl.use("agg")  # a stage has no window

SKY_COLOURS = "RdBu_r"
SIGNAL_COLOURS = "viridis"


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, the same bytes for the same figure, and closes the figure."""
    figure.set_dpi(130)
    with replacing_file(path) as unfinished:
        # `savefig` would draw it twice, for the sake of formats that need it
        FigureCanvasAgg(figure).print_png(unfinished, metadata={"Software": None})
    plt.close(figure)


def log_mass_axis(axis: XAxis | YAxis, name: str) -> None:
    """Makes an axis of masses in 1e14 Msun logarithmic, with plain numbers at 1, 2, 3 and 5.

    Call it when all is drawn: panels that share the axis share its ticks.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(f"{name} [1e14 Msun]")
