"""What a training follows from, in one digest: a state on disk is taken up only by its own."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import keras

CODE = ("szmass.units", "szmass.sky", "szmass.simulation", "szmass.learning")


def training_identity(settings: Iterable[object], inputs: Iterable[Path]) -> str:
    """A digest of settings, input files, backend, and the code of ours that is loaded."""
    digest = hashlib.sha256(repr([*settings, keras.backend.backend()]).encode())
    for path in [*inputs, *_loaded_code()]:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _loaded_code() -> list[Path]:
    """The modules of `CODE` that this process has imported: in a stage, those it trains with."""
    return [
        Path(str(module.__file__))
        for name, module in sorted(sys.modules.items())
        if any(f"{name}.".startswith(f"{part}.") for part in CODE)
    ]
