"""What `import szmass` costs: against Python's own start, in turns.

PYTHONPATH=src python benchmarks/import_time.py
"""

from __future__ import annotations

import subprocess
import sys
from statistics import median
from time import perf_counter

from measured import keep, row

ROUNDS = 15


def seconds(code: str) -> float:
    """Seconds from the start to the end of a Python that runs this."""
    started = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - started


def main() -> None:
    """Takes turns, and keeps the medians; the first round fills the disk's cache."""
    rounds = [(seconds("import szmass"), seconds("pass")) for _ in range(ROUNDS + 1)][1:]
    bare = median(start for _, start in rounds)
    added = median(a - b for a, b in rounds)
    results = {"import_seconds": added, "python_seconds": bare}
    measured, start = f"{max(added, 0) * 1e3:.0f} ms", f"Python's own start {bare * 1e3:.0f} ms"
    keep("import_time", results, [row("`import szmass`", measured, start, "200 ms")])


if __name__ == "__main__":
    main()
