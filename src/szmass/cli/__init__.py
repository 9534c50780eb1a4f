"""`szmass`: what a person types. One module a verb; none imports a heavy library."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import szmass
from szmass.cli import (
    check_masses,
    compare,
    doctor,
    import_maps,
    mlflow_server,
    predict,
    release,
    report,
    scale,
    study,
    summary,
    survey,
    verify,
)
from szmass.cli.project import require_project
from szmass.errors import MissingExtraError, SzmassError, message


class Verb(Protocol):
    """The module of one `szmass` command: its help, its arguments and how it runs."""

    HELP: str
    """One line of help."""
    EXAMPLE: str
    """A command that can be typed."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its arguments to its parser."""

    def run(self, options: argparse.Namespace) -> None:
        """Does what was typed."""


VERBS: dict[str, Verb] = {  # in the order of the help
    "predict": predict,
    "check-masses": check_masses,
    "survey": survey,
    "import-maps": import_maps,
    "doctor": doctor,
    "summary": summary,
    "report": report,
    "scale": scale,
    "study": study,
    "compare": compare,
    "verify": verify,
    "mlflow-server": mlflow_server,
    "release": release,
}
SHELLS = ("bash", "zsh", "fish")
ANYWHERE = ("predict", "check-masses", "survey", "import-maps", "doctor")
"""Commands for any folder; the others are for the repository's root."""


READER_GONE = 141
"""Exit status when whatever read the output has gone, as in `szmass scale laptop | head -1`: what a
shell gives for a tool that SIGPIPE ends, 128 + 13."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line; an error becomes one line and exit status 1."""
    try:
        _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
        sys.exit(READER_GONE)
    except SystemExit:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
        raise


def _run(arguments: Sequence[str] | None) -> None:
    options = _parser().parse_args(arguments)
    try:
        if options.command not in ANYWHERE:
            require_project(options.command)
        options.run(options)
    except BrokenPipeError:
        raise
    except ModuleNotFoundError as error:
        library = str(error.name)
        if library.startswith(szmass.__name__):
            raise
        sys.exit(f"szmass: {MissingExtraError(f'szmass {options.command}', library)}")
    except (SzmassError, OSError) as error:
        sys.exit(f"szmass: {message(error)}")


def _discard_output() -> None:
    """Sends what is still buffered nowhere: Python would try to write it once more at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


class _PrintCompletion(argparse.Action):
    """Prints the completion of a shell, made from the parser itself."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: argparse.Namespace,
        values: object,
        _option: str | None = None,
    ) -> None:
        """Prints it, and ends as `--version` does."""
        import shtab

        for action in _actions(parser):
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own attribute
        print(shtab.complete(parser, str(values)))
        parser.exit()


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The arguments of a parser and of its commands."""
    for action in parser._actions:  # noqa: SLF001  # argparse lists them nowhere else
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _actions(command)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="szmass",
        description=str(szmass.__doc__).split("\n")[0],
        epilog="`szmass COMMAND --help` has the options of a command, and an example.",
    )
    parser.add_argument("--version", action="version", version=szmass.__version__)
    parser.add_argument(
        "--completion",
        action=_PrintCompletion,
        choices=SHELLS,
        help="print what makes the shell complete commands and options, and end",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, verb in VERBS.items():
        command = commands.add_parser(
            name, help=verb.HELP, description=verb.HELP, epilog=f"example: {verb.EXAMPLE}"
        )
        verb.add_arguments(command)
        command.set_defaults(run=verb.run, command=name)
    return parser
