"""The numbers that de Andres et al. 2022 (dA22) publish of their networks, beside ours.

The numbers lie in `data/reference/de_andres_2022.yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from szmass.compton.network.selection import SELECTED
from szmass.compton.results.metrics import CUTS
from szmass.evaluation.papers import read_paper
from szmass.sky.redshift_bins import ALL_BINS

SECTIONS = ("bins", "mocks", "real", "moments", "relation", "selection")
INTERVALS = 4
"""Redshift intervals of the paper's networks."""


@dataclass(frozen=True)
class DeAndres2022:
    """The paper's numbers, by the names of our metrics."""

    content: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads the paper's file; raises as `read_paper` does."""
        return cls(read_paper(path, *SECTIONS))

    def bin_of(self, redshifts: tuple[float, float]) -> str:
        """The paper's name of a redshift range; empty where it has no numbers of it."""
        ranges = {tuple(edges): name for name, edges in self.content["bins"].items()}
        return str(ranges.get(redshifts, ""))

    @property
    def members(self) -> int:
        """How many networks of a redshift bin it has."""
        return int(self.content["selection"]["members"])

    def of_mocks(self, data_set: str, redshifts: tuple[float, float]) -> dict[str, float]:
        """What is stated of a data set of mock clusters and a redshift range.

        Args:
            data_set: `clean` or `planck`.
            redshifts: the range's edges.

        Returns:
            Numbers by the name of their counterpart among our metrics; empty where there are none.
        """
        name = self.bin_of(redshifts)
        if not name:
            return {}
        stated = {"relerr_half_width_relation": self.content["relation"]["relerr_half_width"]}
        if data_set == "planck" and name != ALL_BINS:
            stated["members_passing_share"] = self.content["selection"]["members_passing_share"]
        if name == ALL_BINS:
            moments = self.content["moments"][data_set][INTERVALS]
            stated |= {f"{key}_{SELECTED}": value for key, value in moments.items()}
        for suffix, numbers in self._by_cut("mocks", data_set, name):
            middle, up, down, error = numbers
            values = _percentiles(middle, up, down)
            values |= {"half_width": (up + down) / 2.0, "stderr": error}
            stated |= {f"relerr_{key}_{SELECTED}{suffix}": v for key, v in values.items()}
        return {key: round(value, 6) for key, value in stated.items()}

    def of_real(self, sample: str, redshifts: tuple[float, float]) -> dict[str, float]:
        """What is stated of the PSZ2 clusters of a redshift range.

        Args:
            sample: `msz` (all) or `msz_golden`.
            redshifts: the range's edges.

        Returns:
            Numbers as `relerr_<statistic>_<sample><cut>`; empty where there are none.
        """
        stated: dict[str, float] = {}
        for suffix, numbers in self._by_cut("real", sample, self.bin_of(redshifts)):
            middle, up, down, error, count = numbers
            values = _percentiles(middle, up, down) | {"stderr": error, "clusters": count}
            stated |= {
                f"relerr_{key}_{sample}{suffix}": round(value, 6) for key, value in values.items()
            }
        return stated

    def _by_cut(self, section: str, group: str, name: str) -> list[tuple[str, Sequence[float]]]:
        """The numbers of a bin by cut in mass, as our metrics' names end."""
        of_bin = self.content[section]["relative_error"].get(group, {}).get(name, {})
        names = {suffix: suffix.removeprefix("_") or "all_masses" for suffix in CUTS}
        return [(suffix, of_bin[cut]) for suffix, cut in names.items() if cut in of_bin]


def _percentiles(middle: float, up: float, down: float) -> dict[str, float]:
    """Median and percentiles from the median and its distances to them."""
    return {"median": middle, "p16": middle - down, "p84": middle + up}
