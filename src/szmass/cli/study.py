"""`szmass study`: questions beside the pipeline, which `dvc repro` does not run."""

from __future__ import annotations

import subprocess
import sys
from argparse import ArgumentParser, Namespace

from szmass.cli.project import UsageError
from szmass.studies.listing import PIPELINE_FILE, STUDIES, description, study_folder, study_names

HELP = "run a study: what `dvc repro` leaves alone"
EXAMPLE = "szmass study leakage"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the study's name."""
    parser.add_argument("name", nargs="?", help="one of studies/*; without it they are listed")


def run(options: Namespace) -> None:
    """Lists the studies, or has DVC run the stages of one."""
    if options.name is None:
        for name in study_names(STUDIES):
            print(f"{name:16} {description(STUDIES / name)}")
        return
    pipeline = study_folder(STUDIES, options.name) / PIPELINE_FILE
    done = subprocess.run([sys.executable, "-m", "dvc", "repro", str(pipeline)], check=False)  # noqa: S603  # our own file
    if done.returncode:
        raise UsageError(f"{pipeline}: dvc repro ended with status {done.returncode}")
