"""What a training follows from, in one digest: a state on disk is taken up only by its own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import keras

import szmass

CODE = ("units.py", "sky", "simulation", "learning")


def training_identity(settings: Iterable[object], inputs: Iterable[Path]) -> str:
    """A digest of settings, input files, backend, and our own code."""
    digest = hashlib.sha256(repr([*settings, keras.backend.backend()]).encode())
    for path in [*inputs, *(Path(szmass.__file__).parent / part for part in CODE)]:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
