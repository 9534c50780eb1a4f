"""What a result was made with: code, machine, experiment and data, as flat facts."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CODE = ("src", "params.yaml", "dvc.yaml")
EXPERIMENT = {"dvc.exp_name": "DVC_EXP_NAME", "dvc.exp_baseline_rev": "DVC_EXP_BASELINE_REV"}


def code_facts() -> dict[str, str]:
    """The commit of the current folder, and whether code or settings differ from it."""
    revision = _output("git", "rev-parse", "HEAD")
    if not revision:
        return {}
    changes = _output("git", "status", "--porcelain", "--", *CODE)
    return {"git.rev": revision, "git.dirty": "true" if changes else "false"}


def committed_text(path: Path) -> str:
    """A file of the current folder as its commit has it; nothing where there is none."""
    return _output("git", "show", f"HEAD:./{path.as_posix()}")


def experiment_facts() -> dict[str, str]:
    """The DVC experiment that this process belongs to, if any."""
    return {fact: os.environ[name] for fact, name in EXPERIMENT.items() if os.environ.get(name)}


def hardware_facts() -> dict[str, str]:
    """Processor, usable cores, and the accelerators that the driver lists."""
    accelerators = _output("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    facts = {
        "hardware.cpu": _cpu_model(),
        "hardware.cores": str(len(os.sched_getaffinity(0))),
        "hardware.accelerator": ", ".join(accelerators.splitlines()),
    }
    return {name: fact for name, fact in facts.items() if fact}


def locked_stages() -> Mapping[str, Any]:
    """What dvc.lock has of each stage; nothing where DVC has run none here."""
    from ruamel.yaml import YAML

    try:
        stages: Mapping[str, Any] = YAML(typ="safe").load(Path("dvc.lock"))["stages"]
    except FileNotFoundError:
        return {}
    return stages


def locked_outputs(stage: str) -> dict[str, str]:
    """DVC's digest of each output of the stages but one, by its path, from dvc.lock."""
    return {
        out["path"]: out["md5"]
        for name, entry in locked_stages().items()
        if name.partition("@")[0] != stage
        for out in entry.get("outs", ())
    }


def data_md5(stage: str, paths: Mapping[str, Path]) -> dict[str, str]:
    """DVC's digest of each of these paths that another stage writes, from dvc.lock.

    When a stage runs, DVC has already recorded there what the stages before it wrote. A folder's
    digest ends in `.dir`; a folder of several outputs has a digest of theirs.

    Args:
        stage: the stage that runs; its own outputs are those of an earlier run.
        paths: by name.

    Returns:
        Digests by the path's name.
    """
    written = locked_outputs(stage)
    digests = {name: _digest_below(path, written) for name, path in paths.items()}
    return {name: md5 for name, md5 in digests.items() if md5}


def _digest_below(path: Path, written: Mapping[str, str]) -> str:
    """The digest of an output, or of a folder of several: of their digests in the files' order."""
    if md5 := written.get(path.as_posix()):
        return md5
    parts = [f"{name} {md5}" for name, md5 in sorted(written.items()) if path in Path(name).parents]
    return (
        hashlib.md5("\n".join(parts).encode(), usedforsecurity=False).hexdigest() if parts else ""
    )


def flat_settings(sections: Mapping[str, Any]) -> dict[str, str]:
    """Settings by their dotted key, as params.yaml nests them."""
    flat: dict[str, str] = {}
    for name, value in sections.items():
        if dataclasses.is_dataclass(value):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            flat |= {f"{name}.{key}": text for key, text in flat_settings(fields).items()}
        else:
            flat[name] = str(value)
    return flat


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _output(program: str, *arguments: str) -> str:
    """What a program prints; nothing where it is missing or fails."""
    if shutil.which(program) is None:
        return ""
    done = subprocess.run(  # noqa: S603  # fixed programs and arguments
        [program, *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""
