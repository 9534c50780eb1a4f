"""A stage ends with the DVC that started it: left alone, it would write beside the next one."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from itertools import takewhile
from threading import Thread, main_thread
from time import sleep
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psutil import Process

OF_DVC = "DVC_STAGE"
"""Variable that DVC gives to what it starts."""
INTERVAL_S = 0.5
GRACE_S = 10.0
"""How long a stage may take to end by itself; what it writes is whole whenever it is killed."""


def end_with_dvc() -> None:
    """Has this process terminated soon after the DVC that started it, if one did, has gone."""
    if OF_DVC in os.environ:
        Thread(target=_watch, args=[_parents()], name="parent", daemon=True).start()


def _parents() -> dict[Process, int]:
    """The parent's number of this process, and of the shell that DVC may have put in between."""
    import psutil

    def is_between(process: Process) -> bool:
        with suppress(psutil.Error):
            return OF_DVC in process.environ()
        return False

    process = psutil.Process()
    family = [process, *takewhile(is_between, process.parents())]
    return {member: member.ppid() for member in family}


def _takes_orphans(number: int) -> bool:
    """Whether a process is the one that the system gives orphans to, and did not start a stage.

    DVC may have gone before its stage looked for it. In a container the first process may be DVC,
    or a program that calls it.
    """
    import psutil

    process = psutil.Process(number)
    if number != 1 and process.name() != "systemd":
        return False
    with suppress(psutil.AccessDenied):
        return not any(word in " ".join(process.cmdline()) for word in ("dvc", "python"))
    return False


def _watch(parents: dict[Process, int]) -> None:
    """Waits until a process has lost its parent; then terminates this one, or at last kills it."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        while not _takes_orphans([*parents.values()][-1]) and all(
            process.ppid() == parent for process, parent in parents.items()
        ):
            sleep(INTERVAL_S)
    # to the thread that handles signals, which may be waiting
    signal.pthread_kill(main_thread().ident or 0, signal.SIGTERM)
    sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)
