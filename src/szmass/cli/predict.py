"""`szmass predict`: masses of the clusters in a user's y-maps."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from szmass.cli.project import PARAMS, require_project
from szmass.errors import MissingExtraError
from szmass.predict.cnn import CNN, OWN, RELEASE, Answer, predict, require_possible
from szmass.predict.command import RECORD_ENDING, WEIGHING, NoUsableMapError, UsableMaps, Wanted
from szmass.predict.mresunet import (
    MRESUNET,
    MresunetAnswer,
    is_mresunet,
    predict_by_mresunet,
)

if TYPE_CHECKING:  # numpy
    from szmass.predict.masses import Weighed

HELP = "infer the masses of clusters in y-maps"
EXAMPLE = "szmass predict cutout.fits --redshift 0.3 --plot cutout.png --out masses.fits"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds where the maps are, and what is known of them."""
    parser.add_argument(
        "files",
        nargs="*",
        type=Path,
        metavar="FILE",
        help="maps: FITS image, .npy, .h5, .zarr, or a folder of these",
    )
    parser.add_argument(
        "--example",
        action="store_true",
        help="weigh a simulated cluster that szmass brings, and draw it: example.fits, example.png",
    )
    parser.add_argument("--redshift", metavar="Z", help="of the clusters in FILE")
    parser.add_argument(
        "--pixel-arcmin", type=float, metavar="P", help="side of a pixel, where a file lacks it"
    )
    parser.add_argument(
        "--hdu", metavar="N|NAME", help="image of a FITS file that has several, from 0"
    )
    parser.add_argument(
        "--centre",
        metavar="X,Y",
        help="where the cluster is: pixels from 0, as 120,88; degrees of the header's WCS, as "
        "194.95d,27.98d; or crpix, the header's reference pixel",
    )
    parser.add_argument(
        "--fill-nan",
        action="store_true",
        help="fill masked and NaN pixels far from the cluster with noise like the map's own",
    )
    parser.add_argument(
        "--table", type=Path, metavar="CSV", help="files to read: columns file, redshift[, name]"
    )
    parser.add_argument(
        "--map",
        "--ymap",
        dest="maps",
        action="append",
        default=[],
        metavar="[BAND=]FITS",
        help="map of the sky, HEALPix or an image in any projection; of a survey with several "
        "bands one of each; with:",
    )
    parser.add_argument(
        "--catalogue",
        type=Path,
        metavar="FITS",
        help="clusters: NAME, GLON and GLAT or RA and DEC, REDSHIFT",
    )
    parser.add_argument(
        "--survey",
        metavar="NAME",
        help="another survey than Planck's, trained by `szmass survey train NAME` in this folder",
    )
    parser.add_argument(
        "--prior",
        help="psz2 (the default for Planck's maps), mass-function (for other surveys'), flat in "
        "log10 M, training, or a CSV table log10_msun,density[,redshift]; for weighing only",
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
        f"(trained in this clone), {RELEASE}, {CNN} ({OWN} if there, else {RELEASE}), a folder, "
        f"NAME@ALIAS or NAME/VERSION of MLflow; or {MRESUNET}, for 150 GHz maps",
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PATH",
        help="draw the cluster: FILE.png or FILE.pdf; of several clusters a folder of pictures",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write a table, with units where the format has them: .fits, .ecsv, .csv, .json",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("-q", "--quiet", action="store_true", help="print the masses alone")
    amount.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="say what was read of each map, and where each value is from",
    )


def run(options: Namespace) -> None:
    """Prints a table of masses; ends with what is wrong with maps that could not be used."""
    if options.example:
        _take_example(options)
    options.progress = not options.quiet
    _take_maps(options)
    names = [field.name for field in fields(Wanted)]
    wanted = Wanted(**{name: getattr(options, name) for name in names})
    if not wanted.by_weighing and (options.plot or options.out):
        sys.exit("szmass: --plot and --out are for weighing: leave out --models")
    if options.out is not None:
        from szmass.predict.masses import require_ending

        require_ending(options.out)
    try:
        answer = _answer(wanted)
    except NoUsableMapError as error:
        _tell(error.maps, verbose=options.verbose)
        raise
    _tell(answer, verbose=options.verbose)
    text = answer.masses_as_text if options.quiet else answer.as_text
    print(answer.as_json() if options.json else text())
    if not isinstance(answer, Answer | MresunetAnswer):
        _write(answer, options)
    if answer.problems:
        sys.exit("\n".join(["szmass: some maps could not be used:", *answer.problems]))


def _take_maps(options: Namespace) -> None:
    """Maps of the sky: one, or some by band."""
    named = [text.partition("=") for text in options.maps]
    is_one = len(named) == 1 and (not named[0][1] or Path(options.maps[0]).exists())
    options.ymap = Path(options.maps[0]) if is_one else None
    options.bands = {} if is_one else {band: Path(path) for band, _, path in named}


def _answer(wanted: Wanted) -> Answer | MresunetAnswer | Weighed:
    if wanted.by_weighing:
        from szmass.predict.weighing import predict_by_weighing

        return predict_by_weighing(wanted)
    if not is_mresunet(wanted.models):
        require_possible(wanted.models)
    require_project(f"predict --models {wanted.models}")
    from szmass.params import load

    params = load(PARAMS)
    if is_mresunet(wanted.models):
        return predict_by_mresunet(wanted, params)
    return predict(wanted, params)


def _take_example(options: Namespace) -> None:
    """Copies the example to the working folder, and asks for its mass and its picture.

    Raises:
        PredictionError: maps are named as well, or a file of that name is another one.
    """
    from szmass.predict.command import PredictionError
    from szmass.predict.released import EXAMPLE_FILE, RECORDS

    if options.files or options.table or options.maps:
        raise PredictionError("--example has a map of its own: leave out other maps")
    example, content = Path(EXAMPLE_FILE), (RECORDS / EXAMPLE_FILE).read_bytes()
    if not example.exists():
        example.write_bytes(content)
    elif example.read_bytes() != content:
        raise PredictionError(f"{example}: is another file: expected none, or the example")
    options.files = [example]
    options.plot = options.plot or example.with_suffix(".png")


def _write(weighed: Weighed, options: Namespace) -> None:
    """Writes the table and the pictures that are asked for, and says so where no program reads."""
    masses = weighed.masses
    say = _nothing if options.quiet else _say
    if options.out is not None:
        weighed.write(options.out)
        say(f"table: {options.out}")
    if options.plot is not None:
        try:
            written = masses.plot_all(options.plot, progress=options.progress)
        except MissingExtraError as error:
            if not options.example:
                raise
            say(f"no picture: {error}")
        else:
            say(f"picture: {written[0]}" if len(written) == 1 else f"pictures: {options.plot}")
    if options.example:
        from szmass.predict.files.fits_images import header_number
        from szmass.predict.released import TRUE_MASS_KEY

        true_1e14 = header_number(options.files[0], TRUE_MASS_KEY)
        say(f"example: a simulated cluster, whose true mass is {true_1e14:.2f} 1e14 Msun")
        say("next: szmass predict YOUR.fits --redshift Z --plot YOUR.png --out masses.fits")


def _tell(source: Answer | MresunetAnswer | Weighed | UsableMaps, *, verbose: bool) -> None:
    """Tells what was read of each map if that is asked for, and what contradicts it."""
    for line in [*(source.read if verbose else ()), *source.warnings]:
        _say(line)


def _say(line: str) -> None:
    """To people: not among what a program reads."""
    print(line, file=sys.stderr)


def _nothing(_: str) -> None:
    """To nobody, who asked for the masses alone."""
