"""Runs a step of a study: `PYTHONPATH=src python -m szmass.studies STUDY STEP`."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

from szmass.__main__ import PARAMS_FILE, guarded, require_own_code
from szmass.params import Params, load, load_as
from szmass.quiet import quiet_start
from szmass.studies.listing import STUDIES, StudyError, study_folder

STEPS = {"simulate", "train", "judge", "report"}


def main(arguments: list[str]) -> int:
    """Runs the step that is named on the command line; returns the exit status."""
    return guarded(run_step, "szmass.studies", arguments)


def run_step(name: str = "", step: str = "", *others: str) -> None:
    """Runs a step with the settings of the current folder.

    Args:
        name: of the study.
        step: of the study.
        others: words too many.

    Raises:
        StudyError: there is no such study or step, or something else was named too.
    """
    require_own_code()
    if others:
        raise StudyError(f"{name} {step}: expected nothing after the step, got {' '.join(others)}")
    here = study_folder(STUDIES, name)
    with quiet_start():
        function = find_step(name, step)
    sections, keywords, paths = bind(function, load(PARAMS_FILE), here)
    if "run" not in inspect.signature(function).parameters:
        function(**sections, **keywords, **paths)
        return
    with quiet_start():
        from szmass.tracking import open_run

    # the experiment is named after what follows the verb
    stage = f"{step}_{name.replace('_', '-')}"
    with open_run(stage, sections=sections, paths=paths) as run:
        function(**sections, **keywords, **paths, run=run)


def find_step(study: str, step: str) -> Callable[..., None]:
    """The function `step` of the module `szmass.studies.<study>.<step>`."""
    package = importlib.import_module(f"szmass.studies.{study}")
    steps = sorted({module.name for module in pkgutil.iter_modules(package.__path__)} & STEPS)
    if step not in steps:
        raise StudyError(f"study {study}: no step {step!r}: its steps are {', '.join(steps)}")
    found: Callable[..., None] = getattr(
        importlib.import_module(f"{package.__name__}.{step}"), step
    )
    return found


def bind(
    step: Callable[..., None], params: Params, here: Path
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Path]]:
    """What a step asks for, but for `run`.

    Returns:
        The settings that its result depends on, what else it is given, and its paths.
    """
    sections: dict[str, Any] = {}
    keywords: dict[str, Any] = {}
    paths: dict[str, Path] = {}
    for name, parameter in inspect.signature(step).parameters.items():
        if name == "study":
            sections[name] = load_as(get_type_hints(step)[name], here / PARAMS_FILE)
        elif parameter.kind is not inspect.Parameter.KEYWORD_ONLY:
            sections[name] = getattr(params, name)
        elif name == "here":
            keywords[name] = here
        elif name == "resources":
            keywords[name] = params.resources
        elif name in params.paths:
            paths[name] = params.paths[name]
        elif name != "run":
            raise StudyError(f"{PARAMS_FILE}: paths.{name}: missing")
    return sections, keywords, paths


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
