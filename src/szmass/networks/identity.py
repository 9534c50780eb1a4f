"""Digest of everything that determines a training; a checkpoint is resumed only if it matches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import keras

import szmass
from szmass.code_digests import CodeDigests


def training_identity(code: str, settings: Iterable[object], inputs: Iterable[Path]) -> str:
    """Digest of a training's code, settings, input files and Keras backend.

    Args:
        code: dotted name of the module that trains; what it imports counts too.
        settings: all that the training is told, with a `repr` of its values.
        inputs: files, and folders with all that they hold.
    """
    of_code = CodeDigests(Path(szmass.__file__).parent).digest(code)
    facts = [of_code, *settings, keras.backend.backend(), files_digest(inputs)]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """Digest of the content of files, and of folders with all that they hold."""
    digest = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()
