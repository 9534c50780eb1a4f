"""Kills of a running command, or of a part of what it started."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import numpy as np
import psutil

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


def parts(command: psutil.Popen) -> dict[str, psutil.Process]:
    """The processes by what they are to `dvc repro`, as far as they are there."""
    found: dict[str, psutil.Process] = {"dvc": command}
    for process in command.children(recursive=True):
        with suppress(psutil.Error):
            words = process.cmdline()
            if words[1:3] == ["-m", "szmass"]:
                found["python"] = process
            elif "spawn_main" in " ".join(words):
                found["a dask worker"] = process
    return found


def kill_at_random(command: psutil.Popen, rng: np.random.Generator) -> str:
    """Kills the whole group or a part; returns what was killed, or nothing if it had ended."""
    if command.poll() is not None:
        return ""
    victims = parts(command)
    name = str(rng.choice(["all of it", *victims]))
    number = SIGNALS[rng.integers(len(SIGNALS))]
    try:
        if name == "all of it":
            os.killpg(command.pid, number)
        else:
            victims[name].send_signal(number)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return ""
    return f"kill of {name} by {number.name}"
