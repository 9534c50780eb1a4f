"""Expectations of the simulated y-maps, clean and with Planck's noise: of each, and by cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from szmass.compton.checks.statistics import ClusterStatistics
from szmass.params import BaryonModel, Compton
from szmass.planck.stores import PARTITIONS
from szmass.validation.expectations import CheckedTable, Expectation, equal, every, mean, unique
from szmass.validation.statistics import sampling_error

FALSE_ALARM = 1e-6
"""Probability that a faultless store fails an expectation that allows for chance; the bound of
single maps is this for all of them together."""
ROUNDING = 1e-6
"""Eight times the spacing of float32 numbers."""
MASS_CONVERSION_ERROR = 1e-4
"""Of `Cosmology.m200c_msun`, which interpolates."""
APERTURE_ERROR = 1e-3
"""Of y500 read off a map, by its pixels and its edge, where the beam hides nothing of it."""
OF_THE_CLUSTER = ("partition", "baryon_model", "m500c_1e14", "redshift", "theta500_arcmin")

MAP_MEANINGS = {
    "unusable_values": "pixels and labels that are no number, or a mass, angle or y500 that is "
    "not positive; a map that has any is left out of all else",
    "labels_that_differ": "labels of the map with noise that are not those of the clean map",
    "map_digest": "digest of the bytes of the clean map",
    "planck_digest": "digest of the bytes of the map with noise",
    "bin": "redshift bin that the redshift lies in",
    "bin_asked": "redshift bin of the cluster's number",
    "mass_over_cut": "m500c over the lowest mass simulated in the bin",
    "theta500_over_formula": "theta500 over R500c / D_A of mass and redshift",
    "m200c_over_formula": "m200c over that of an NFW halo of the mean concentration",
    "ln_y500_over_relation": "ln of D_A^2 y500 over the Y-M relation of the baryon model",
    "lowest_over_highest": "lowest pixel of the clean map over its highest",
    "map_over_y500": "y500 read off the clean map behind its beam, over the label; missing where "
    "the disc does not lie well within the map",
    "distance_from_y500": "map_over_y500 - 1, its sign dropped, over the share of y500 within a "
    "resolution length of the edge of the disc",
    "noise_partition": "partition of the realisation of noise that was added",
    "noise_partition_asked": "development for development maps, test for all others",
    "noise_error": "largest difference of planck - clean from the noise that the map names, in "
    "the best of eight symmetries, over the largest pixel",
}
CLUSTER_MEANINGS = {
    "cluster_maps": "number of maps of the cluster",
    "asked": "number of lines of sight that compton asks for",
    "lines_of_sight": "number of different projections",
    "partitions": "number of different partitions of its maps",
    "labels": "number of different values of " + ", ".join(OF_THE_CLUSTER),
}
GROUP_MEANINGS = {
    "maps": "number of maps of a partition, redshift bin and baryon model",
    "asked": "number that compton asks for",
}


def maps_table(
    maps: pd.DataFrame, baryon_models: Mapping[str, BaryonModel], statistics: ClusterStatistics
) -> CheckedTable:
    """One row a map: what holds of each by itself, and of their means."""
    expectations = [
        *of_any_source(-ROUNDING),
        *_expectations_of_y500(maps, baryon_models, statistics),
    ]
    return CheckedTable("maps", maps, "map", expectations, MAP_MEANINGS)


def of_any_source(lowest: float) -> list[Expectation]:
    """Expectations of each map, of mock and of imported clusters alike.

    Args:
        lowest: value that the lowest pixel may have, over the highest.
    """
    return [
        every("unusable_values", 0, 0, where=None),
        every("labels_that_differ", 0, 0, where=None),
        unique("map_digest"),
        unique("planck_digest"),
        equal("bin", "bin_asked"),
        equal("noise_partition", "noise_partition_asked"),
        every("mass_over_cut", 1.0, np.inf, where=None),
        every("theta500_over_formula", 1.0 - ROUNDING, 1.0 + ROUNDING, where=None),
        every(
            "m200c_over_formula",
            1.0 - MASS_CONVERSION_ERROR,
            1.0 + MASS_CONVERSION_ERROR,
            where=None,
        ),
        every("lowest_over_highest", lowest, 1.0, where=None),
        every("distance_from_y500", 0.0, 1.0, where=None),
        every("noise_error", 0.0, ROUNDING, where=None),
    ]


def _expectations_of_y500(
    maps: pd.DataFrame, baryon_models: Mapping[str, BaryonModel], statistics: ClusterStatistics
) -> Iterator[Expectation]:
    """The scatter of y500 about the relation, map by map; y500 of the maps, in the mean."""
    sigmas = float(norm.isf(FALSE_ALARM / (2.0 * len(maps))))
    of_direction = np.log(statistics.all_over_y500())
    for name, model in baryon_models.items():
        if (maps["baryon_model"] == name).any():
            most = sigmas * model.sigma_lny + of_direction
            yield every("ln_y500_over_relation", -most, most, where=("baryon_model", name))
    for name, members in maps[maps["map_over_y500"].notna()].groupby("bin", sort=False):
        chance = sampling_error(members["map_over_y500"].to_numpy(), FALSE_ALARM)
        error = members["hidden_share"].mean() + APERTURE_ERROR + chance
        yield mean("map_over_y500", 1.0 - error, 1.0 + error, where=("bin", str(name)))


def clusters_table(maps: pd.DataFrame, compton: Compton) -> CheckedTable:
    """One row a cluster."""
    groups = maps.groupby("cluster", sort=False)
    rows = pd.DataFrame({"cluster_maps": groups.size()})
    first = groups["partition"].first()
    asked = dict.fromkeys(PARTITIONS, 1) | {"development": compton.development_projections}
    rows["asked"] = first.map(asked).fillna(0).astype(int)
    rows["lines_of_sight"] = groups["projection"].nunique()
    rows["partitions"] = groups["partition"].nunique()
    rows["labels"] = groups[list(OF_THE_CLUSTER)].nunique().max(axis=1)
    expectations = [
        equal("cluster_maps", "asked"),
        equal("lines_of_sight", "cluster_maps"),
        every("partitions", 1, 1, where=None),
        every("labels", 1, 1, where=None),
    ]
    rows = rows.reset_index()
    return CheckedTable("clusters", rows, "cluster", expectations, CLUSTER_MEANINGS)


def groups_table(
    maps: pd.DataFrame,
    bins: Mapping[str, Sequence[float]],
    compton: Compton,
    baryon_models: Sequence[str],
) -> CheckedTable:
    """One row a partition, redshift bin and baryon model, found or asked for."""
    names = maps["partition"] + " " + maps["bin"] + " " + maps["baryon_model"]
    found = names.value_counts(sort=False)
    asked = maps_asked(bins, compton, baryon_models)
    groups = [*asked, *sorted(set(found.index) - set(asked))]
    rows = pd.DataFrame(
        {
            "group": groups,
            "maps": [int(found.get(group, 0)) for group in groups],
            "asked": [asked.get(group, 0) for group in groups],
        }
    )
    return CheckedTable("groups", rows, "group", [equal("maps", "asked")], GROUP_MEANINGS)


def maps_asked(
    bins: Mapping[str, Sequence[float]], compton: Compton, baryon_models: Sequence[str]
) -> dict[str, int]:
    """How many maps there shall be of each partition, redshift bin and baryon model."""
    share, rest = divmod(compton.development_clusters, len(bins))
    asked = {}
    for index, name in enumerate(bins):
        clusters = share + (index < rest)
        asked[f"development {name} {compton.baryon_model}"] = (
            clusters * compton.development_projections
        )
        asked[f"test {name} {compton.baryon_model}"] = compton.test_clusters
        for model in baryon_models:
            if model != compton.baryon_model:
                asked[f"other_model {name} {model}"] = compton.other_model_clusters
    return {group: count for group, count in asked.items() if count}
