"""`CITATION.cff` names what szmass is made of, in the form that the standard asks for."""

from __future__ import annotations

import re

from ruamel.yaml import YAML

from helpers import ROOT

CITATION = YAML(typ="safe").load(ROOT / "CITATION.cff")
ARXIV = re.compile(r"arxiv\.org/abs/(\d{4}\.\d{4,5})")


def cited() -> set[str]:
    """Numbers of the papers on arXiv that are cited."""
    return {
        identifier["value"].removeprefix("arXiv:")
        for reference in CITATION["references"]
        for identifier in reference.get("identifiers", ())
    }


def test_both_papers_and_the_sources_of_the_reference_files_are_cited():
    sources = set(ARXIV.findall((ROOT / "data" / "reference" / "README.md").read_text()))
    assert {"2003.06135", "2209.10333", "1502.01598"} | sources <= cited()
    repositories = [reference.get("repository", "") for reference in CITATION["references"]]
    assert "https://github.com/The300th/DeepPlanck" in repositories


def test_every_reference_says_what_who_and_when():
    for reference in CITATION["references"]:
        assert {"type", "title", "authors", "year"} <= set(reference)
        for author in reference["authors"]:
            assert "name" in author or {"family-names", "given-names"} <= set(author)


def test_the_model_card_cites_the_same_papers():
    card = (ROOT / "docs" / "model_card.md").read_text()
    assert set(ARXIV.findall(card)) <= cited()
    assert {"2003.06135", "2209.10333", "1502.01598"} <= set(ARXIV.findall(card))
