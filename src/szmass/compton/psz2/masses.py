"""Masses of the PSZ2 clusters, and of test clusters with the mass that Planck would give them."""

from __future__ import annotations

import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.compton.masses.predictor import Columns, Predictor
from szmass.compton.masses.relation import aperture_y_arcmin2, planck_msz_msun, relation_msun
from szmass.compton.results.estimated import Estimated
from szmass.compton.results.metrics import relative_error
from szmass.params import BaryonModel, Compton
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation
from szmass.storage.store import MapStore
from szmass.units import MASS_UNIT_MSUN

CATALOGUE_COLUMNS = (
    "m500_msun", "m500_msun_p2p5", "m500_msun_p16", "m500_msun_p84", "m500_msun_p97p5",
    "log10_m500", "out_of_range", "out_of_range_reason", "m500_ensemble_msun",
    "m500_selected_msun", "model_version",
)  # fmt: skip
LABELS = ("glon_deg", "glat_deg", "redshift", "msz_1e14_msun", "masked_fraction")
RESOLVED_PIXELS = 5.0
"""R500 of clusters whose Y can be measured in a map with the beam (dA22, text at Fig. 3)."""


def weigh(psz2: MapStore, predictor: Predictor) -> Columns:
    """The labels of the clusters and the predictor's columns for them.

    The golden sample is weighed a second time with its point sources refilled,
    `m500_golden_msun`, as the paper does.
    """
    labels = {name: psz2.read(name) for name in LABELS}
    masses = predictor(psz2.read("compton_y"), labels["redshift"])
    golden = psz2.read("golden") == 1
    refilled = np.full(len(golden), np.nan)
    rows = np.flatnonzero(golden)
    if len(rows):
        maps = psz2.read("compton_y_refilled", rows)
        refilled[rows] = predictor(maps, labels["redshift"][rows])["m500_msun"]
    return {
        **labels,
        "bin": masses["bin"],
        **{name: masses[name] for name in CATALOGUE_COLUMNS},
        "golden": golden,
        "m500_golden_msun": refilled,
        "m500_true_msun": psz2.read("m500c_true_msun"),
    }


def weigh_mocks(mocks: MapStore, predictor: Predictor) -> Columns:
    """Masses of the test clusters, with their rows in the store as `row`."""
    rows = partition_rows(mocks, "test")
    masses = predictor(mocks.read("compton_y", rows), mocks.read("redshift", rows))
    return masses | {"row": rows}


def beside_published(found: Columns, published_log10_msun: np.ndarray) -> Columns:
    """The relative error against Planck's mass, and the published CNN mass as log10."""
    msz_msun = found["msz_1e14_msun"] * MASS_UNIT_MSUN
    return {
        "relerr": relative_error(found["m500_msun"], msz_msun),
        "log10_m500_published": published_log10_msun,
    }


def simulated_msz(
    test: Columns, mocks: MapStore, gas: BaryonModel, compton: Compton
) -> list[Estimated]:
    """Masses of test clusters beside those that relations of Y and mass give them.

    Args:
        test: of `weigh_mocks`.
        mocks: the store of these.
        gas: has the relation that the clusters were made with.
        compton: their pixels and cosmology.

    Returns:
        The clusters that can be weighed so, labelled by metric name of the relation.
    """
    relation, cosmology = ScalingRelation.of(gas), Cosmology.of(compton)
    rows, redshift, y = test["row"], test["redshift"], mocks.read("y500_cyl_arcmin2", test["row"])
    theta = mocks.read("theta500_arcmin", rows)
    resolved = np.flatnonzero(theta > RESOLVED_PIXELS * compton.pixel_arcmin)
    everyone = np.arange(len(rows))
    msz: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "alpha_1p63": (relation_msun(y, redshift, relation, cosmology), everyone),
        "alpha_1p79": (planck_msz_msun(y, redshift, cosmology), everyone),
    }
    if len(resolved) >= max(1, len(rows) // 100):
        maps = mocks.read("compton_y", rows[resolved])
        in_maps = aperture_y_arcmin2(maps, theta[resolved], compton.pixel_arcmin)
        in_maps = np.maximum(in_maps, 1e-9)
        masses = relation_msun(in_maps, redshift[resolved], relation, cosmology)
        msz["alpha_1p63_in_planck_maps"] = masses, resolved
    return [
        Estimated(name, test["m500_msun"][which], masses) for name, (masses, which) in msz.items()
    ]
