"""`szmass release`: the trained models as files that a clone comes with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from szmass.cli.project import PARAMS, SCALES
from szmass.predict.released import RELEASED

HELP = "write the trained models into the package and the repository, for those who do not train"
EXAMPLE = "szmass release"


def add_arguments(parser: ArgumentParser) -> None:
    """It has none."""


def run(_options: Namespace) -> None:
    """Writes the models of this pipeline, where all of it has been reproduced."""
    from szmass.params import load
    from szmass.params.scales import scale_in_force
    from szmass.predict.release import (
        RECORDS_IN_SOURCE,
        require_reproduced,
        write_example,
        write_record_release,
        write_release,
    )

    require_reproduced()
    scale, paths = scale_in_force(PARAMS, SCALES), load(PARAMS).paths
    # the CNNs first: the record becomes part of the code, whose state each release states
    cnn = write_release(RELEASED, scale=scale, params_file=PARAMS, paths=paths)
    record = write_record_release(RECORDS_IN_SOURCE, scale=scale, params_file=PARAMS, paths=paths)
    write_example(RECORDS_IN_SOURCE, paths["planck_store"])
    for folder, facts, size in (
        (RECORDS_IN_SOURCE, record, record["record_bytes"]),
        (RELEASED, cnn, cnn["archive_bytes"]),
    ):
        print(
            f"{folder}: models {facts['model_version']}, trained at scale {scale}, "
            f"{size / 1e6:.1f} MB"
        )
    print(f"next: git add {RECORDS_IN_SOURCE} {RELEASED} && git commit")
