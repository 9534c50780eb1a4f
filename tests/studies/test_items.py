"""An item of a study is made again when what it is made from changes, and only then."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pytest

from helpers.recording import ListRun
from szmass.studies.items import Item, make_items, remove_others, shared_settings, write_item

TABLE = pd.DataFrame({"m500c_msun": [1e14]})


class KilledError(Exception):
    """Stands for whatever ends a step within an item."""


@dataclass
class Study:
    """Makes items of two parts; the metric of a part is what the item is made from."""

    folder: Path
    numbers: Mapping[str, float]
    made: list[str] = field(default_factory=list)
    killed_in: str = ""

    def run(self, identity: str = "one") -> ListRun:
        run = ListRun()
        make_items(self.folder, self.numbers, self.make, identity=identity, run=run)
        return run

    def make(self, item: Item) -> None:
        self.made.append(item.name)
        for part in ("a", "b"):
            with item.run.child(part) as child:
                metrics = {"value": self.numbers[item.name]}
                write_item(item.folder / part, metrics, TABLE, child)
            state = item.folder / part / "networks.training" / "state"
            state.parent.mkdir(exist_ok=True)
            state.touch()
            if item.name == self.killed_in:
                raise KilledError

    @property
    def files(self) -> dict[str, bytes]:
        """Of all items, by their path."""
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


@pytest.fixture
def study(tmp_path: Path) -> Study:
    whole = Study(tmp_path / "items", {"one": 1.0, "two": 2.0})
    whole.run()
    assert whole.made == ["one", "two"]
    whole.made.clear()
    return whole


def test_items_that_are_there_are_not_made_again_but_reported(study: Study) -> None:
    before = study.files
    run = study.run()
    assert study.made == []
    assert study.files == before
    assert list(run.children) == ["one", "two"]
    for name, item in run.children.items():
        for part in ("a", "b"):
            assert item.children[part].metrics == [("value", study.numbers[name], None)]


def test_an_item_that_is_changed_is_made_alone(study: Study) -> None:
    before = study.files
    study.numbers = {"one": 1.0, "two": 3.0}
    study.run()
    assert study.made == ["two"]
    changed = {name for name, content in study.files.items() if before[name] != content}
    assert changed == {"two/made_from", "two/a/metrics.json", "two/b/metrics.json"}


def test_a_new_item_is_made_alone_and_one_that_is_no_longer_named_is_removed(study: Study) -> None:
    study.numbers = {"one": 1.0, "three": 3.0}
    study.run()
    assert study.made == ["three"]
    assert sorted(path.name for path in study.folder.iterdir()) == ["one", "three"]


def test_all_items_are_made_again_from_other_code_settings_or_inputs(study: Study) -> None:
    study.run("two")
    assert study.made == ["one", "two"]


def test_a_killed_step_goes_on_with_the_item_that_it_was_killed_in(study: Study) -> None:
    whole = study.files
    study.killed_in = "two"
    study.numbers = {"one": 4.0, "two": 4.0}
    with pytest.raises(KilledError):
        study.run()
    # what its training goes on from outlives the kill, what was there of the old item does not
    assert (study.folder / "two" / "a" / "networks.training" / "state").is_file()
    assert not (study.folder / "two" / "made_from").exists()
    assert not (study.folder / "two" / "b").exists()
    study.killed_in = ""
    study.made.clear()
    study.run()
    assert study.made == ["two"]
    assert set(study.files) == set(whole)
    assert {json.loads(v)["value"] for k, v in study.files.items() if k.endswith("json")} == {4.0}


def test_settings_of_items_do_not_count_as_shared(tmp_path: Path) -> None:
    study = Study(tmp_path, {"one": 1.0})
    assert shared_settings(study, "numbers", "made") == {"folder": tmp_path, "killed_in": ""}


def test_entries_that_are_not_named_are_removed_with_their_trainings(tmp_path: Path) -> None:
    for name in ("kept", "kept.training", "gone", "gone.training"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    remove_others(tmp_path, ["kept"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "kept.training"]
