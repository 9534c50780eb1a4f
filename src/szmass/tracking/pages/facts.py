"""What a run says of itself from its beginning."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from szmass.tracking.pages.words import DATASETS, OTHER_SKIES, data_in_words, stage_in_words


@dataclass(frozen=True)
class Description:
    """What a run says of itself from its beginning."""

    label: str
    """What is run."""
    place: Sequence[str]
    """Of what its children are parts, the nearest first: a bin, or an ensemble of a bin."""
    suffix: str
    """What tells it from other runs of the same; its children bear it too."""
    facts: Mapping[str, str]
    settings: Mapping[str, str]
    paths: Mapping[str, Path]
    """Of the stage, by their key in params.yaml."""
    md5: Mapping[str, str]
    """DVC's digests of its inputs, by the same keys."""
    within: bool = False
    """Whether the run is part of a stage's."""

    @property
    def stage(self) -> str:
        """The stage that is run; nothing for a part of it."""
        return "" if self.within else self.label.split()[0]

    @property
    def experiment(self) -> str:
        """The DVC experiment, if it is one."""
        return self.facts.get("dvc.exp_name", "")

    @property
    def stores(self) -> dict[str, str]:
        """DVC's digests of the stores among the inputs, by their key."""
        return {key: md5 for key, md5 in self.md5.items() if self.paths[key].suffix == ".zarr"}

    @property
    def name(self) -> str:
        """Of the run, in MLflow."""
        return f"{self.label} {self.suffix}"

    def name_of(self, key: str) -> str:
        """A store in words."""
        return DATASETS.get(key, self.paths[key].name)

    def in_words(self) -> str:
        """What the run does, and the data it reads."""
        data = {self.name_of(key): md5 for key, md5 in self.stores.items()}
        parts = (stage_in_words(self.stage), data_in_words(data))
        return "\n\n".join(filter(None, parts))

    def data_of(self, metric: str) -> dict[str, str]:
        """The store whose maps a metric is of, as MLflow has it with the metric.

        Its key begins with a word of the metric's name, or else of the run's, or it is the only
        one.
        """
        stores = self.stores
        words = re.split(r"[^a-z0-9]+", f"{metric} {self.label}")
        by_word = {key.partition("_")[0]: key for key in stores}
        named = [
            by_word[word] for word in (OTHER_SKIES.get(w, w) for w in words) if word in by_word
        ]
        if not (key := next(iter(named or (stores if len(stores) == 1 else ())), "")):
            return {}
        return {"dataset_name": self.name_of(key), "dataset_digest": stores[key]}
