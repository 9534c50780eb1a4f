"""A line of `szmass doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Whether what was found is right, worth knowing, or will make a command fail."""

    OK = "ok"
    NOTE = "note"
    """Nothing fails, but something is missing or could surprise."""
    WRONG = "wrong"
    """A command will fail."""


@dataclass(frozen=True)
class Finding:
    """A part of the installation, machine or clone, its state, and the command that mends it."""

    what: str
    state: State
    text: str
    remedy: str = ""
    """What to type; "" where there is nothing to do."""

    def in_words(self) -> str:
        """The state in words, then the command that mends it."""
        return f"{self.text}: {self.remedy}" if self.remedy else self.text
