"""Expectations of maps of imported clusters, whose gas and numbers no setting asks for.

Their relation of Y and mass is reported, and none is expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
import pandas as pd

from szmass.compton.checks.maps import (
    CLUSTER_MEANINGS,
    GROUP_MEANINGS,
    MAP_MEANINGS,
    of_any_source,
)
from szmass.compton.checks.relations import stacks_table
from szmass.compton.maps.clusters import CLUSTERS_OF_A_KIND
from szmass.compton.maps.imported import FEWEST
from szmass.params import IMPORTED
from szmass.sky.grid import PixelGrid
from szmass.sky.measured_relation import MeasuredRelation
from szmass.validation.expectations import CheckedTable, equal, every

LOWEST = -0.01
"""Over the highest pixel: splines through a coarse map swing below 0 beside its peak and edge."""
RELATION_MEANINGS = {
    "alpha": "d ln Y / d ln M500, fitted to development maps",
    "log10_b": "log10 of the normalisation, as baryon_models has it",
    "sigma_lny": "scatter of ln y500 about this relation",
    "alpha_error": "standard deviation of alpha",
    "log10_b_error": "standard deviation of log10_b",
}


def imported_tables(
    maps: pd.DataFrame,
    sums: Mapping[str, np.ndarray],
    grid: PixelGrid,
    relation: MeasuredRelation,
) -> Iterator[CheckedTable]:
    """The tables by which maps of imported clusters are judged.

    Args:
        maps: of `measure_maps`.
        sums: of `measure_maps`.
        grid: the pixels.
        relation: measured of the development maps.
    """
    yield _groups(maps)
    yield _clusters(maps)
    yield CheckedTable("maps", maps, "map", of_any_source(LOWEST), MAP_MEANINGS)
    rows = pd.DataFrame([{"baryon_model": IMPORTED, **asdict(relation)}])
    reported = [every(name, -np.inf, np.inf, where=None) for name in RELATION_MEANINGS]
    yield CheckedTable("relations", rows, "baryon_model", reported, RELATION_MEANINGS)
    yield stacks_table(maps, sums, grid)


def _groups(maps: pd.DataFrame) -> CheckedTable:
    """One row a partition and redshift bin."""
    groups = maps["partition"] + " " + maps["bin"] + " " + maps["baryon_model"]
    counts = groups.value_counts(sort=False)
    rows = pd.DataFrame({"group": counts.index, "maps": counts.to_numpy()})
    meanings = {"maps": GROUP_MEANINGS["maps"]}
    expected = [every("maps", min(FEWEST.values()), np.inf, where=None)]
    return CheckedTable("groups", rows, "group", expected, meanings)


def _clusters(maps: pd.DataFrame) -> CheckedTable:
    """One row a cluster; it may have maps in several redshift bins, of several masses."""
    number = (maps["cluster"] % CLUSTERS_OF_A_KIND).rename("cluster")
    groups = maps.drop(columns="cluster").groupby(number)
    in_bins = maps[["cluster", "projection"]].drop_duplicates().groupby(number)
    rows = pd.DataFrame(
        {
            "cluster_maps": groups.size(),
            "lines_of_sight": in_bins.size(),
            "partitions": groups["partition"].nunique(),
        }
    ).reset_index()
    expectations = [equal("lines_of_sight", "cluster_maps"), every("partitions", 1, 1, where=None)]
    meanings = {name: CLUSTER_MEANINGS[name] for name in rows.columns if name != "cluster"}
    return CheckedTable("clusters", rows, "cluster", expectations, meanings)
