"""Every random stream has a number of its own."""

from __future__ import annotations

import ast

from helpers.source_tree import imports, modules, tree
from szmass import streams

NUMBERS = {name: number for name, number in vars(streams).items() if name.isupper()}


def test_no_two_streams_are_the_same() -> None:
    assert len(NUMBERS) > 10
    assert len(set(NUMBERS.values())) == len(NUMBERS)
    assert all(type(number) is int and number >= 0 for number in NUMBERS.values())


def test_every_stream_is_drawn_from() -> None:
    users = [name for name in modules() if "szmass.streams" in imports(name)]
    words = {
        node.id for name in users for node in ast.walk(tree(name)) if isinstance(node, ast.Name)
    }
    assert set(NUMBERS) <= words
