"""Digests of the code that a stage runs: the same as long as the code does the same.

DVC follows no imports. So one stage writes, for each other stage, a digest of its module and of all
modules of szmass that it imports in the end, and that stage depends on this line. Comments,
docstrings, layout, the order of imports and the names of modules are not part of a digest: a module
enters those that import it by its own digest, and one that holds literal constants alone by the
values that are imported. It is the same on every Python that szmass supports.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from szmass.errors import SzmassError

ROOT = "szmass"
WITHOUT_RESULT = ("code_digests", "errors", "params", "quiet", "reporting", "tracking")
"""Parts of the package that cannot change what a stage writes: they check settings, report, or say
whether a killed training may go on."""
DYNAMIC_IMPORTS = ("import_module", "__import__", "exec", "eval")


class DigestError(SzmassError):
    """A module imports another by a name made at run time, or imports itself in the end."""


@dataclass(frozen=True)
class CodeDigests:
    """Digests of the modules of a package, read from its source and never executed.

    Args:
        package: folder of the package `szmass`.
    """

    package: Path
    _known: dict[str, str] = field(default_factory=dict, init=False, repr=False)
    _constants_of: dict[str, Mapping[str, str]] = field(
        default_factory=dict, init=False, repr=False
    )
    _open: list[str] = field(default_factory=list, init=False, repr=False)

    @cached_property
    def modules(self) -> dict[str, Path]:
        """Each module's file by its dotted name; a package's is its `__init__.py`."""
        files = {}
        for path in sorted(self.package.rglob("*.py")):
            parts = (ROOT, *path.relative_to(self.package).with_suffix("").parts)
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return files

    def digest(self, module: str) -> str:
        """The digest of a module and of all of szmass that it imports in the end.

        Raises:
            DigestError: a module is imported by name at run time, or imports itself in the end.
        """
        if module in self._open:
            raise DigestError(f"{module}: imports itself: {' -> '.join([*self._open, module])}")
        if module not in self._known:
            self._open.append(module)
            content = [*self._canonical(module), *self._beside(module)]
            self._known[module] = hashlib.sha256("\n".join(content).encode()).hexdigest()
            self._open.pop()
        return self._known[module]

    def _canonical(self, module: str) -> Iterator[str]:
        """The statements of a module, as text that only a change of what they do changes."""
        path, tree = self.modules[module], self._tree(module)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _called(node) in DYNAMIC_IMPORTS:
                raise DigestError(
                    f"{path}, line {node.lineno}: {_called(node)}: expected imports by name alone, "
                    "since this one could not be seen by DVC"
                )
        yield from self._statements(tree.body)

    def _tree(self, module: str) -> ast.Module:
        """The syntax tree of a module."""
        path = self.modules[module]
        return ast.parse(path.read_text(encoding="utf-8"), str(path))

    def _beside(self, module: str) -> Iterator[str]:
        """Digests of the files that a module names and that lie beside it, such as a template.

        A file that such a file names counts as well.
        """
        beside = {
            path.name: path.read_bytes()
            for path in self.modules[module].parent.iterdir()
            if path.is_file() and path.suffix != ".py"
        }
        named: dict[str, bytes] = {}
        texts = [self.modules[module].read_bytes()]
        while texts:
            text = texts.pop()
            new = {name for name in beside if name.encode() in text} - set(named)
            named |= {name: beside[name] for name in new}
            texts += [beside[name] for name in new]
        for name, content in sorted(named.items()):
            yield f"{name} {hashlib.sha256(content).hexdigest()}"

    def _statements(self, body: Sequence[ast.stmt]) -> Iterator[str]:
        """Statements in their order, each run of imports sorted; docstrings are left out."""
        imports: set[str] = set()
        for node in body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports.update(self._imports(node))
                continue
            yield from sorted(imports)
            imports = set()
            if not (isinstance(node, ast.Expr) and _is_text(node.value)):
                yield self._text(node)
        yield from sorted(imports)

    def _imports(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        """Each name that an import binds, and what it is bound to."""
        for alias in node.names:
            if isinstance(node, ast.Import):
                name, bound, attribute = alias.name, alias.asname or alias.name, ""
            elif f"{node.module}.{alias.name}" in self.modules:
                name, bound = f"{node.module}.{alias.name}", alias.asname or alias.name
                attribute = ""
            else:
                name, bound = str(node.module), alias.asname or alias.name
                attribute = alias.name
            if attribute in self._constants(name):
                yield f"import {self._constants(name)[attribute]} as {bound}"
                continue
            if name in self.modules:
                name = self._entry(name)
            if name:
                yield f"import {name} {attribute} as {bound}"

    def _constants(self, module: str) -> Mapping[str, str]:
        """The values in a module that holds literal constants alone; nothing of another one."""
        if module not in self._constants_of:
            self._constants_of[module] = {}
            body = self._tree(module).body if module in self.modules else []
            statements = [node for node in body if not _is_docstring_or_future(node)]
            if all(_is_literal(node) for node in statements):
                self._constants_of[module] = {
                    target.id: self._text(node.value)
                    for node in statements
                    if isinstance(node, ast.Assign)
                    for target in node.targets
                    if isinstance(target, ast.Name)
                }
        return self._constants_of[module]

    def _entry(self, module: str) -> str:
        """A module's digest for those that import it; empty where it can change no result."""
        part = module.removeprefix(ROOT).lstrip(".").partition(".")[0]
        return "" if part in ("", *WITHOUT_RESULT) else self.digest(module)

    def _text(self, node: object) -> str:
        """A node of the syntax tree, without what the versions of Python disagree about."""
        if isinstance(node, list):
            return f"[{', '.join(self._text(item) for item in node)}]"
        if not isinstance(node, ast.AST):
            return f"{type(node).__name__} {node!r}"
        parts = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                parts.append(f"body={list(self._statements(value))}")
            elif isinstance(node, ast.JoinedStr) and isinstance(value, list):
                # an empty piece of an f-string is there or not, by the version
                parts.append(self._text([v for v in value if not _is_text(v, "")]))
            elif value is not None and value != []:
                parts.append(f"{name}={self._text(value)}")
        return f"{type(node).__name__}({', '.join(parts)})"


def _is_text(node: object, text: str | None = None) -> bool:
    """Whether a node is a text, or this one."""
    constant = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return constant and (text is None or node.value == text)  # type: ignore[attr-defined]


def _is_docstring_or_future(node: ast.stmt) -> bool:
    """Whether a statement defines nothing."""
    future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
    return future or (isinstance(node, ast.Expr) and _is_text(node.value))


def _is_literal(node: ast.stmt) -> bool:
    """Whether a statement gives a name to a literal."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)


def _called(node: ast.Call) -> str:
    """The last name of what is called."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))
