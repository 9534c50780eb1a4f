"""Sections of settings, and the types that their values may have; pydantic checks both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, dataclass_transform

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
)
from pydantic.dataclasses import dataclass

from szmass.errors import SzmassError
from szmass.params.problems import ParamsError, problems

T = TypeVar("T")


class Section:
    """A section of settings: what its own rules between settings say."""

    def problems(self) -> Iterator[str]:
        """A line for each setting that does not fit the others; made by `wrong`."""
        yield from ()

    def __post_init__(self) -> None:
        if lines := list(self.problems()):
            raise ParamsError("\n".join(lines))


@dataclass_transform(frozen_default=True)
def section(cls: type[T]) -> type[T]:
    """Makes a class a frozen dataclass that checks its values, also those of `replace`.

    A wrong one raises a `ParamsError` that names all that is wrong.
    """
    checked: Any = dataclass(frozen=True, config=ConfigDict(extra="forbid"))(cls)
    unchecked = checked.__init__

    def __init__(self: Any, *values: Any, **settings: Any) -> None:  # noqa: N807  # the class's own
        try:
            unchecked(self, *values, **settings)
        except ValidationError as error:
            raise ParamsError("\n".join(problems(error, cls))) from None

    checked.__init__ = __init__
    return checked


def rule(expected: str, holds: Callable[[Any], bool]) -> AfterValidator:
    """A rule about a value of the right type: what is expected in words, and whether it holds."""

    def checked(value: Any) -> Any:
        if not holds(value):
            raise SzmassError(expected)
        return value

    return AfterValidator(checked)


def pair(expected: str, holds: Callable[[float, float], bool]) -> AfterValidator:
    """The rule of two numbers [low, high]."""
    return rule(f"[low, high], {expected}", lambda pair: len(pair) == 2 and holds(*pair))


def _named(path: Any) -> Any:
    if path == "":
        raise SzmassError("a path")
    return path


# pydantic would take "yes" for true, true for 1 and "1" for 1
Flag = Annotated[bool, Strict()]
Text = Annotated[str, Strict()]
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict(), AllowInfNan(False)]
File = Annotated[Path, BeforeValidator(_named)]
List = Annotated[list[T], Strict()]
Names = Annotated[Mapping[str, T], AfterValidator(MappingProxyType)]
"""Names that the user chooses, and their values; read-only."""

PositiveInt = Annotated[Whole, Field(gt=0)]
PositiveFloat = Annotated[Number, Field(gt=0)]
NotNegativeInt = Annotated[Whole, Field(ge=0)]
NotNegativeFloat = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, le=1)]
ShareBelow1 = Annotated[Number, Field(ge=0, lt=1)]
ProperShare = Annotated[Number, Field(gt=0, lt=1)]
Mass = Annotated[Number, Field(ge=0.1, le=30)]
"""In 1e14 Msun, as far as the tables of clusters reach."""
Masses = List[Mass]

TWO = Field(json_schema_extra={"minItems": 2, "maxItems": 2})  # that it is, its rule checks
Pair = Annotated[List[Number], TWO]
MassRange = Annotated[Masses, TWO, pair("low < high", lambda low, high: low < high)]
PositiveRange = Annotated[Pair, pair("0 < low < high", lambda low, high: 0 < low < high)]
RedshiftRange = Annotated[Pair, pair("0 < low < high <= 2", lambda low, high: 0 < low < high <= 2)]
RedshiftBin = Annotated[Pair, pair("0 <= low < high <= 2", lambda low, high: 0 <= low < high <= 2)]


def within(inner: list[float], outer: list[float]) -> bool:
    """Whether one range lies within another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]
