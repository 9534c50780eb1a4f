"""Disk, memory and GPU, on machines that have too little."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from szmass.doctor import machine
from szmass.doctor.finding import State


def with_room(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    usage = SimpleNamespace(free=free)
    monkeypatch.setattr("szmass.doctor.machine.shutil.disk_usage", lambda _: usage)


@pytest.mark.parametrize(
    ("free", "for_a_run", "state"),
    [
        (2**20, False, State.WRONG),
        (2**30, False, State.OK),
        (2**30, True, State.NOTE),
        (2**33, True, State.OK),
    ],
)
def test_a_full_disk_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, for_a_run: bool, state: State
) -> None:
    with_room(monkeypatch, free)
    found = machine.disk("x", tmp_path / "not" / "there", for_a_run=for_a_run)
    assert found.state is state
    assert found.text.endswith(f" free in {tmp_path}/not/there")


def test_a_folder_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("szmass.doctor.machine.os.access", lambda *_: False)
    assert machine.disk("x", tmp_path).state is State.NOTE
    assert machine.disk("x", tmp_path, for_a_run=True).state is State.WRONG


def test_no_temporary_folder_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(machine, "gettempdir", none)
    found = machine.temporary_disk()
    assert (found.state, found.remedy) == (State.WRONG, "export TMPDIR=FOLDER")


def test_memory_is_what_the_group_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts, limit = tmp_path / "meminfo", tmp_path / "memory.max"
    facts.write_text("MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
    limit.write_text("max\n")
    monkeypatch.setattr(machine, "MEMINFO", facts)
    monkeypatch.setattr(machine, "CGROUP_LIMIT", limit)
    cores = len(os.sched_getaffinity(0))
    assert machine.memory(for_a_run=True).text == f"8 GiB of 16 GiB available; {cores} cores"
    limit.write_text(f"{2**30}\n")
    assert machine.memory(for_a_run=True).state is State.NOTE
    assert machine.memory(for_a_run=False).text.startswith("1 GiB of 1 GiB available")


@pytest.mark.parametrize(
    ("script", "libraries", "state", "text"),
    [
        ("echo 'H200, 143771 MiB'", True, State.OK, "H200, 143771 MiB"),
        ("echo 'H200, 143771 MiB'", False, State.NOTE, "its libraries are not installed"),
        ("echo no driver >&2; exit 9", True, State.NOTE, "lists none (no driver)"),
        ("exec sleep 20", True, State.NOTE, "does not answer in"),
    ],
)
def test_a_gpu_is_asked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    libraries: bool,
    state: State,
    text: str,
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = machine.gpu(with_libraries=libraries)
    assert found.state is state
    assert text in found.text


def test_no_gpu_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert machine.gpu(with_libraries=False).state is State.OK
