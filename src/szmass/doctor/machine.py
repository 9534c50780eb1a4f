"""Disk space, memory, cores and GPU of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import gettempdir

from szmass.doctor.finding import Finding, State
from szmass.predict.files.sizes import in_words

LEAST_ROOM_BYTES = 100 * 2**20
"""Below it a table, a picture or an unpacked map may not fit."""
ROOM_OF_A_RUN_BYTES = int(5.2 * 2**30)
"""Data of a run at scale laptop, and as much again in DVC's cache (README)."""
MEMORY_OF_A_RUN_BYTES = int(2.5 * 2**30)
MEMINFO = Path("/proc/meminfo")
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
GPU_S = 1.5
"""Time that nvidia-smi has to answer."""


def disk(what: str, folder: Path, *, for_a_run: bool = False) -> Finding:
    """Room in a folder, and whether it can be written to.

    Args:
        what: the folder is, for people.
        folder: may not be there yet; then the nearest one above it counts.
        for_a_run: whether the data of the pipeline has to fit.
    """
    what = f"disk, {what}"
    there = next(one for one in (folder, *folder.absolute().parents) if one.is_dir())
    free = shutil.disk_usage(there).free
    text = f"{in_words(free)} free in {folder}"
    if free < LEAST_ROOM_BYTES:
        return Finding(what, State.WRONG, text, f"make room, {in_words(LEAST_ROOM_BYTES)} at least")
    if not os.access(there, os.W_OK):
        state = State.WRONG if for_a_run else State.NOTE
        return Finding(what, state, f"{folder} cannot be written to", "work in another folder")
    if for_a_run and free < ROOM_OF_A_RUN_BYTES:
        needed = in_words(ROOM_OF_A_RUN_BYTES)
        return Finding(what, State.NOTE, text, f"`make repro` may need {needed} with its cache")
    return Finding(what, State.OK, text)


def temporary_disk() -> Finding:
    """Room in the folder for temporary files."""
    try:
        return disk("temporary", Path(gettempdir()))
    except OSError as error:  # Python looks for a folder that it can write to
        return Finding("disk, temporary", State.WRONG, str(error.strerror), "export TMPDIR=FOLDER")


def memory(*, for_a_run: bool) -> Finding:
    """Available memory and usable cores.

    Args:
        for_a_run: whether the pipeline has to fit.
    """
    values = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
    total, available = (int(values[key].split()[0]) * 1024 for key in ("MemTotal", "MemAvailable"))
    limit = CGROUP_LIMIT.read_text().strip() if CGROUP_LIMIT.is_file() else ""
    if limit.isdecimal():  # else "max"
        total = min(total, int(limit))
    available = min(available, total)
    cores = len(os.sched_getaffinity(0))
    text = f"{in_words(available)} of {in_words(total)} available; {cores} cores"
    if for_a_run and available < MEMORY_OF_A_RUN_BYTES:
        needed = in_words(MEMORY_OF_A_RUN_BYTES)
        return Finding(
            "memory", State.NOTE, text, f"a run takes up to {needed}: end other programs"
        )
    return Finding("memory", State.OK, text)


def gpu(*, with_libraries: bool) -> Finding:
    """The GPUs that NVIDIA's driver lists.

    Args:
        with_libraries: whether the extra `gpu` is installed.
    """
    program = shutil.which("nvidia-smi")
    if program is None:
        return Finding("GPU", State.OK, "none, and none is needed")
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(  # noqa: S603  # found on the path
            query, capture_output=True, text=True, timeout=GPU_S, check=False
        )
    except (subprocess.TimeoutExpired, OSError):
        return Finding("GPU", State.NOTE, f"nvidia-smi does not answer in {GPU_S} s", "nvidia-smi")
    names = "; ".join(done.stdout.split("\n")).strip("; ")
    if done.returncode or not names:
        reason = (done.stderr or done.stdout).strip().partition("\n")[0]
        return Finding("GPU", State.NOTE, f"nvidia-smi lists none ({reason})", "nvidia-smi")
    if not with_libraries:
        remedy = "to train on it, make setup LOCK=requirements-gpu.lock"
        return Finding("GPU", State.NOTE, f"{names}; its libraries are not installed", remedy)
    return Finding("GPU", State.OK, names)
