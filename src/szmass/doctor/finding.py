"""A line of `szmass doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"
    """Nothing fails, but something is missing or could surprise."""
    WRONG = "wrong"
    """A command will fail."""


@dataclass(frozen=True)
class Finding:
    """What was looked at, what was found, and what to do about it."""

    what: str
    state: State
    text: str
    remedy: str = ""
    """What to type; "" where there is nothing to do."""

    def in_words(self) -> str:
        """What was found, then what to do."""
        return f"{self.text}: {self.remedy}" if self.remedy else self.text
