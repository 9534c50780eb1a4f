"""`szmass scale`: how large the pipeline is, from minutes on a laptop to the papers' own size."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from szmass.cli.project import PARAMS, SCALES

HELP = "write a scale's values into params.yaml"
EXAMPLE = "szmass scale paper"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds the scale's name."""
    parser.add_argument("name", nargs="?", help="one of scales/*.yaml; without it they are listed")
    parser.add_argument(
        "--set",
        action="store_true",
        help="print the values as options of `dvc exp run`, and change nothing",
    )


def run(options: Namespace) -> None:
    """Lists the scales, prints one as options, or writes it and says what has changed."""
    from szmass.params.scales import apply_scale, read_scale, scale_names

    if options.name is None:
        for name in scale_names(SCALES):
            first_line = (SCALES / f"{name}.yaml").read_text().partition("\n")[0]
            print(f"{name:10} {first_line.removeprefix('# ')}")
        return
    if options.set:
        values = read_scale(SCALES, options.name)
        print(" ".join(f"-S {key}={_yaml_text(value)}" for key, value in values.items()))
        return
    read_scale(SCALES, options.name)
    for change in apply_scale(PARAMS, SCALES / f"{options.name}.yaml"):
        print(f"{change.key}: {_yaml_text(change.old)} -> {_yaml_text(change.new)}")
    print(f"{PARAMS} is at scale {options.name}\nnext: dvc repro")


def _yaml_text(value: object) -> str:
    """A scalar as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
