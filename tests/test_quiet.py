"""What TensorFlow says of itself does not reach the terminal; what fails does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from helpers.source_tree import PACKAGE

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


UNASKED = """
import os, sys
from szmass.quiet import quiet_start
with quiet_start():
    import keras
assert keras.backend.backend() == os.environ.get('WANTED')
found = {'jax', 'sklearn'} & set(sys.modules)
import sklearn, jax
print(*sorted(found))
"""


@pytest.mark.parametrize(
    ("environment", "backend", "found"),
    [({}, "tensorflow", ""), ({"KERAS_BACKEND": "jax"}, "jax", "jax")],
)
def test_what_keras_imports_unasked_is_left_out_and_comes_when_asked(
    tmp_path: Path, environment: dict[str, str], backend: str, found: str
) -> None:
    (tmp_path / "keras.json").write_text('{"backend": "torch"}')  # as some home may have it
    done = subprocess.run(
        [sys.executable, "-c", UNASKED],
        env={
            "PYTHONPATH": str(PACKAGE.parent),
            "KERAS_HOME": str(tmp_path),
            "WANTED": backend,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == (found, "")


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
