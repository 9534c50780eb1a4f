"""What a setting must be: rules that stand beside a section's fields, and how they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Annotated, Any, get_args, get_type_hints

from szmass.errors import SzmassError


class ParamsError(SzmassError):
    """A setting is missing, unknown, of the wrong type, or makes no sense."""


def require(condition: bool, key: str, value: object, expected: str) -> None:
    """Raises a `ParamsError` that names the key, its value and what was expected."""
    if not condition:
        raise ParamsError(f"{key} = {value!r}: expected {expected}")


def did_you_mean(word: str, known: Iterable[str], *, prefix: str = "") -> str:
    """What a message about an unknown word ends with: the nearest known one, if any is near.

    Args:
        word: that is unknown.
        known: the words it could have been.
        prefix: what stands before the word that is suggested, such as its section.
    """
    near = get_close_matches(word, list(known), n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


@dataclass(frozen=True)
class Rule:
    """What a value must be, in words and as a question."""

    expected: str
    holds: Callable[[Any], bool]


def pair(expected: str, holds: Callable[[float, float], bool]) -> Rule:
    """The rule of two numbers [low, high]."""
    return Rule(f"[low, high], {expected}", lambda pair: len(pair) == 2 and holds(*pair))


ABOVE_0 = Rule("a number above 0", lambda number: number > 0)
FROM_0 = Rule("0 or more", lambda number: number >= 0)
MASSES = Rule(
    "masses from 0.1 to 30 (in 1e14 Msun)", lambda masses: all(0.1 <= m <= 30 for m in masses)
)
REDSHIFT_BIN = pair("0 <= low < high <= 2", lambda low, high: 0 <= low < high <= 2)

PositiveInt = Annotated[int, ABOVE_0]
PositiveFloat = Annotated[float, ABOVE_0]
NotNegativeInt = Annotated[int, FROM_0]
NotNegativeFloat = Annotated[float, FROM_0]
Share = Annotated[float, Rule("0 to 1", lambda share: 0 <= share <= 1)]
ShareBelow1 = Annotated[float, Rule("0 or more and less than 1", lambda share: 0 <= share < 1)]
ProperShare = Annotated[float, Rule("above 0 and less than 1", lambda share: 0 < share < 1)]
Mass = Annotated[float, Rule(MASSES.expected, lambda mass: MASSES.holds([mass]))]
Masses = Annotated[list[float], MASSES]
MassRange = Annotated[list[float], pair("low < high", lambda low, high: low < high), MASSES]
PositiveRange = Annotated[list[float], pair("0 < low < high", lambda low, high: 0 < low < high)]
RedshiftRange = Annotated[
    list[float], pair("0 < low < high <= 2", lambda low, high: 0 < low < high <= 2)
]


class Section:
    """A section of settings, whose dataclass fields are checked by the rules of their types."""

    @classmethod
    @cache
    def types(cls) -> dict[str, Any]:
        """The type of each setting, with its rules."""
        return get_type_hints(cls, include_extras=True)

    def __post_init__(self) -> None:
        for name, wanted in self.types().items():
            for rule in get_args(wanted):
                if isinstance(rule, Rule):
                    self.require(rule.holds(getattr(self, name)), name, rule.expected)

    def require(self, condition: bool, name: str, expected: str) -> None:
        """Raises a `ParamsError` that names a setting of the section, and what was expected."""
        value = getattr(self, name)
        require(condition, name, dict(value) if isinstance(value, Mapping) else value, expected)
