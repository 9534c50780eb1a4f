"""`szmass predict`: masses of the clusters in a user's y-maps."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from szmass.cli.project import PARAMS
from szmass.predict.command import OWN, RELEASE, WEIGHING, Answer, Wanted, predict

if TYPE_CHECKING:  # numpy and pydantic
    from szmass.params import Params
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
        help="training (the default), flat in log10 M, or a CSV table log10_msun,density; of "
        f"{WEIGHING}: psz2 (the default), flat, training, mass-function, or a table (there the "
        "density may have a column redshift)",
    )
    parser.add_argument(
        "--gas",
        metavar="NAME",
        help=f"of {WEIGHING}: model of the gas, as in baryon_models, or all",
    )
    parser.add_argument(
        "--models",
        metavar="WHICH",
        help=f"{WEIGHING}: recommended where `dvc repro train_weighing` has run; {OWN}: of this "
        f"pipeline (the default where it has run); {RELEASE}: those that came with it; or of "
        "MLflow's registry, as cnn-ensemble@best or cnn-ensemble/3",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: Namespace) -> None:
    """Prints a table of masses; ends with what is wrong with maps that could not be used."""
    from szmass.params import load

    names = [field.name for field in fields(Wanted)]
    wanted = Wanted(**{name: getattr(options, name) for name in names})
    answer = _answer(wanted, load(PARAMS))
    print(answer.as_json() if options.json else answer.as_text())
    if answer.problems:
        sys.exit("\n".join(["szmass: some maps could not be used:", *answer.problems]))


def _answer(wanted: Wanted, params: Params) -> Answer | Weighed:
    if wanted.models != WEIGHING:
        return predict(wanted, params)
    from szmass.predict.weighing import predict_by_weighing

    return predict_by_weighing(wanted, params)
