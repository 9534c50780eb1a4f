"""All that `szmass doctor` looks at, in the order of its lines."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from szmass.doctor import code, installation, machine, remotes, tracking
from szmass.doctor.finding import Finding
from szmass.errors import PIPELINE


def clone_root() -> Path | None:
    """The clone that the current folder belongs to; None outside of one."""
    for folder in (Path.cwd(), *Path.cwd().parents):
        if (folder / ".dvc").is_dir() and (folder / "params.yaml").is_file():
            return folder
    return None


def checkup() -> Iterator[Finding]:
    """Findings about this machine and installation, and about the clone that one stands in."""
    root = clone_root()
    in_clone = root is not None
    extras = installation.installed_extras()
    settings = None if root is None else remotes.dvc_settings(root)
    with ThreadPoolExecutor() as asking:  # what others have to answer
        gpu = asking.submit(machine.gpu, with_libraries=extras.get(installation.GPU, False))
        answers = []
        if root is not None and isinstance(settings, remotes.DvcSettings):
            ask = partial(remotes.remote, root)
            answers = [asking.submit(ask, *item) for item in settings.remotes.items()]
        yield installation.python()
        yield installation.package()
        yield installation.extras(extras, for_a_run=in_clone)
        yield machine.disk("working folder", Path.cwd(), for_a_run=in_clone)
        yield machine.temporary_disk()
        yield machine.memory(for_a_run=in_clone)
        yield gpu.result()
        yield installation.keras_backend()
        yield installation.record()
        if root is None:
            return
        if isinstance(settings, Finding):
            yield settings
        elif settings is not None:
            yield machine.disk("DVC's cache", settings.cache)
        yield tracking.tracking(root)
        yield code.digests(root)
        if extras.get(PIPELINE, False):
            yield code.lock(root)
            yield code.rwlock(root)
        yield from (answer.result() for answer in answers)
