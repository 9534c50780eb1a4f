"""Keeps what benchmarks measure: a JSON file each, and the table in benchmarks/README.md.

    python benchmarks/measured.py

writes the table anew from the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
MARK = "<!-- written by benchmarks/measured.py from results/*.json -->"


def row(what: str, measured: str, against: str, asked: str) -> dict[str, str]:
    """A line of the table: what was measured, the result, its peer or floor, what was asked."""
    return {"what": what, "measured": measured, "against": against, "asked": asked}


def keep(name: str, results: dict[str, Any], rows: list[dict[str, str]]) -> None:
    """Writes results/NAME.json with this machine's hardware, and the table."""
    from szmass.provenance import hardware_facts

    content = {**hardware_facts(), **results, "table": rows}
    path = FOLDER / "results" / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    write_table()
    for line in rows:
        print(" | ".join(line.values()))


def write_table() -> None:
    """Puts the rows of every results file into the README, below its mark."""
    lines = [
        "| benchmark | what | measured | peer or floor, in the same run | asked |",
        "|---|---|---|---|---|",
    ]
    machines = set()
    for path in sorted((FOLDER / "results").glob("*.json")):
        content = json.loads(path.read_text())
        for line in content.get("table", []):
            lines.append(f"| `{path.stem}` | " + " | ".join(line.values()) + " |")
            machines.add(f"{content['hardware.cpu']}, {content['hardware.cores']} cores")
    readme = FOLDER / "README.md"
    head = readme.read_text().partition(MARK)[0]
    machine = "Machine: " + "; ".join(sorted(machines)) + "."
    readme.write_text(head + "\n".join([MARK, *lines, "", machine]) + "\n")


if __name__ == "__main__":
    write_table()
