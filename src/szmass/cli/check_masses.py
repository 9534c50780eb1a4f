"""`szmass check-masses`: is 1 - b of our masses that of another table?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path

from szmass.cli.project import PARAMS, UsageError

HELP = "compare the masses with those of another table: 1 - b, slope, scatter"
EXAMPLE = "szmass check-masses weak_lensing.csv --figure bias.png"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the tables, how they are matched, and what is printed."""
    parser.add_argument(
        "table", type=Path, metavar="TABLE", help="the other masses: FITS (HDU 1) or CSV"
    )
    parser.add_argument(
        "--masses", type=Path, metavar="FILE", help="ours; else the catalogue of the pipeline"
    )
    parser.add_argument(
        "--radius-arcmin", type=float, default=5.0, metavar="R", help="of a pair on the sky; 5"
    )
    parser.add_argument(
        "--max-dz", type=float, default=0.03, metavar="DZ", help="of a pair's redshifts; 0.03"
    )
    parser.add_argument("--mass-column", metavar="NAME", help="TABLE's masses, called unusually")
    parser.add_argument(
        "--mass-unit-msun", type=float, metavar="U", help="such as 1e14, where TABLE states none"
    )
    parser.add_argument(
        "--pivot-1e14", type=float, metavar="M", help="mass that 1 - b is for; else the median"
    )
    parser.add_argument(
        "--in-range", action="store_true", help="without the clusters that are out of range"
    )
    parser.add_argument(
        "--skip-bad-rows", action="store_true", help="leave out rows that cannot be used"
    )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="of the draws that give the intervals; 1"
    )
    parser.add_argument("--figure", type=Path, metavar="FILE", help="to write: .png or .pdf")
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def run(options: Namespace) -> None:
    """Prints the numbers, writes the figure, and ends with the rows that were left out."""
    from szmass.comparison.command import Wanted, check_masses

    options.masses = options.masses or _own_catalogue()
    if options.figure:
        from szmass.comparison.figure import DPI, draw
        from szmass.evaluation.pictures import require_format, save

        require_format(options.figure)
    names = [field.name for field in fields(Wanted)]
    answer = check_masses(Wanted(**{name: getattr(options, name) for name in names}), options.seed)
    print(answer.as_json() if options.json else answer.as_text())
    if options.figure:
        figure = draw(answer.ours, answer.theirs, answer.fit, options.table.stem)
        save(figure, options.figure, dpi=DPI)
        if not options.json:
            print(f"figure: {options.figure}")
    if answer.problems:
        print("\n".join(["szmass: rows left out:", *answer.problems]), file=sys.stderr)


def _own_catalogue() -> Path:
    """The catalogue of the pipeline in the current folder."""
    if not PARAMS.is_file():
        raise UsageError(f"expected --masses FILE: {Path.cwd()} has no pipeline with a catalogue")
    from szmass.params import load

    return load(PARAMS).paths["psz2_masses_fits"]
