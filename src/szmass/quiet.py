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


@contextmanager
def quiet_start() -> Iterator[None]:
    """Keeps TensorFlow quiet from here on; `import keras` belongs inside.

    Some of its messages come before any setting is read, so while it is imported the process'
    standard error is put aside. An exception of Python's is printed as ever. Nor is garbage
    looked for meanwhile, which takes a quarter of the time and finds none.
    """
    os.environ.setdefault(TENSORFLOW_LEVEL, "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    sys.stderr.flush()
    terminal, collecting = os.dup(2), gc.isenabled()
    gc.disable()
    try:
        with TemporaryFile() as said:
            os.dup2(said.fileno(), 2)
            yield
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
        os.dup2(terminal, 2)
        os.close(terminal)
