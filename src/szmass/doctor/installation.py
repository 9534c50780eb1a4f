"""Python, szmass, its extras, Keras' backend and the record that szmass brings."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.util import find_spec
from pathlib import Path

import szmass
from szmass.doctor.finding import Finding, State
from szmass.errors import PIPELINE, SzmassError
from szmass.predict.released import released_record
from szmass.quiet import KERAS_BACKEND

NAME = szmass.__name__
AGAIN = f"pip install --upgrade {NAME}"
GPU = "gpu"


def python() -> Finding:
    """The Python that runs."""
    return Finding("Python", State.OK, f"{platform.python_version()}, {sys.executable}")


def package() -> Finding:
    """szmass, and whether the libraries that every command needs are there."""
    text = f"{szmass.__version__}, {Path(szmass.__file__).parent}"
    try:
        wrong = list(_unmet(NAME, ""))
    except PackageNotFoundError:
        return Finding(NAME, State.NOTE, f"{text}, is not installed", "pip install .")
    if wrong:
        return Finding(NAME, State.WRONG, f"{text}, lacks {', '.join(wrong)}", AGAIN)
    return Finding(NAME, State.OK, text)


def installed_extras() -> dict[str, bool]:
    """Whether all libraries of an extra are installed, by its name; nothing where szmass is not."""
    try:
        names = metadata(NAME).get_all("Provides-Extra") or []
        return {name: not list(_unmet(NAME, name)) for name in sorted(names)}
    except PackageNotFoundError:
        return {}


def extras(installed: dict[str, bool], *, for_a_run: bool) -> Finding:
    """Which extras are installed.

    Args:
        installed: as of `installed_extras`.
        for_a_run: whether that of the pipeline has to be.
    """
    there = [name for name, is_there in installed.items() if is_there]
    others = [name for name, is_there in installed.items() if not is_there]
    text = f"{', '.join(there) or 'none'} installed"
    if others:
        text += f"; not {', '.join(others)}"
    if for_a_run and PIPELINE in others:
        remedy = f"make setup, or pip install '.[{PIPELINE}]'"
        return Finding("extras", State.WRONG, f"{text}; a clone needs {PIPELINE}", remedy)
    return Finding("extras", State.OK, text)


def keras_backend() -> Finding:
    """The library that Keras computes with; nothing is imported."""
    named = os.environ.get(KERAS_BACKEND, "")
    backend = named or "tensorflow"
    if find_spec("keras") is None:
        return Finding("Keras", State.OK, "not installed; weighing needs none")
    if find_spec(backend) is not None:
        return Finding("Keras", State.OK, f"backend {backend}")
    if named:
        text = f"{KERAS_BACKEND} = {named!r}, which is not installed"
        return Finding("Keras", State.WRONG, text, f"unset {KERAS_BACKEND}")
    text = f"backend {backend} is not installed"
    return Finding("Keras", State.WRONG, text, f'pip install "{NAME}[{PIPELINE}]"')


def record() -> Finding:
    """The record that szmass brings: is it the one that was released?"""
    try:
        release = released_record()
    except (SzmassError, OSError) as error:
        return Finding("record", State.WRONG, str(error))
    return Finding("record", State.OK, f"whole, released with {NAME} {release.szmass_version}")


def _unmet(name: str, extra: str) -> Iterator[str]:
    """The requirements of a distribution, or of an extra of it, that are not met.

    Raises:
        PackageNotFoundError: the distribution is not installed.
    """
    from packaging.requirements import Requirement

    for text in requires(name) or []:
        needed = Requirement(text)
        if needed.marker is None:
            if extra:
                continue
        elif not needed.marker.evaluate({"extra": extra}) or (
            extra and needed.marker.evaluate({"extra": ""})
        ):
            continue
        try:
            if not needed.specifier.contains(version(needed.name), prereleases=True):
                yield f"{needed.name}{needed.specifier} (it is {version(needed.name)})"
            for inner in sorted(needed.extras):
                yield from _unmet(needed.name, inner)
        except PackageNotFoundError:
            yield needed.name
