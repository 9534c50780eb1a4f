"""Writes which code each stage runs, as a digest a stage."""

from __future__ import annotations

from pathlib import Path

import szmass
from szmass.code_digests import CodeDigests
from szmass.files import write_text

STUDY_STEPS = ("simulate", "judge", "train", "report")


def digests(*, digests: Path) -> None:
    """Writes a file a stage, and a file a step of each study; removes those of others."""
    lines = digest_lines(Path(szmass.__file__).parent)
    for name, digest in lines.items():
        write_text(digests / name, f"{digest}\n")
    for path in digests.iterdir():
        if path.name not in lines:
            path.unlink()


def digest_lines(package: Path) -> dict[str, str]:
    """The digest of each stage, and of each step of a study as `study_<name>_<step>`.

    Args:
        package: folder of the package `szmass`.
    """
    code, lines = CodeDigests(package), {}
    for module, file in code.modules.items():
        _, _, inner = module.partition(".")
        part, *names = inner.split(".")
        if part == "stages" and file.stem not in ("__init__", "digests"):
            lines[file.stem] = code.digest(module)
        elif part == "studies" and len(names) == 2 and names[1] in STUDY_STEPS:
            lines["study_" + "_".join(names)] = code.digest(module)
    return lines
