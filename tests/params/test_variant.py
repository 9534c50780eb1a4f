"""What a run is called after: in a git repository with settings and scales of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.checkout import Checkout
from szmass.params.variant import current_variant

COMMITTED = """
seed: 1
mresunet: {width: 8, epochs: 12, learning_rate: 2.0e-3}  # a comment
bins: {z1: [0.0, 0.1]}
resources: {workers: 2}
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The params.yaml of a fresh repository at its committed scale, `small`."""
    (tmp_path / "scales").mkdir()
    (tmp_path / "scales" / "small.yaml").write_text("mresunet: {width: 8, epochs: 12}")
    (tmp_path / "scales" / "large.yaml").write_text("mresunet: {width: 64, epochs: 100}")
    (tmp_path / "params.yaml").write_text(COMMITTED)
    monkeypatch.chdir(tmp_path)
    checkout = Checkout(tmp_path)
    for command in (
        "git init --quiet",
        "git add .",
        "git -c user.name=T -c user.email=t@example.org commit --quiet --message settings",
    ):
        done = checkout.run(*command.split())
        assert done.returncode == 0, done.stderr
    return tmp_path / "params.yaml"


@pytest.mark.parametrize(
    ("edits", "words", "changes"),
    [
        ({}, [], ""),
        ({"workers: 2": "workers: 8"}, [], ""),
        ({"2.0e-3": "5e-4"}, ["learning_rate=0.0005"], "mresunet.learning_rate=0.0005"),
        ({"8, epochs: 12": "64, epochs: 100"}, ["large"], ""),
        (
            {"8, epochs: 12": "64, epochs: 90", "0.1]": "0.2]"},
            ["large", "epochs=90", "z1=[0.0,0.2]"],
            "mresunet.epochs=90 bins.z1=[0.0,0.2]",
        ),
        (
            {"seed: 1": "seed: 2", "2.0e-3": "1.0e-3", "0.1]": "0.2]", "z1": "z9"},
            ["seed=2", "learning_rate=0.001", "z9=[0.0,0.2]"],
            "seed=2 mresunet.learning_rate=0.001 bins.z9=[0.0,0.2]",
        ),
    ],
)
def test_a_variant_is_what_differs_from_the_commit(
    settings: Path, edits: dict[str, str], words: list[str], changes: str
):
    text = settings.read_text()
    for old, new in edits.items():
        text = text.replace(old, new)
    settings.write_text(text)

    variant = current_variant()

    assert variant.words == words
    assert variant.facts.get("changes", "") == changes


def test_a_name_has_room_for_few_changes(settings: Path):
    settings.write_text(COMMITTED.replace("seed: 1", "\n".join(f"k{i}: {i}" for i in range(5))))
    assert current_variant().words == ["k0=0", "k1=1", "k2=2", "2 more"]


def test_without_a_commit_there_are_no_words(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    settings.rename(elsewhere / "params.yaml")
    (tmp_path / "scales").rename(elsewhere / "scales")
    monkeypatch.chdir(elsewhere)
    assert current_variant().words == []
    assert current_variant().facts == {"scale": "small"}


def test_without_settings_there_are_no_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert current_variant().words == []
