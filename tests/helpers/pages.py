"""The pages of the documentation as tests read them: code, tables, links, and what they name."""

from __future__ import annotations

import argparse
import ast
import builtins
import re
import subprocess
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from helpers import ROOT
from helpers.committed import SETTINGS
from helpers.source_tree import modules
from szmass.cli import _parser
from szmass.predict.released import RELEASED

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PARAMS: Mapping[str, Any] = YAML(typ="safe").load(SETTINGS)
STAGES: Mapping[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
MAKEFILE = (ROOT / "Makefile").read_text()
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
INDENTED = re.compile(r"(?<=\n\n)(?: {4,}.*\n|\n(?= {4}))+")
SPAN = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")
PYTHON = re.compile(
    r"^(?:<!-- not run: ([^\n]+) -->\n)?```python\n(.*?)^```$", re.DOTALL | re.MULTILINE
)
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?<!-m )(?<![\w./-])szmass (?P<name>[a-z][\w-]*)(?P<rest>[^\n|&;)]*)")
FOLDER = re.compile(r"(src|tests|docs|data|metrics|models|studies|scales|benchmarks|\.dvc|\.ci)/")
AT_THE_ROOT = re.compile(r"[\w.-]+\.(md|yaml|toml|lock|cff|py)")
SETTING = re.compile(rf"(?<![\w./])({'|'.join(PARAMS)})((?:\.[a-z]\w*)+)")
WRITTEN = (*PARAMS["paths"].values(), str(RELEASED), ".dvc/config.local", "studies/*/items")
"""What commands write, and git does not have."""


def name_of(page: Path) -> str:
    """A page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def code(text: str) -> list[str]:
    """Blocks and spans of code."""
    blocks = [block for _, block in FENCED.findall(text)]
    rest = FENCED.sub("", text)
    blocks += INDENTED.findall(rest)
    return blocks + SPAN.findall(INDENTED.sub("", rest))


def spans(text: str) -> list[str]:
    """The spans of code in a cell or a paragraph."""
    return [" ".join(span.split()) for span in SPAN.findall(text)]


def tables(text: str) -> dict[str, list[list[list[str]]]]:
    """The tables under each heading: rows of cells, the first row the header."""
    found: dict[str, list[list[list[str]]]] = {}
    heading, inside = "", False
    for line in FENCED.sub("", text).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        row = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif not inside:
            found.setdefault(heading, []).append([row])
            inside = True
        elif set(line) - set("|-: "):
            found[heading][-1].append(row)
    return found


def columns(formats: str) -> dict[str, set[str]]:
    """What docs/formats.md says that tables have in their columns, and folders of models in files.

    Args:
        formats: the page.

    Returns:
        Names by path; a folder may have stars.
    """
    found: dict[str, set[str]] = {}
    for heading, under in tables(formats).items():
        for header, *rows in under:
            if header[0] == "column":
                found |= {
                    path: set(spans(" ".join(row[0] for row in rows))) for path in spans(heading)
                }
            elif header[1] in {"columns", "files"}:
                paths = [re.sub("<[^>]*>", "*", spans(row[0])[0]) for row in rows]
                found |= {path: set(spans(row[1])) for path, row in zip(paths, rows, strict=True)}
    return found


def python_blocks(text: str) -> list[str]:
    """The blocks of Python that can be run; the comment before another says why it cannot."""
    return [block for reason, block in PYTHON.findall(text) if not reason]


def broken_links(page: Path, text: str) -> list[str]:
    """Relative links that lead to no file, or to no heading of a page."""
    links = [link for link in LINK.findall(text) if not re.match(r"\w+:", link)]
    return [link for link in links if not _leads_somewhere(page, *link.partition("#")[::2])]


def _leads_somewhere(page: Path, path: str, anchor: str) -> bool:
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in _anchors(target.read_text()))


def _anchors(text: str) -> set[str]:
    """What the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


def missing_files(text: str) -> list[str]:
    """Paths in the code of a page that are neither in the repository nor written by a command."""
    paths = {token.partition("::")[0] for part in code(text) for token in _tokens(part)}
    named = [path for path in paths if FOLDER.match(path) or AT_THE_ROOT.fullmatch(path)]
    return sorted(path for path in named if not _is_there(path.rstrip("/")))


def _tokens(part: str) -> list[str]:
    """Words, with a star for what the reader puts in."""
    starred = re.sub(r"<[^>]*>|\$\{[^}]*\}|\b[A-Z]{2,}\b", "*", part)
    return [word.strip(".:'\"") for word in re.split(r"[\s,;=()\[\]$`]+", starred)]


def _is_there(path: str) -> bool:
    if path in _known() or ("*" in path and any(fnmatch(name, path) for name in _known())):
        return True
    return any(
        fnmatch(f"{path}/", f"{written}[/._]*") or written.startswith(f"{path}/")
        for written in WRITTEN
    )


@cache
def _known() -> frozenset[str]:
    """Files that git knows or would take, their folders, and their names alone."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    files = [Path(name) for name in listed if (ROOT / name).exists()]
    folders = {parent.as_posix() for file in files for parent in file.parents}
    return frozenset({*map(Path.as_posix, files), *(file.name for file in files), *folders})


def unknown_commands(text: str) -> list[str]:
    """Commands, options, targets of make, stages and studies that do not exist."""
    return [problem for part in code(text) for problem in _unknown_in(part.replace("\\\n", ""))]


@cache
def _options() -> Mapping[str, frozenset[str]]:
    """The options of each command of szmass, those of its actions among them."""
    return {name: frozenset(_all_options(command)) for name, command in _below(_parser()).items()}


def _below(parser: argparse.ArgumentParser) -> Mapping[str, argparse.ArgumentParser]:
    """The parsers of a parser's commands, by name."""
    found = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return next((action.choices for action in found), {})


def _all_options(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield from parser._option_string_actions
    for command in _below(parser).values():
        yield from _all_options(command)


def _unknown_in(part: str) -> Iterator[str]:
    for found in COMMAND.finditer(part):
        name, rest = found["name"], found["rest"].partition("  #")[0]
        if name not in _options():
            yield f"szmass {name}"
            continue
        known = _options()[name]
        yield from (f"szmass {name} {o}" for o in re.findall(r"--[\w-]+", rest) if o not in known)
        if name == "study":
            yield from (f"szmass study {s}" for s in _words(rest) if not _is_study(s))
    for target in re.findall(r"(?:^|&& )\s*make ([a-z]+)", part, re.MULTILINE):
        if f"\n{target}:" not in MAKEFILE:
            yield f"make {target}"
    for stage in re.findall(r"python -m szmass ([a-z_]+)", part):
        if stage not in STAGES:
            yield f"python -m szmass {stage}"
    for line in re.findall(r"dvc (?:repro|exp run)([^\n&|;)]*)", part):
        words = _words(re.sub(r"(-S|-C|--name) \S+|\$\(.*|--set", "", line.partition("  #")[0]))
        names = {word.partition("@")[0] for word in words if not word.startswith("studies/")}
        yield from (f"dvc repro {name}" for name in sorted(names - set(STAGES)))


def _words(text: str) -> list[str]:
    """Words of a command that are neither options nor for the reader to put in."""
    return [word for word in text.split() if re.fullmatch(r"[a-z][\w/.@]*", word)]


def _is_study(name: str) -> bool:
    return (ROOT / "studies" / name / "dvc.yaml").is_file()


def unknown_settings(text: str) -> list[str]:
    """Keys of params.yaml that do not exist."""
    found = {match[0] for part in code(text) for match in SETTING.finditer(part)}
    return sorted(key for key in found if not _is_setting(key))


def _is_setting(key: str) -> bool:
    branch: Any = PARAMS
    for part in key.split("."):
        if not isinstance(branch, Mapping) or part not in branch:
            return False
        branch = branch[part]
    return True


def unknown_names(text: str) -> list[str]:
    """Names of our code, exceptions and tests that do not exist."""
    joined = "\n".join(code(text))
    imported = [
        f"{node.module}.{alias.name}"
        for language, block in FENCED.findall(text)
        if language == "python"
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    dotted = [*re.findall(r"\bszmass(?:\.\w+)+", joined), *imported]
    wrong = {name for name in dotted if name.startswith("szmass.") and not _is_defined(name)}
    wrong |= set(re.findall(r"\b[A-Z]\w*Error\b", joined)) - _exceptions()
    for path, test in re.findall(r"(tests/[\w/]+\.py)::(\w+)", joined):
        if f"def {test}(" not in (ROOT / path).read_text():
            wrong.add(f"{path}::{test}")
    return sorted(wrong)


@cache
def _exceptions() -> frozenset[str]:
    """Ours and Python's."""
    text = "\n".join(path.read_text() for path in modules().values())
    return frozenset({*re.findall(r"^class (\w+)\(", text, re.MULTILINE), *dir(builtins)})


def _is_defined(name: str) -> bool:
    """Whether a dotted name is a module of ours, or defined in one."""
    module, _, last = name.rpartition(".")
    if name in modules():
        return True
    return module in modules() and re.search(
        rf"^(?:(?:def|class) {last}\b|{last}\b.*[=:])|import .*\b{last}\b|^    \"{last}\",$",
        modules()[module].read_text(),
        re.MULTILINE,
    ) is not None  # fmt: skip


@cache
def our_text() -> str:
    """All our code, with what is written as several strings in a row as one."""
    text = "\n".join(path.read_text() for path in modules().values())
    return re.sub(r'"\s*\n\s*f?"', "", text)
