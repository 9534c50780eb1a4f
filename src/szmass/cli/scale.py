"""`szmass scale`: how large the pipeline is, from minutes on a laptop to the papers' own size."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from szmass.cli.project import PARAMS, SCALES
from szmass.params import load
from szmass.params.scales import apply_scale, estimate_cost, read_scale, scale_names

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
    cost = estimate_cost(load(PARAMS))
    print(
        f"{PARAMS} is at scale {options.name}: {cost.maps} maps stored, "
        f"at most {cost.training_maps} seen in training.\n"
        f"Estimate for two CPU cores: {_duration(cost.seconds)}, {cost.memory_gib:.1f} GiB of "
        f"memory, {cost.disk_gib:.2f} GiB of disk. A GPU shortens the training alone."
    )


def _yaml_text(value: object) -> str:
    """A scalar as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _duration(seconds: float) -> str:
    """A duration in the unit that suits it."""
    for unit, length, most in (("seconds", 1, 120), ("minutes", 60, 120), ("hours", 3600, 48)):
        if seconds < most * length:
            return f"about {seconds / length:.0f} {unit}"
    return f"about {seconds / 86400:.0f} days"
