"""`szmass summary`: the results in tables, and what to type next."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from szmass.cli.project import PARAMS, UsageError

HELP = "print the results, and what to type next"
EXAMPLE = "szmass summary"
RESULTS_PAGE = Path("docs/results.md")
RESULTS = {  # a table's path: the stage that writes it
    "weighing_table": "evaluate_weighing",
    "microwave_table": "evaluate_mresunet",
    "psz2_table": "infer_psz2",
}
IN_THE_PAGE = {
    **RESULTS,
    "weighing_microwave_table": "weigh_microwave",
    "compton_table": "evaluate_cnn",
    "differences_table": "summarise",
}

STUDIES_IN_THE_PAGE = {"paper_recipe": Path("studies/paper_recipe/table.md")}
"""Tables of studies that the page has too, once they were run."""


def add_arguments(parser: ArgumentParser) -> None:
    """Adds where the tables go to."""
    parser.add_argument(
        "--docs", action="store_true", help=f"write the tables into {RESULTS_PAGE} instead"
    )


def run(options: Namespace) -> None:
    """Prints the tables that are there, or writes them into the page of results."""
    from szmass.params import load

    paths = load(PARAMS).paths
    shown = IN_THE_PAGE if options.docs else RESULTS
    there = {key: paths[key] for key in shown if paths[key].is_file()}
    missing = [f"{paths[key]}: dvc repro {shown[key]}" for key in shown if key not in there]
    if not there or (options.docs and missing):
        raise UsageError("\n".join(["not there yet; made by:", *missing]))
    tables = {key: path.read_text().strip() for key, path in there.items()}
    if options.docs:
        studies = {
            key: path.read_text().strip()
            for key, path in STUDIES_IN_THE_PAGE.items()
            if path.is_file()
        }
        RESULTS_PAGE.write_text(_with_tables(RESULTS_PAGE.read_text(), tables | studies))
        return
    database, server = Path.cwd() / "mlflow.db", os.environ.get("MLFLOW_TRACKING_URI")
    command = f"mlflow ui --backend-store-uri sqlite:///{database}"
    print(
        "\n\n".join(tables.values()) + "\n\n"
        f"report     {_place(paths['report_page'])}\n"
        f"figures    {_place(paths['microwave_figures'].parent, '/')}\n"
        f"tables     {paths['microwave_table'].parent}/*_table.md\n"
        f"masses     {_place(paths['psz2_masses_csv'])}\n"
        f"metrics    dvc metrics show\n"
        f"runs       {'at MLFLOW_TRACKING_URI' if server else command}\n"
        f"next       dvc exp run -S mresunet.learning_rate=3e-3"
    )
    if missing:
        print("missing    " + "\n           ".join(missing))
    if server or database.exists():
        print(f"\n{_pages()}")


def _pages() -> str:
    """MLflow's pages of each line of work; of a server that is away, the error."""
    from szmass.tracking import TrackingError, pages_in_words

    try:
        return f"pages of MLflow, once its server runs:\n{pages_in_words()}"
    except TrackingError as error:  # the tables above are complete without them
        return f"pages of MLflow: {error}"


def _place(path: Path, ending: str = "") -> str:
    """Where a result is, or will be."""
    return f"{path}{ending}" + ("" if path.exists() else "  (not there yet: make repro)")


def _with_tables(text: str, tables: Mapping[str, str]) -> str:
    """A page with each table between the comments that bear its name."""
    for name, table in tables.items():
        place = re.compile(rf"(<!-- {name} -->\n).*(<!-- /{name} -->)", re.DOTALL)
        escaped = table.replace("\\", r"\\")
        text, found = place.subn(rf"\g<1>\n{escaped}\n\n\g<2>", text)
        if not found:
            raise UsageError(
                f"{RESULTS_PAGE}: expected the lines <!-- {name} --> and <!-- /{name} -->"
            )
    return text
