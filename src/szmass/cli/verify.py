"""`szmass verify`: is the stored data still what dvc.lock says?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

from szmass.verify import verify

HELP = "read stored data again, and name what is damaged"
EXAMPLE = "szmass verify data/psz2_masses.csv --remote team"


def add_arguments(parser: ArgumentParser) -> None:
    """Adds what is read, and where."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="outputs; else all")
    parser.add_argument("--remote", metavar="NAME", help="read there, and not DVC's cache")
    parser.add_argument("--remove", action="store_true", help="remove what is damaged")


def run(options: Namespace) -> None:
    """Prints how many files are whole; ends with the others, and what mends them."""
    check = verify(options.targets, options.remote, remove=options.remove)
    where = options.remote or "the cache"
    print(f"{where}: {check.good} files are what dvc.lock says, {len(check.missing)} are not there")
    lines = [f"{file.path}: damaged in {where}, object {file.md5}" for file in check.damaged]
    if options.remote:
        lines += [f"{file.path}: missing in {where}" for file in check.missing]
    if lines:
        again = "dvc push, where the data is" if options.remote else "dvc pull, or dvc repro"
        if check.to_remove and not options.remove:
            again = f"the same command with --remove, then {again}"
        sys.exit("\n".join([*lines, f"szmass: to mend it: {again}"]))
