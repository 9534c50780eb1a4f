"""`szmass import-maps`: clusters of one's own simulation, to train a survey with."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "import y-maps of simulated clusters, which `szmass survey train` takes for its own"
EXAMPLE = "szmass import-maps simulated.csv --out simulated.zarr"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the table and the store."""
    parser.add_argument(
        "table",
        type=Path,
        metavar="CSV",
        help="columns file, m500c_msun, redshift, cluster[, projection, partition]; the files are "
        "y-maps without noise and beam, with the cluster at the centre",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="ZARR", help="store that is written"
    )


def run(options: Namespace) -> None:
    """Imports what can be; ends with what is wrong with the others."""
    from szmass.sky.cosmology import Cosmology
    from szmass.surveys.imported import import_maps
    from szmass.surveys.shipped import default_params

    made, problems = import_maps(options.table, options.out, Cosmology.of(default_params().compton))
    print(made)
    print(f"next: clusters: {options.out} in surveys/NAME.yaml, then szmass survey train NAME")
    if problems:
        sys.exit("\n".join(["szmass: some maps could not be imported:", *problems]))
