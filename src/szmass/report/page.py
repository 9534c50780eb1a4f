"""The report as one HTML page that loads nothing: pictures and style lie within it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import szmass
from szmass.files import write_text
from szmass.provenance import locked_stages
from szmass.report import record
from szmass.report.beyond import BEYOND, HEADLINES
from szmass.report.compton import COMPTON
from szmass.report.differences import reason
from szmass.report.downloads import Download, as_csv, rows_of_markdown
from szmass.report.exhibits import Arms, Exhibit, Numbers, Part, Row
from szmass.report.marks import Agreement, agreement
from szmass.report.microwave import MICROWAVE
from szmass.report.results import (
    STUDIES,
    Grid,
    Metrics,
    ReportError,
    files_of,
    grid,
    image,
    images,
    markdown_of,
    metrics_file,
    read_metrics,
    shown,
)
from szmass.report.weighing import WEIGHING, WEIGHING_HEADLINES

PARTS = (WEIGHING, MICROWAVE, COMPTON, BEYOND)
TOP = (*WEIGHING_HEADLINES, *HEADLINES)
STAGE = "report"
MOST_BYTES = 10_000_000
"""A page beyond this opens slowly."""
TEMPLATE = "page.html.jinja"


def write_report(
    page: Path, *, results: Path, microwave_verdict: Path, compton_verdict: Path
) -> None:
    """Writes the page; an older one stays until the new one is whole.

    Args:
        page: the file to write.
        results: folder of metrics, tables and figures.
        microwave_verdict: of the validation of this line's maps.
        compton_verdict: the same.

    Raises:
        ReportError: an input is missing or cannot be read, or the page would be too large.
    """
    headline_files = (metrics_file(headline.metrics) for headline in TOP)
    files = [results / file for file in (*files_of(PARTS), *headline_files)]
    verdicts = {"microwave line": microwave_verdict, "Compton line": compton_verdict}
    record.require([*dict.fromkeys(files), *verdicts.values()])
    content = _render(_context(results, verdicts))
    size = len(content.encode())
    if size > MOST_BYTES:
        raise ReportError(
            f"{page}: {size} bytes: expected at most {MOST_BYTES}; see the largest of "
            f"{results}/figures and {STUDIES}/*/figures"
        )
    write_text(page, content)


def _render(context: Mapping[str, Any]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = lambda text: Markup(  # noqa: S704  # markdown escapes HTML
        markdown.render(text.replace("+-", "±"))
    )
    environment.filters["inline"] = lambda text: Markup(markdown.renderInline(text))  # noqa: S704
    return environment.get_template(TEMPLATE).render(context)


def _context(results: Path, verdicts: Mapping[str, Path]) -> dict[str, Any]:
    lock = locked_stages()
    return {
        "version": szmass.__version__,
        "headlines": [
            {
                "place": headline.place,
                "label": headline.row.label,
                "ours": shown(metrics, headline.row),
                "paper": shown(metrics, headline.row, "paper_"),
                "agreement": _agreement(metrics, headline.metrics, headline.row),
            }
            for headline in TOP
            for metrics in [
                read_metrics(results / metrics_file(headline.metrics), headline.metrics)
            ]
        ],
        "parts": [_part(part, results) for part in PARTS],
        "settings": record.settings(lock),
        "versions": record.versions(lock, but=STAGE),
        "verdicts": {name: _verdict(path) for name, path in verdicts.items()},
    }


def _agreement(metrics: Metrics, place: str, row: Row | Arms) -> Agreement | None:
    """The mark of a number at a place in the metrics."""
    return agreement(metrics, row, reason(place, row.compared[0]))


def _part(part: Part, results: Path) -> dict[str, Any]:
    exhibits = [_exhibit(exhibit, results, part.anchor(exhibit)) for exhibit in part.exhibits]
    return {"part": part, "exhibits": exhibits}


def _exhibit(exhibit: Exhibit, results: Path, anchor: str) -> dict[str, Any]:
    grids = [_grid(numbers, results) for numbers in exhibit.numbers]
    tables = [markdown_of(table, results) for table in exhibit.tables]
    study = read_study(exhibit.study) if exhibit.study else None
    as_text: list[Sequence[Sequence[str]]] = [[grid.header, *grid.rows] for grid, _ in grids]
    for text in (*tables, study.table if study else ""):
        as_text += rows_of_markdown(text)
    return {
        "exhibit": exhibit,
        "anchor": anchor,
        "images": images(exhibit, results),
        "grids": grids,
        "tables": tables,
        "downloads": _downloads(anchor, as_text),
        "study": study,
    }


def _grid(numbers: Numbers, results: Path) -> tuple[Grid, list[Agreement | None]]:
    """A table of numbers, and the marks of its rows, by the first column."""
    place = next(iter(numbers.columns.values()))
    metrics = read_metrics(results / metrics_file(place), place)
    marks = [_agreement(metrics, place, row) for row in numbers.rows]
    return grid(numbers, results), marks


def _downloads(anchor: str, tables: Sequence[Sequence[Sequence[str]]]) -> list[Download]:
    """The tables of an exhibit as files that bear its name."""
    return [
        as_csv(anchor if len(tables) == 1 else f"{anchor}-{number}", rows)
        for number, rows in enumerate(tables, start=1)
    ]


@dataclass(frozen=True)
class Study:
    """What a study has written, if it was run."""

    name: str
    images: list[Any]
    table: str

    @property
    def was_run(self) -> bool:
        """Whether there is anything to show."""
        return bool(self.images or self.table)

    @property
    def command(self) -> str:
        """What makes it."""
        return f"dvc repro {STUDIES}/{self.name}/dvc.yaml"


def read_study(name: str) -> Study:
    """The figures and the table of `studies/<name>`, where they exist."""
    folder = STUDIES / name
    table = folder / "table.md"
    return Study(
        name,
        [
            image(path, path.stem.replace("_", " "))
            for path in sorted((folder / "figures").glob("*.png"), key=_numbered)
        ],
        table.read_text() if table.is_file() else "",
    )


def _numbered(path: Path) -> list[tuple[str, int]]:
    """Sorts names as a person does, 9 before 10."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", path.stem)]


def _verdict(path: Path) -> dict[str, Any]:
    try:
        verdict = json.loads(path.read_text())
        results = [
            {
                "table": result["table"],
                "name": result["name"],
                "expected": _range(result["expected"]),
                "observed": _range(result["observed"]),
                "outcome": "holds" if result["success"] else "fails",
            }
            for result in verdict["results"]
        ]
        return {"failed": sum(row["outcome"] == "fails" for row in results), "results": results}
    except (ValueError, KeyError, TypeError) as error:
        raise ReportError(f"{path}: cannot be read as a verdict: {error!r}") from error


def _range(value: object) -> str:
    """A range, or whatever stands in its place, for a person."""
    return " to ".join(map(str, value)) if isinstance(value, list) else str(value)
