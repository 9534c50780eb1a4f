"""The package's modules and their imports, read from the source and never executed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from helpers import ROOT

PACKAGE = ROOT / "src" / "szmass"


@cache
def modules() -> dict[str, Path]:
    """Every module's file by dotted name; a package's is its `__init__.py`."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(modules()[module].read_text())


@cache
def imports(module: str) -> frozenset[str]:
    """All that a module imports, wherever in it, as dotted names.

    A name imported from a package of ours is that module of it, where it is one.
    """
    return frozenset(_imports(module))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: relative import in line {node.lineno}"
            assert node.module is not None
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield name if name in modules() else node.module


def reached_from(module: str) -> frozenset[str]:
    """The module and all of ours that it imports in the end, with the packages they lie in."""
    reached: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            parts = name.split(".")
            parents = {".".join(parts[:end]) for end in range(1, len(parts))}
            own = {found for found in imports(name) if found.split(".")[0] == "szmass"}
            waiting += own | parents
    return frozenset(reached)
