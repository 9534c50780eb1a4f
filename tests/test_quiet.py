"""What TensorFlow says of itself does not reach the terminal; what fails does."""

from __future__ import annotations

import subprocess
import sys

from source_tree import PACKAGE

SCRIPT = """
import os, sys
from szmass.quiet import quiet_start
with quiet_start():
    import keras
    os.write(2, b'unasked\\n')
print('back', file=sys.stderr)
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
model.predict_on_batch(keras.ops.ones((1, 1)))
with quiet_start():
    raise ValueError('what fails')
"""


def test_only_ones_own_words_and_errors_are_printed() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"PYTHONPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stderr.splitlines()
    assert lines[:2] == ["back", "Traceback (most recent call last):"]
    assert lines[-1] == "ValueError: what fails"
    assert done.returncode == 1
