"""How charts are drawn and written: the same files for the same numbers, in one style."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import LogLocator, NullFormatter

from szmass.files import replacing_file
from szmass.sky.grid import PixelGrid

mpl.use("agg")  # a stage has no window
plt.style.use(Path(__file__).with_name("charts.mplstyle"))

SKY_COLOURS = "RdBu_r"
SIGNAL_COLOURS = "viridis"
MASS_UNIT = r"$10^{14}\,M_\odot$"
"""The unit of mass axes, in TeX."""
TEX_AT_MOST = r"\leq"
LIGHTEST = 0.88
"""End of the colours for ordered bins: the yellow beyond it is too light for a line."""


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG, and a PDF beside it, the same bytes for the same figure; closes the figure."""
    figure.set_dpi(130)
    with replacing_file(path) as unfinished:
        # `savefig` would draw it twice, for the sake of formats that need it
        FigureCanvasAgg(figure).print_png(unfinished, metadata={"Software": None})
    with replacing_file(path.with_suffix(".pdf")) as unfinished:
        metadata = {"CreationDate": None, "Producer": None, "Creator": None}
        figure.savefig(unfinished, format="pdf", metadata=metadata)
    plt.close(figure)


def ordered_colours(count: int) -> list[tuple[float, float, float, float]]:
    """A colour for each of some bins in their order, such as redshift bins from near to far."""
    colours = plt.get_cmap("viridis")
    return [colours(LIGHTEST * place / max(count - 1, 1)) for place in range(count)]


def typeset(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels of redshift bins, such as `0.1 < z <= 0.2`, as an article has them."""
    return {name: f"${label.replace('<=', TEX_AT_MOST)}$" for name, label in labels.items()}


def with_unit(symbol: str, *, unit: str = MASS_UNIT) -> str:
    """The label of an axis, such as of a mass in 1e14 Msun."""
    return f"{symbol} [{unit}]"


def sky_image(
    axes: Axes, image: np.ndarray, grid: PixelGrid, colours: str, limits: tuple[float, float]
) -> AxesImage:
    """Draws a map in arcmin from its centre."""
    half = grid.pixels * grid.pixel_arcmin / 2.0
    low, high = limits
    return axes.imshow(
        image, extent=(-half, half, -half, half), cmap=colours, vmin=low, vmax=high, origin="lower"
    )


def log_mass_axis(axis: XAxis | YAxis, symbol: str) -> None:
    """Makes an axis of masses in 1e14 Msun logarithmic, with plain numbers at 1, 2, 3 and 5.

    Call it when all is drawn: panels that share the axis share its ticks.
    """
    axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 3.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
    axis.set_label_text(with_unit(symbol))
