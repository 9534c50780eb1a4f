"""The process that makes a run, and the end of runs whose process was killed."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

from szmass.tracking.service import Service

HOST, BOOT, PID, STARTED = "process.host", "process.boot", "process.pid", "process.started"
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def process_facts(pid: int) -> dict[str, str]:
    """Tags by which a process of this machine is known again; numbers of processes are reused."""
    return {
        HOST: socket.gethostname(),
        BOOT: BOOT_ID.read_text().strip(),
        PID: str(pid),
        STARTED: _start_ticks(str(pid)),
    }


def end_dead_runs(service: Service) -> None:
    """Ends the experiment's runs as killed whose process of this machine is gone.

    Nobody else can: what kills a process at once leaves it no time to end its run.
    """
    of_this_machine = f"tags.`{HOST}` = '{socket.gethostname()}'"
    running = service.client.search_runs(
        [service.experiment], f"attributes.status = 'RUNNING' and {of_this_machine}"
    )
    for run in running:
        if not _lives(run.data.tags):
            service.client.set_terminated(run.info.run_id, "KILLED")


def _lives(tags: Mapping[str, str]) -> bool:
    """Whether the process of these tags, of this machine, is there."""
    return process_facts(int(tags[PID])).items() <= tags.items()


def _start_ticks(pid: str) -> str:
    """When a process started, in clock ticks since the boot; nothing of one that has ended."""
    try:
        stat = Path("/proc", pid, "stat").read_text()
    except OSError:
        return ""
    state, *numbers = stat.rpartition(")")[2].split()  # a program's name may hold anything
    return "" if state in "ZX" else numbers[18]
