"""`szmass report`: all figures and tables of both papers on one page."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from szmass.cli.project import PARAMS
from szmass.params import load

HELP = "write the report with all figures and tables"
EXAMPLE = "szmass report"


def add_arguments(parser: ArgumentParser) -> None:
    """It has none."""


def run(_options: Namespace) -> None:
    """Writes the page and prints its address, for a browser."""
    from szmass.report.page import write_report

    paths = load(PARAMS).paths
    inputs = ("results", "microwave_verdict", "compton_verdict")
    write_report(paths["report_page"], **{name: paths[name] for name in inputs})
    print(paths["report_page"].resolve().as_uri())
