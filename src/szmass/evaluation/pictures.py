"""Pictures for articles: PNG in a journal's resolution, or PDF, named by a person."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from szmass.errors import SzmassError
from szmass.files import replacing_file

mpl.use("agg")  # a command has no window
plt.style.use(Path(__file__).with_name("charts.mplstyle"))

FORMATS = (".png", ".pdf")
NO_DATES = {"png": {"Software": None}, "pdf": {"CreationDate": None, "Producer": None}}


def require_format(path: Path) -> None:
    """Requires that a picture can be written under this name.

    Raises:
        SzmassError: it ends in none of `FORMATS`.
    """
    if path.suffix.lower() not in FORMATS:
        raise SzmassError(f"{path}: expected a name that ends in {' or '.join(FORMATS)}")


def save(figure: Figure, path: Path, *, dpi: int) -> None:
    """Writes a picture, the same bytes for the same figure, and closes the figure."""
    kind = path.suffix.lower().removeprefix(".")
    with replacing_file(path) as unfinished:
        figure.savefig(unfinished, format=kind, dpi=dpi, metadata=NO_DATES[kind])
    plt.close(figure)
