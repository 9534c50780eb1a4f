"""`szmass release`: the trained models as files that a clone comes with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from szmass.cli.project import PARAMS, SCALES
from szmass.params import load
from szmass.params.scales import scale_in_force
from szmass.predict.release import RELEASED, require_reproduced, write_release

HELP = f"write the trained models into {RELEASED}, for those who do not train"
EXAMPLE = "szmass release"


def add_arguments(parser: ArgumentParser) -> None:
    """It has none."""


def run(_options: Namespace) -> None:
    """Writes the models of this pipeline, where all of it has been reproduced."""
    require_reproduced()
    scale = scale_in_force(PARAMS, SCALES)
    facts = write_release(RELEASED, scale=scale, params_file=PARAMS, paths=load(PARAMS).paths)
    print(
        f"{RELEASED}: models {facts['model_version']}, trained at scale {scale}, "
        f"{facts['archive_bytes'] / 1e6:.1f} MB\n"
        f"next: git add {RELEASED} && git commit"
    )
