"""`szmass compare`: addresses of MLflow's pages that show runs side by side."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

HELP = "MLflow's page that compares runs of a stage"
EXAMPLE = "szmass compare train_mresunet"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds which runs."""
    parser.add_argument("stage", nargs="?", default="", help="without it, stages are listed")
    parser.add_argument(
        "experiments", nargs="*", help="DVC experiments; without them, the newest runs"
    )


def run(options: Namespace) -> None:
    """Lists the stages that have runs, or prints the addresses for one of them."""
    from szmass.tracking import compare, list_stages

    if not options.stage:
        print(list_stages())
        return
    print(compare(options.stage, options.experiments).as_text())
