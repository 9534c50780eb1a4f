"""What DVC has on record of the results: versions, settings, and the stages that make files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from szmass.params.scales import leaves, read_scale, scale_names
from szmass.provenance import committed_text
from szmass.report.results import ReportError

PARAMS, PIPELINE, SCALES = Path("params.yaml"), Path("dvc.yaml"), Path("scales")
OUTPUTS = ("outs", "metrics", "plots")


@dataclass(frozen=True)
class Version:
    """An output of a stage, as DVC knows it."""

    stage: str
    path: str
    md5: str
    size_bytes: int
    files: int


@dataclass(frozen=True)
class Difference:
    """A setting that is not as its reference has it."""

    key: str
    here: str
    reference: str


@dataclass(frozen=True)
class Settings:
    """The settings of the results, and how they differ from a scale."""

    scale: str
    """The nearest one."""
    every: Mapping[str, str]
    """By dotted key."""
    from_scale: Sequence[Difference]
    from_commit: Sequence[Difference]
    """What no scale sets, against the last commit's params.yaml."""


def versions(lock: Mapping[str, Any], *, but: str) -> list[Version]:
    """Every output on record in the order of paths, but for those of one stage.

    The order of stages in dvc.lock is that of their last runs, which changes no result.

    Args:
        lock: the stages of dvc.lock.
        but: the stage that is left out, since it runs.
    """
    found = [
        Version(stage, out["path"], out["md5"], out["size"], out.get("nfiles", 1))
        for stage, entry in lock.items()
        if stage != but
        for out in entry.get("outs", ())
    ]
    return sorted(found, key=lambda version: version.path)


def settings(lock: Mapping[str, Any]) -> Settings:
    """The settings that the stages ran with, beside those of the nearest scale."""
    trees = [entry.get("params", {}).get(PARAMS.name, {}) for entry in lock.values()]
    here = {key: value for tree in trees for key, value in leaves(tree)}
    scales = {name: read_scale(SCALES, name) for name in scale_names(SCALES)}
    by_scale = {name: _differences(here, values) for name, values in scales.items()}
    nearest = min(by_scale, key=lambda name: len(by_scale[name]))
    text = committed_text(PARAMS)
    reference = dict(leaves(YAML(typ="safe").load(text))) if text else {}
    others = {key: value for key, value in reference.items() if key not in scales[nearest]}
    every = {key: _shown(value) for key, value in sorted(here.items())}
    return Settings(nearest, every, by_scale[nearest], _differences(here, others))


def _differences(here: Mapping[str, Any], reference: Mapping[str, Any]) -> list[Difference]:
    return [
        Difference(key, _shown(here[key]), _shown(value))
        for key, value in reference.items()
        if key in here and here[key] != value
    ]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def makers() -> dict[Path, str]:
    """The stage of dvc.yaml that writes each output; a matrix of stages under its one name."""
    paths = _read(PARAMS)["paths"]
    found = {}
    for stage, entry in _read(PIPELINE)["stages"].items():
        for out in _outputs(entry):
            named = re.sub(r"\$\{paths\.(\w+)\}", lambda match: paths[match[1]], out)
            found[Path(named)] = stage
    return found


def _outputs(entry: Mapping[str, Any]) -> Iterator[str]:
    for out in (out for kind in OUTPUTS for out in entry.get(kind, ())):
        yield out if isinstance(out, str) else next(iter(out))


def require(files: Sequence[Path]) -> None:
    """Requires that files exist.

    Raises:
        ReportError: some do not; it names the commands that make them.
    """
    missing = [file for file in files if not file.is_file()]
    if not missing:
        return
    stages = makers()
    by_command: dict[str, list[str]] = {}
    for file in missing:
        stage = next((stages[path] for path in (file, *file.parents) if path in stages), None)
        command = f"dvc repro {stage}" if stage else f"nothing in {PIPELINE}"
        by_command.setdefault(command, []).append(str(file))
    lines = [f"{command}: {', '.join(names)}" for command, names in by_command.items()]
    raise ReportError(
        "the report's inputs are not there yet; `make repro` makes them, or `dvc pull` from your "
        "group's remote; one by one:\n" + "\n".join(lines)
    )


def _read(path: Path) -> Any:
    try:
        return YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise ReportError(f"{path}: cannot be read as YAML: {error}") from error
