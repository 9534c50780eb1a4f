"""What editors are told of params.yaml is what its types say."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from helpers import ROOT
from szmass.params.scales import read_scale, scale_names
from szmass.params.schema import SCHEMA, schema_text

WRITTEN = json.loads((ROOT / SCHEMA).read_text())
KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}
LIMITS = {
    "minimum": lambda value, limit: value >= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "minItems": lambda value, limit: len(value) >= limit,
    "maxItems": lambda value, limit: len(value) <= limit,
    "enum": lambda value, choices: value in choices,
}
SHAPE = {"$ref", "type", "properties", "required", "additionalProperties", "items"}
WORDS = {"$schema", "$defs", "description", "title", "format"}


def wrong(value: Any, schema: dict[str, Any], key: str = "") -> Iterator[str]:
    """The keys whose values a schema refuses."""
    schema = WRITTEN["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    assert set(schema) <= {*SHAPE, *WORDS, *LIMITS}, schema
    of_kind = isinstance(value, KINDS[schema["type"]])
    if not of_kind or (isinstance(value, bool) and schema["type"] != "boolean"):
        yield key
        return
    if not all(holds(value, schema[name]) for name, holds in LIMITS.items() if name in schema):
        yield key
    if isinstance(value, dict):
        known, others = schema.get("properties", {}), schema["additionalProperties"]
        yield from (f"{key}.{name}" for name in schema.get("required", []) if name not in value)
        for name, item in value.items():
            if name in known or others:
                yield from wrong(item, known.get(name, others), f"{key}.{name}")
            else:
                yield f"{key}.{name}"
    if isinstance(value, list):
        for item in value:
            yield from wrong(item, schema["items"], key)


def test_the_committed_schema_is_that_of_the_settings():
    """Made equal by `make schema`."""
    assert (ROOT / SCHEMA).read_text() == schema_text()


def test_params_yaml_names_its_schema():
    first_line = (ROOT / "params.yaml").read_text().partition("\n")[0]
    assert first_line == f"# yaml-language-server: $schema={SCHEMA}"


@pytest.mark.parametrize("scale", ["", *scale_names(ROOT / "scales")])
def test_the_settings_are_what_the_schema_says(scale: str):
    content = YAML(typ="safe").load(ROOT / "params.yaml")
    for key, value in (read_scale(ROOT / "scales", scale) if scale else {}).items():
        section, _, name = key.rpartition(".")
        content[section][name] = value
    assert not list(wrong(content, WRITTEN))


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("cnn", "dropout", 1.0),
        ("cnn", "flips", 1),
        ("cnn", "members", 1.5),
        ("cnn", "schedule", "cosin"),
        ("cnn", "dropuot", 0.1),
        ("hydro", "redshifts", [0.5]),
        ("microwave_sets", "other_masses_1e14", [0.0]),
        ("bins", "z1", [0.0, "x"]),
    ],
)
def test_a_wrong_setting_is_not(section: str, name: str, value: object):
    content = YAML(typ="safe").load(ROOT / "params.yaml")
    content[section][name] = value
    assert list(wrong(content, WRITTEN)) == [f".{section}.{name}"]


def test_every_setting_is_described():
    for section in (WRITTEN, *WRITTEN["$defs"].values()):
        assert section["description"].endswith((".", ")"))
        for name, setting in section["properties"].items():
            assert "$ref" in setting or setting["description"].endswith("."), name
