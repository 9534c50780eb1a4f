"""What the stages wrote, as the report shows it: numbers, tables and figures."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from szmass.errors import SzmassError
from szmass.report.exhibits import Arms, Exhibit, Numbers, Part, Row, Table

Metrics = Mapping[str, float]
ABSENT = "-"
STUDIES = Path("studies")
"""Folder of the studies, whose results are shown where they were run."""
WIDEST_PIXELS = 1600
"""A wider figure is scaled down to this, so that the page stays light."""
BROAD_PIXELS = 1300
"""A figure from here on takes the page's whole width, or its letters would be too small."""


class ReportError(SzmassError):
    """The report lacks something, or cannot read it."""


@dataclass(frozen=True)
class Grid:
    """A table of text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Image:
    """A picture within the page."""

    caption: str
    uri: str
    width: int
    height: int

    @property
    def is_broad(self) -> bool:
        """Whether it takes the page's whole width."""
        return self.width >= BROAD_PIXELS


def files_of(parts: Sequence[Part]) -> Iterator[str]:
    """Every file that these parts need, within the folder of results."""
    for exhibit in (exhibit for part in parts for exhibit in part.exhibits):
        yield from exhibit.figures
        yield from (table.file for table in exhibit.tables)
        yield from (
            metrics_file(place) for numbers in exhibit.numbers for place in numbers.columns.values()
        )


def images(exhibit: Exhibit, folder: Path) -> list[Image]:
    """The figures of an exhibit."""
    return [image(folder / file, caption) for file, caption in exhibit.figures.items()]


def image(path: Path, caption: str) -> Image:
    """A PNG file as a data URI, scaled down where it is wide.

    Raises:
        ReportError: the file is no image.
    """
    from PIL import Image as Picture

    content = path.read_bytes()
    try:
        with Picture.open(io.BytesIO(content), formats=["PNG"]) as picture:
            width, height = picture.size
            if width > WIDEST_PIXELS:
                width, height = WIDEST_PIXELS, round(height * WIDEST_PIXELS / width)
                smaller = io.BytesIO()
                picture.resize((width, height)).save(smaller, "PNG", optimize=True)
                content = smaller.getvalue()
    except OSError as error:
        raise ReportError(f"{path}: expected a PNG image: {error}") from error
    text = base64.b64encode(content).decode("ascii")
    return Image(caption, f"data:image/png;base64,{text}", width, height)


def grid(numbers: Numbers, folder: Path) -> Grid:
    """Our numbers by column, and the paper's beside them."""
    columns = [
        read_metrics(folder / metrics_file(place), place) for place in numbers.columns.values()
    ]
    rows = []
    for row in numbers.rows:
        cells = [shown(metrics, row) for metrics in columns]
        rows.append([row.label, *cells, shown(columns[0], row, "paper_")])
    return Grid(["", *numbers.columns, "paper"], rows)


def shown(metrics: Metrics, row: Row | Arms, prefix: str = "") -> str:
    """A number with its error, or a median with its arms; `ABSENT` where it is not known."""
    if isinstance(row, Arms):
        return _arms(metrics, row, prefix)
    key = f"{prefix}{row.metric}"
    if key not in metrics:
        return ABSENT
    error = metrics.get(f"{key}_err")
    value = format(metrics[key], row.form)
    return value if error is None else f"{value} ± {format(error, row.form)}"


def _arms(metrics: Metrics, row: Arms, prefix: str) -> str:
    keys = [f"{prefix}relerr_{name}_{row.metric}" for name in ("median", "p84", "p16")]
    if any(key not in metrics for key in keys):
        return ABSENT
    middle, high, low = (metrics[key] for key in keys)
    return f"{middle:+.2f} +{high - middle:.2f} -{middle - low:.2f}"


def metrics_file(place: str) -> str:
    """The file that a place in the metrics is in, such as `cnn.json` for `cnn.planck.all`."""
    return f"{place.partition('.')[0]}.json"


def read_metrics(path: Path, place: str) -> Metrics:
    """The numbers at a place in the metrics.

    Args:
        path: of the file.
        place: the file's name and the keys within it, such as `cnn.planck.all`.

    Raises:
        ReportError: there is no flat object of numbers at this place.
    """
    try:
        values = json.loads(path.read_text())
    except ValueError as error:
        raise ReportError(f"{path}: cannot be read as JSON: {error}") from error
    _, *keys = place.split(".")
    for number, key in enumerate(keys, start=1):
        values = values.get(key) if isinstance(values, dict) else None
        if not isinstance(values, dict):
            raise ReportError(f"{path}: {'.'.join(keys[:number])}: expected an object of numbers")
    for key, value in values.items():
        if not isinstance(value, int | float):
            raise ReportError(f"{path}: {key} = {value!r}: expected a number")
    return dict(values)


def markdown_of(table: Table, folder: Path) -> str:
    """A table in Markdown, after the paragraph that explains it.

    Raises:
        ReportError: the file holds no such table.
    """
    path = folder / table.file
    blocks = path.read_text().strip().split("\n\n")
    before = ""
    for block in blocks:
        if block.startswith("|") and table.about in " ".join(before.split()):
            return f"{before}\n\n{block}\n"
        before = block
    raise ReportError(f"{path}: expected a table about {table.about!r}")
