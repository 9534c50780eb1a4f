"""Runs a stage of the pipeline: `PYTHONPATH=src python -m szmass STAGE`, as dvc.yaml does.

The one place that reads params.yaml and calls a stage. A stage gets what its signature asks for:
positional arguments are sections of params.yaml, keyword-only arguments are paths of its section
`paths`, except `resources` (a section that changes no result), `run` (an MLflow run, opened only
for a stage that asks) and `item`: what follows the stage's name, where dvc.yaml has it as a matrix.
"""

from __future__ import annotations

import errno
import importlib
import inspect
import os
import pkgutil
import signal
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from time import time
from types import FrameType
from typing import Any, NoReturn

import szmass
from szmass import stages
from szmass.errors import SzmassError, lacks_room, message
from szmass.params import Params, did_you_mean, load
from szmass.parent import end_with_dvc
from szmass.quiet import quiet_start
from szmass.reporting import what_was_made

PARAMS_FILE = Path("params.yaml")
INTERRUPTED = 128 + signal.SIGINT
NO_RIGHT = {errno.EACCES, errno.EROFS}


class StageError(SzmassError):
    """There is no such stage, or it cannot be run here."""


def main(arguments: list[str]) -> int:
    """Runs the stage that is named on the command line; returns the exit status."""
    return guarded(run_stage, "szmass", arguments)


def guarded(run: Callable[..., None], program: str, arguments: list[str]) -> int:
    """Calls `run` with the words of a command line; what is expected to fail is one line."""
    label = " ".join([program, *arguments])
    try:
        # a batch system ends a job so; the run is then closed as for Ctrl-C
        signal.signal(signal.SIGTERM, _interrupt)
        end_with_dvc()
        run(*arguments)
    except KeyboardInterrupt:
        print(f"{label}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if not is_expected(error):
            raise
        print(f"{label}: error: {message(error)}", file=sys.stderr)
        return 1
    return 0


def run_stage(name: str = "", *items: str) -> None:
    """Runs a stage with the settings of the current folder.

    Args:
        name: of the stage.
        items: what the stage is run for, where it is one of a matrix.

    Raises:
        StageError: there is no stage of this name, it asks for something that params.yaml lacks,
            or Python would run another folder's code.
        VerifyError: DVC runs it on an input that was changed since its stage made it.
    """
    require_own_code()
    with quiet_start():
        stage = find_stage(name)
    sections, paths = bind(stage, load(PARAMS_FILE))
    wanted = [key for key in ("item",) if key in inspect.signature(stage).parameters]
    if len(items) != len(wanted):
        raise StageError(f"{name}: expected {len(wanted)} words after its name, got {list(items)}")
    files = {key: value for key, value in paths.items() if isinstance(value, Path)}
    if "DVC_STAGE" in os.environ:
        from szmass.verify import require_as_made

        require_as_made(name, files.values())
    paths |= dict(zip(wanted, items, strict=True))
    began = time()
    if "run" not in inspect.signature(stage).parameters:
        stage(**sections, **paths)
    else:
        with quiet_start():
            from szmass.tracking import open_run

        with open_run(name, items=items, sections=sections, paths=files) as run:
            stage(**sections, **paths, run=run)
    print(what_was_made(" ".join([name, *items]), began, files.values()), flush=True)


def require_own_code() -> None:
    """Requires that the code that runs is the code that DVC tracks here.

    With szmass installed, a queued experiment would otherwise run the installed code.
    """
    here, package = Path.cwd() / "src" / "szmass", Path(szmass.__file__).parent
    if not here.is_dir() or not here.samefile(package):
        raise StageError(
            f"the code that would run lies in {package}: expected {here}; run "
            "`PYTHONPATH=src python -m szmass STAGE` in the folder of dvc.yaml"
        )


def find_stage(name: str) -> Callable[..., None]:
    """The function `name` of the module of this name in `szmass.stages` or a folder of it."""
    modules = {
        module.name.rpartition(".")[2]: module.name
        for module in pkgutil.walk_packages(stages.__path__, f"{stages.__name__}.")
        if not module.ispkg
    }
    if name not in modules:
        known = sorted(modules)
        hint = did_you_mean(name, known)
        raise StageError(f"{name!r}: no stage among {', '.join(known)}{hint}")
    stage: Callable[..., None] = getattr(importlib.import_module(modules[name]), name)
    return stage


def bind(stage: Callable[..., None], params: Params) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a stage asks for, but for `run` and `item`.

    Returns:
        The settings that its result depends on, and its keyword-only arguments.
    """
    known = {field.name for field in fields(Params)} - {"paths", "resources"}
    sections: dict[str, Any] = {}
    keywords: dict[str, Any] = {}
    for name, parameter in inspect.signature(stage).parameters.items():
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            if name not in known:
                raise StageError(f"argument {name}: expected a section of {PARAMS_FILE}")
            sections[name] = getattr(params, name)
        elif name == "resources":
            keywords[name] = params.resources
        elif name in params.paths:
            keywords[name] = params.paths[name]
        elif name not in {"run", "item"}:
            raise StageError(f"{PARAMS_FILE}: paths.{name}: missing")
    return sections, keywords


def is_expected(error: Exception) -> bool:
    """Whether an error's message says it all: one of ours, or what the machine lacks."""
    no_right = isinstance(error, OSError) and error.errno in NO_RIGHT
    return no_right or lacks_room(error) or isinstance(error, SzmassError)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
