"""What tells one run from another: its scale, and the settings that are not the committed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from szmass.params.scales import leaves, read_scale, read_tree, scale_names
from szmass.provenance import committed_text

PARAMS = Path("params.yaml")
SCALES = Path("scales")
WITHOUT_RESULT = ("paths.", "resources.", "surveys")
"""Sections that change no result; `surveys` says which are trained."""
SHOWN = 3
"""Changes that a name has room for."""


@dataclass(frozen=True)
class Variant:
    """The settings of a run, in few words."""

    scale: str
    """The nearest one; empty where there are no scales."""
    committed: bool
    """Whether that is the scale of the commit."""
    changes: Mapping[str, str]
    """Settings that are neither the commit's nor the scale's, by dotted key."""

    @property
    def words(self) -> list[str]:
        """For a name: another scale than the commit's, and the first changes, by their last key."""
        settings = [f"{key.rpartition('.')[2]}={text}" for key, text in self.changes.items()]
        more = [f"{len(settings) - SHOWN} more"] if len(settings) > SHOWN else []
        scale = [] if self.committed else [self.scale]
        return [*scale, *settings[:SHOWN], *more]

    @property
    def facts(self) -> dict[str, str]:
        """For tags: all of it."""
        changes = " ".join(f"{key}={text}" for key, text in self.changes.items())
        facts = {"scale": self.scale, "changes": changes}
        return {name: text for name, text in facts.items() if text}


def current_variant() -> Variant:
    """The variant of the current folder's params.yaml.

    Each scale, written over the commit's params.yaml, would give one file; the scale whose file
    has the fewest other values is the nearest.
    """
    settings = _settings(read_tree(PARAMS)) if PARAMS.is_file() else {}
    committed = committed_text(PARAMS)
    base = _settings(YAML(typ="safe").load(committed)) if committed else settings
    scaled = {name: base | read_scale(SCALES, name) for name in scale_names(SCALES)}
    candidates = [
        Variant(name, values == base, _changes(values, settings))
        for name, values in (scaled or {"": base}).items()
    ]
    return min(candidates, key=lambda variant: len(variant.changes))


def _settings(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that change a result, by dotted key."""
    return {key: value for key, value in leaves(tree) if not key.startswith(WITHOUT_RESULT)}


def _changes(base: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, str]:
    """Settings that are not as in `base`."""
    return {
        key: str(value).replace(" ", "")
        for key, value in settings.items()
        if key not in base or base[key] != value
    }
