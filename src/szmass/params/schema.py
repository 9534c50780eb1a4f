"""The JSON schema of params.yaml, from which editors know its keys: `make schema` writes it."""

from __future__ import annotations

import ast
import inspect
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from szmass.params.checks import Section
from szmass.params.pipeline import Params

SCHEMA = Path("params.schema.json")


class _Untitled(GenerateJsonSchema):
    """A schema whose settings have no titles, which would repeat their names."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002
        return False


def schema_text() -> str:
    """The content of params.schema.json."""
    schema = TypeAdapter(Params).json_schema(schema_generator=_Untitled)
    sections = {Params.__name__: schema} | schema["$defs"]
    for section in Section.__subclasses__():
        for name, words in _docstrings(section).items():
            if section.__name__ in sections:
                sections[section.__name__]["properties"][name]["description"] = words
    return json.dumps({"$schema": GenerateJsonSchema.schema_dialect} | schema, indent=1) + "\n"


def _docstrings(section: type) -> dict[str, str]:
    """The text below each setting of a section."""
    (definition,) = ast.parse(inspect.getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


if __name__ == "__main__":
    SCHEMA.write_text(schema_text())
