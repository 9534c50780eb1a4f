"""Tests that need packages from the index."""

from __future__ import annotations

import os
import subprocess

import pytest


def skip_without_index(done: subprocess.CompletedProcess[str]) -> None:
    """Goes on only if the packages could be had; continuous integration needs them."""
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        line = f"needs packages of the index, from the network or uv's cache: {reason}"
        if os.environ.get("CI") == "true":
            pytest.fail(line, pytrace=False)
        pytest.skip(line)
