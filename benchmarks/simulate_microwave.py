"""The stage simulate_microwave at scale paper, all sets: seconds, and memory of each process.

    PYTHONPATH=src python benchmarks/simulate_microwave.py

Needs data/spectra.csv. Runs the stage as DVC does, from the start of Python to its exit, and
follows the peak resident memory of it and of each of its dask workers. The peer is the same maps
drawn by one process that shares nothing and writes nothing; the floor is this disk's time for as
many bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter, sleep

import psutil
from measured import keep, row

from szmass.microwave.maps.samples import SHARD_ROWS, list_samples
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.params import load
from szmass.params.scales import apply_scale

ROOT = Path(__file__).parents[1]
ROUNDS = 3
GIB = 2.0**30


def peak_memory_gib(process: psutil.Process) -> float:
    """The most memory that a process has held so far; 0 once it is gone."""
    try:
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return float(line.split()[1]) * 1024 / GIB
    except FileNotFoundError:
        pass
    return 0.0


def run_stage(folder: Path, name: str) -> tuple[float, float, list[float]]:
    """Seconds of a stage, and the peak memory of the parent and of each worker."""
    started = perf_counter()
    stage = subprocess.Popen(
        [sys.executable, "-m", "szmass", name],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": "src"},
    )
    parent, peaks = psutil.Process(stage.pid), {stage.pid: 0.0}
    while stage.poll() is None:
        try:
            family = [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            break
        for process in family:
            peaks[process.pid] = max(peaks.get(process.pid, 0.0), peak_memory_gib(process))
        sleep(0.25)
    if stage.wait() != 0:
        raise SystemExit("the stage failed")
    seconds = perf_counter() - started
    parent_gib = peaks.pop(stage.pid)
    # beside the workers there are small processes that watch over them
    return seconds, parent_gib, sorted(peak for peak in peaks.values() if peak > 0.1)


def draw_in_one_process(folder: Path) -> float:
    """Seconds to draw the maps here, with as many threads as BLAS likes."""
    params = load(folder / "params.yaml")
    started = perf_counter()
    sky = MicrowaveSky(params.microwave, read_spectra(folder / params.paths["spectra_table"]))
    samples = list_samples(params.seed, params.microwave_sets, params.microwave.ln_scatter)
    for start in range(0, len(samples), SHARD_ROWS):
        rows = slice(start, start + SHARD_ROWS)
        sz_uk = sky.sz_uk(samples.m200c_msun[rows], samples.ln_amplitude[rows])
        sky.observe(sz_uk, samples.rngs(rows))
    return perf_counter() - started


def write_bytes(path: Path, size: int) -> float:
    """Seconds to write a file of a size, as the store's are: without waiting for the disk."""
    block = os.urandom(2**22)
    started = perf_counter()
    with path.open("wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
    return perf_counter() - started


def main() -> None:
    """Takes turns, and keeps the fastest of the rounds."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "src").symlink_to(ROOT / "src")
        shutil.copy(ROOT / "params.yaml", folder)
        apply_scale(folder / "params.yaml", ROOT / "scales" / "paper.yaml")
        params = load(folder / "params.yaml")
        table, store = params.paths["spectra_table"], folder / params.paths["microwave_store"]
        (folder / table).parent.mkdir(parents=True)
        shutil.copy(ROOT / table, folder / table)
        runs = []
        for _ in range(ROUNDS):
            seconds, parent_gib, workers_gib = run_stage(folder, "simulate_microwave")
            size = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
            runs.append({
                "stage_seconds": seconds,
                "one_process_seconds": draw_in_one_process(folder),
                "disk_seconds": write_bytes(folder / "disk", size),
                "peak_parent_gib": parent_gib,
                "peak_workers_gib": workers_gib,
            })  # fmt: skip
        maps = len(list_samples(params.seed, params.microwave_sets, params.microwave.ln_scatter))
    best = min(runs, key=lambda run: run["stage_seconds"])
    workers = max(max(run["peak_workers_gib"]) for run in runs)
    parent = max(run["peak_parent_gib"] for run in runs)
    results = {"maps": maps, "store_bytes": size, "workers": params.resources.workers, "runs": runs}
    keep("simulate_microwave", results, [
        row(f"`simulate_microwave`, {maps:,} maps, {params.resources.workers} workers",
            f"{best['stage_seconds']:.1f} s",
            f"one process without a store {best['one_process_seconds']:.1f} s; "
            f"{size / 1e6:.0f} MB to disk {best['disk_seconds']:.2f} s", "30 s"),
        row("its peak memory, of a worker and of the parent",
            f"{workers:.2f} and {parent:.2f} GiB", "", "2 GiB a worker"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
