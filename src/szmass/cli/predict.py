"""`szmass predict`: masses of the clusters in a user's y-maps."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from szmass.cli.project import PARAMS, require_project
from szmass.predict.command import (
    CNN,
    OWN,
    RECORD_ENDING,
    RELEASE,
    WEIGHING,
    Answer,
    Wanted,
    predict,
    require_possible,
)

if TYPE_CHECKING:  # numpy
    from szmass.predict.masses import Weighed

HELP = "infer the masses of clusters in y-maps"
EXAMPLE = "szmass predict cutout.fits --redshift 0.3"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds where the maps are, and what is known of them."""
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="maps: .npy, FITS image, .zarr, .h5"
    )
    parser.add_argument("--redshift", metavar="Z", help="of the clusters in FILE")
    parser.add_argument(
        "--pixel-arcmin", type=float, metavar="P", help="side of a pixel, where a file lacks it"
    )
    parser.add_argument(
        "--table", type=Path, metavar="CSV", help="files to read: columns file, redshift[, name]"
    )
    parser.add_argument("--ymap", type=Path, metavar="FITS", help="full-sky y-map, with:")
    parser.add_argument("--catalogue", type=Path, metavar="FITS", help="clusters as in PSZ2")
    parser.add_argument(
        "--prior",
        help="psz2 (the default), flat in log10 M, training, mass-function, or a CSV table "
        "log10_msun,density[,redshift]; for weighing only",
    )
    parser.add_argument(
        "--gas",
        metavar="NAME",
        help="model of the gas, as in baryon_models, or all of them; for weighing only",
    )
    parser.add_argument(
        "--models",
        metavar="WHICH",
        help=f"{WEIGHING} (default), a record FILE{RECORD_ENDING}, or CNNs of the paper: {OWN} "
        f"(trained in this clone), {RELEASE}, {CNN} ({OWN} if there, else {RELEASE}), a folder, or "
        "NAME@ALIAS or NAME/VERSION of MLflow",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: Namespace) -> None:
    """Prints a table of masses; ends with what is wrong with maps that could not be used."""
    names = [field.name for field in fields(Wanted)]
    answer = _answer(Wanted(**{name: getattr(options, name) for name in names}))
    print(answer.as_json() if options.json else answer.as_text())
    if answer.problems:
        sys.exit("\n".join(["szmass: some maps could not be used:", *answer.problems]))


def _answer(wanted: Wanted) -> Answer | Weighed:
    if wanted.by_weighing:
        from szmass.predict.weighing import predict_by_weighing

        return predict_by_weighing(wanted)
    require_possible(wanted.models)
    require_project(f"predict --models {wanted.models}")
    from szmass.params import load

    return predict(wanted, load(PARAMS))
