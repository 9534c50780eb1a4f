"""What is wrong with settings: a line for each problem, in words of szmass."""

from __future__ import annotations

from collections.abc import Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin

from pydantic import ValidationError

from szmass.errors import SzmassError, did_you_mean, near_word

KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list",
    "dict_type": "names and their values",
    "dataclass_type": "a section of keys",
}
"""What was expected where pydantic names an error so."""
LIMITS = {"greater_than", "greater_than_equal", "less_than", "less_than_equal"}
UNKNOWN = {"unexpected_keyword_argument", "invalid_key"}

Location = tuple[int | str, ...]


class ParamsError(SzmassError):
    """Settings are missing, unknown, of the wrong type, or make no sense: a problem a line."""


def wrong(key: str, value: object, expected: str) -> str:
    """The line that says what a setting is, and what was expected."""
    return f"{key} = {value!r}: expected {expected}"


def require(condition: bool, key: str, value: object, expected: str) -> None:
    """Raises a `ParamsError` that names the key, its value and what was expected."""
    if not condition:
        raise ParamsError(wrong(key, value, expected))


def problems(error: ValidationError, section: type) -> list[str]:
    """All that pydantic found wrong with a section, a line each, with dotted keys."""
    items: list[Any] = error.errors(include_url=False)
    unknown = [item["loc"] for item in items if item["type"] in UNKNOWN]
    meant = [(*place[:-1], near_word(str(place[-1]), _keys(section, place))) for place in unknown]
    lines: list[str] = []
    for item in items:
        # the key that a misspelt one stands for is not missing as well
        if not (item["type"] == "missing" and item["loc"] in meant):
            lines += _lines(item, section)
    return lines


def _lines(item: dict[str, Any], section: type) -> Iterable[str]:
    """The lines of one of pydantic's errors: one, or all that a section found wrong with itself."""
    kind, place, cause = item["type"], item["loc"], item.get("ctx", {}).get("error")
    key = _dotted(place)
    if isinstance(cause, ParamsError):
        return [f"{key}.{line}" if key else line for line in str(cause).splitlines()]
    if kind == "missing":
        return [f"{key}: missing"]
    if kind in UNKNOWN:
        word, prefix = str(place[-1]), _dotted((*place[:-1], ""))
        hint = did_you_mean(word, _keys(section, place), prefix=prefix)
        return [f"{prefix}{word}: unknown key{hint}"]
    if place[-1:] == ("[key]",):
        return [wrong(_dotted(place[:-2]), item["input"], "text as a name")]
    return [wrong(key or "the file", item["input"], _expected(item, section))]


def _expected(item: dict[str, Any], section: type) -> str:
    """What a value should have been."""
    kind = item["type"]
    if kind == "value_error":
        return str(item["ctx"]["error"])
    if kind == "literal_error":
        return "one of " + ", ".join(map(str, get_args(_type_at(section, item["loc"])[0])))
    if kind in LIMITS:
        return _range(_type_at(section, item["loc"])[1])
    return KINDS.get(kind, item["msg"])


def _range(rules: Iterable[Any]) -> str:
    """The limits of a number in words."""
    flat = [part for rule in rules for part in (rule, *getattr(rule, "metadata", ()))]
    gt, ge, lt, le = (
        next((getattr(part, name) for part in flat if hasattr(part, name)), None)
        for name in ("gt", "ge", "lt", "le")
    )
    if ge is not None and le is not None:
        return f"{ge} to {le}"
    words = {"above {}": gt, "{} or more": ge, "less than {}": lt, "at most {}": le}
    text = " and ".join(form.format(limit) for form, limit in words.items() if limit is not None)
    return f"a number {text}" if text.startswith("above") and lt is None else text


def _type_at(section: type, place: Location) -> tuple[Any, list[Any]]:
    """The type of a setting, and the rules that are annotated beside it."""
    wanted: Any = section
    rules: list[Any] = []
    for name in place:
        if fields := getattr(wanted, "__pydantic_fields__", None):
            field = fields[name]
            wanted, rules = field.annotation, field.metadata
        else:
            wanted = get_args(wanted)[-1]
        if isinstance(wanted, UnionType):  # a setting that may be None
            wanted = next(kind for kind in get_args(wanted) if kind is not NoneType)
        if get_origin(wanted) is Annotated:
            wanted, *rules = get_args(wanted)
    return wanted, rules


def _keys(section: type, place: Location) -> list[str]:
    """The known keys of the section that a key stands in."""
    return list(_type_at(section, place[:-1])[0].__pydantic_fields__)


def _dotted(place: Location) -> str:
    """Where a value stands: `mresunet.width`, `bins.z1[0]`."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in place]
    return "".join(parts).removeprefix(".")
