"""`szmass doctor`: is everything there that szmass needs?"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace

HELP = "look at the installation, the machine and the clone; say what is wrong and what to type"
EXAMPLE = "szmass doctor"


def add_arguments(_: ArgumentParser) -> None:
    """Adds nothing: it looks at all there is."""


def run(_: Namespace) -> None:
    """Prints a line for each thing as it was found; ends with how many are wrong, if any."""
    from szmass.doctor.checkup import checkup
    from szmass.doctor.finding import State

    wrong = 0
    for finding in checkup():
        print(f"{finding.what:<22} {finding.state.value:<6} {finding.in_words()}", flush=True)
        wrong += finding.state is State.WRONG
    if wrong:
        sys.exit(f"szmass: {wrong} {'thing is' if wrong == 1 else 'things are'} wrong")
