"""The code of a clone and DVC's files: does it run, are digests up to date, are the files whole?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import szmass
from szmass.doctor.finding import Finding, State
from szmass.stages.digests import digest_lines


def digests(root: Path) -> Finding:
    """Whether the clone's digests are those of the code that runs."""
    package, own = Path(szmass.__file__).parent, root / "src" / "szmass"
    if package.resolve() != own.resolve():
        text = f"szmass runs from {package}, not from this clone"
        return Finding("code", State.WRONG, text, f"source {root / '.venv/bin/activate'}")
    lines = digest_lines(package)
    stale = sorted(name for name in lines if _stored(root / "digests" / name) != lines[name])
    if stale:
        some = ", ".join(stale[:3]) + (f" and {len(stale) - 3} more" if len(stale) > 3 else "")
        text = f"digests of {some} are not those of the code"
        return Finding("code", State.NOTE, text, "dvc repro digests")
    return Finding("code", State.OK, f"digests of {len(lines)} stages are up to date")


def lock(root: Path) -> Finding:
    """Whether `dvc.lock` is whole: DVC writes it in place, so that a kill may cut it short."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    path = root / "dvc.lock"
    if not path.exists():
        return Finding("dvc.lock", State.NOTE, "not there: nothing has run", "dvc repro")
    try:
        content = YAML(typ="safe").load(path)
        stages = content["stages"].values() if content["schema"] else ()
        whole = bool(stages) and all(_is_whole(stage) for stage in stages)
    except (YAMLError, UnicodeDecodeError, TypeError, KeyError, AttributeError):
        whole = False
    if whole:
        return Finding("dvc.lock", State.OK, f"whole, {len(stages)} stages")
    text = "damaged, as when DVC is killed while it writes it"
    return Finding("dvc.lock", State.WRONG, text, "git restore dvc.lock, then dvc repro")


def _is_whole(stage: Mapping[str, Any]) -> bool:
    return "cmd" in stage and all("md5" in out for out in stage.get("outs", ()))


def rwlock(root: Path) -> Finding:
    """Whether DVC can read which of its processes reads and writes what: also written in place."""
    path = root / ".dvc" / "tmp" / "rwlock"
    try:
        json.loads(path.read_text())
    except FileNotFoundError:
        pass
    except ValueError:
        text = f"{path.relative_to(root)}: damaged, as when DVC is killed while it writes it"
        remedy = f"rm {path.relative_to(root)}, while no dvc runs here"
        return Finding("DVC's locks", State.WRONG, text, remedy)
    return Finding("DVC's locks", State.OK, "can be read")


def _stored(path: Path) -> str:
    return path.read_text().strip() if path.is_file() else ""
