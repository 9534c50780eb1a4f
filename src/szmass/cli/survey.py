"""`szmass survey`: other surveys than Planck's, made from a map, trained, and listed."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

HELP = "weigh clusters in the maps of another survey: measure its noise, train for it, list all"
EXAMPLE = "szmass survey new mine --map ymap.fits --beam 1.6"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds what can be done with a survey."""
    actions = parser.add_subparsers(required=True, metavar="ACTION", dest="action")
    new = actions.add_parser("new", help="write surveys/NAME.yaml, with the noise of a map")
    new.add_argument("name", metavar="NAME", help="letters, digits, - and _")
    new.add_argument(
        "--map",
        type=Path,
        required=True,
        metavar="FITS",
        help="y-map: HEALPix, or an image with a WCS in any projection",
    )
    new.add_argument(
        "--beam", type=float, required=True, metavar="FWHM", help="of the map, in arcmin"
    )
    new.add_argument("--hdu", metavar="N|NAME", help="image of a FITS file that has several")
    new.add_argument(
        "--pixel-arcmin", type=float, metavar="P", help="of cutouts; without, the map's own pixel"
    )
    new.add_argument("--pixels", type=int, metavar="N", help="on a side of a cutout (default 96)")
    new.add_argument(
        "--noise-map",
        type=Path,
        metavar="FITS",
        help="measure the noise in this one, half the difference of two halves of the data",
    )
    new.add_argument(
        "--redshifts", nargs=2, type=float, metavar=("LOW", "HIGH"), help="of clusters to weigh"
    )
    train = actions.add_parser("train", help="simulate clusters, train, judge: two minutes")
    train.add_argument("name", metavar="NAME", help="of surveys/NAME.yaml")
    complete = actions.add_parser(
        "completeness", help="put clusters into a map, and count those that stand out of it"
    )
    complete.add_argument("name", metavar="NAME", help="of a trained survey")
    complete.add_argument("--map", type=Path, required=True, metavar="FITS", help="of the survey")
    complete.add_argument("--hdu", metavar="N|NAME", help="image of a FITS file that has several")
    complete.add_argument(
        "--cut", type=float, default=5.0, metavar="S/N", help="signal-to-noise ratio (default 5)"
    )
    complete.add_argument(
        "--clusters", type=int, default=4000, metavar="N", help="how many (default 4000)"
    )
    counts = actions.add_parser(
        "counts", help="write the catalogue that an analysis of cluster counts takes"
    )
    counts.add_argument("name", metavar="NAME", help="of a survey whose completeness is known")
    counts.add_argument(
        "--masses", type=Path, required=True, metavar="TABLE", help="of szmass predict --catalogue"
    )
    counts.add_argument("--out", type=Path, required=True, metavar="FITS", help="to be written")
    counts.add_argument(
        "--cut", type=float, default=5.0, metavar="S/N", help="signal-to-noise ratio (default 5)"
    )
    actions.add_parser("list", help="the surveys of this folder, and which are trained")


def run(options: Namespace) -> None:
    """Does what was asked for, and says what was made and what to type next."""
    from szmass.surveys.command import (
        list_surveys,
        measure_completeness,
        new_survey,
        train_survey,
    )

    if options.action == "list":
        print("\n".join(list_surveys()))
    elif options.action == "train":
        print(train_survey(options.name))
    elif options.action == "counts":
        from szmass.predict.survey_files import SurveyFiles
        from szmass.surveys.counts import write_counts

        files = SurveyFiles(options.name)
        print(write_counts(files, options.masses, options.out, cut=options.cut))
    elif options.action == "completeness":
        made = measure_completeness(
            options.name, options.map, cut=options.cut, count=options.clusters, hdu=options.hdu
        )
        print(made)
    else:
        made = new_survey(
            options.name,
            options.map,
            beam_fwhm_arcmin=options.beam,
            hdu=options.hdu,
            pixel_arcmin=options.pixel_arcmin,
            pixels=options.pixels,
            noise_map=options.noise_map,
            redshifts=options.redshifts,
        )
        print(made)
