"""Tasks that a worker dies of, for dask workers to import; as a script, a run of such tasks."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil

from helpers import ROOT
from szmass.__main__ import guarded
from szmass.microwave.maps.samples import Samples, simulate_shard
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.params import load
from szmass.storage.batch import run_tasks


def killed_while_writing(
    part: tuple[slice, Samples], *, path: Path, sky: MicrowaveSky, marks: Path
) -> None:
    """Simulates a shard; the first time, the worker is killed before a written file is renamed.

    Zarr writes a file under another name and renames it, so this leaves as much as a kill can.
    """
    mark = marks / str(part[0].start)
    if not mark.exists():
        mark.touch()

        def kill(event: str, arguments: tuple[object, ...]) -> None:
            if event == "os.rename" and str(arguments[0]).startswith(str(path)):
                mark.write_text(str(arguments[0]))
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill)
    simulate_shard(part, path=path, sky=sky)


def kill_the_worker(_item: int) -> None:
    """Ends the worker each time, as a lack of memory does."""
    os.kill(os.getpid(), signal.SIGKILL)


def ancestors(_item: int) -> list[int]:
    """The processes that the worker descends from."""
    return [process.pid for process in psutil.Process().parents()]


def square(item: int, *, offset: int) -> int:
    """A task that takes longer for its first items than for its last."""
    time.sleep(0.2 if item < 2 else 0.0)
    return item**2 + offset


def count(item: int, *, numbers: list[int]) -> int:
    """A task with something large, whose size dask knows."""
    return item + len(numbers)


class Counted:
    """Something that marks a file whenever it is sent to a process."""

    def __init__(self, marks: Path) -> None:
        self.marks = marks

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.__dict__ |= state
        with (self.marks / str(os.getpid())).open("a") as file:
            file.write("sent\n")


def with_counted(_item: int, *, counted: Counted) -> int:
    """A task with something that is the same for every call; the worker's process."""
    assert counted.marks.is_dir()
    return os.getpid()


def blas_threads(_item: int) -> int:
    """The most threads that a numerical library may use in a task."""
    from threadpoolctl import threadpool_info

    return max(library["num_threads"] for library in threadpool_info())


def refuse(item: int) -> None:
    """A task that finds fault with its item."""
    raise ValueError(f"item {item} is wrong")


def wait(item: int, *, marks: Path) -> None:
    """A task that takes a while, and says that it has begun."""
    (marks / str(item)).touch()
    time.sleep(0.5)


def run_squares() -> None:
    """Runs tasks on workers of its own."""
    resources = load(ROOT / "params.yaml").resources
    run_tasks(square, range(4), resources=resources, label="faults", offset=0)


if __name__ == "__main__":
    sys.exit(guarded(run_squares, "faults", []))
