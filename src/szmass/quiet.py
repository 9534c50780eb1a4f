"""The import of heavy libraries: silent, and no slower than need be."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

TENSORFLOW_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
KERAS_BACKEND = "KERAS_BACKEND"
UNASKED = ("jax", "sklearn")
"""What TensorFlow and Keras import if they find it, for interfaces that nothing here uses."""


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow quiet from here on; `import keras` belongs inside.

    Some of its messages come before any setting is read, so while it is imported the process'
    standard error is put aside. An exception of Python's is printed as ever. Nor is garbage
    looked for meanwhile, which takes a quarter of the time and finds none, or `UNASKED` found,
    which takes a fifth. Keras' backend is then TensorFlow unless the environment names another:
    a `keras.json` in somebody's home changes no result.
    """
    os.environ.setdefault(TENSORFLOW_LEVEL, "3")
    backend = os.environ.setdefault(KERAS_BACKEND, "tensorflow")
    unasked = set(UNASKED) - {backend} - set(sys.modules)
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    terminal, collecting = os.dup(2), gc.isenabled()
    gc.disable()
    sys.modules.update(dict.fromkeys(unasked))  # type: ignore[arg-type]  # so its import fails
    try:
        with TemporaryFile() as said:
            os.dup2(said.fileno(), 2)
            yield
    finally:
        for name in unasked:
            sys.modules.pop(name, None)
        gc.freeze()
        if collecting:
            gc.enable()
        os.dup2(terminal, 2)
        os.close(terminal)
