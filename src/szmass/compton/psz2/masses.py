"""Masses of the PSZ2 clusters, and of mocks as if Planck had weighed them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from szmass.compton.maps.partitions import partition_rows
from szmass.compton.masses.predictor import Columns, Predictor
from szmass.compton.masses.relation import aperture_y_arcmin2, planck_msz_msun, relation_msun
from szmass.sky.cosmology import Cosmology
from szmass.sky.scaling import ScalingRelation
from szmass.storage.store import MapStore

CATALOGUE_COLUMNS = (
    "m500_msun", "m500_msun_p2p5", "m500_msun_p16", "m500_msun_p84", "m500_msun_p97p5",
    "log10_m500", "out_of_range", "out_of_range_reason", "systematic_dex", "sigma_aleatoric_dex",
    "sigma_epistemic_dex", "m500_ensemble_msun", "m500_selected_msun", "model_version",
)  # fmt: skip
LABELS = ("glon_deg", "glat_deg", "redshift", "msz_1e14_msun", "masked_fraction")
RESOLVED_PIXELS = 5.0
"""R500 of clusters whose Y can be measured in a map with the beam (dA22, text at Fig. 3)."""


def weigh(psz2: MapStore, predictor: Predictor, prior: np.ndarray | None) -> Columns:
    """The labels of the clusters and the predictor's columns for them.

    The golden sample is weighed a second time with its point sources refilled,
    `m500_golden_msun`, as the paper does.
    """
    labels = {name: psz2.read(name) for name in LABELS}
    masses = predictor(psz2.read("compton_y"), labels["redshift"], prior)
    golden = psz2.read("golden") == 1
    refilled = np.full(len(golden), np.nan)
    rows = np.flatnonzero(golden)
    if len(rows):
        maps = psz2.read("compton_y_refilled", rows)
        refilled[rows] = predictor(maps, labels["redshift"][rows], prior)["m500_msun"]
    return {
        **labels,
        "bin": masses["bin"],
        **{name: masses[name] for name in CATALOGUE_COLUMNS},
        "golden": golden,
        "m500_golden_msun": refilled,
        "m500_true_msun": psz2.read("m500c_true_msun"),
    }


def weigh_mocks(mocks: MapStore, predictor: Predictor, prior: np.ndarray | None) -> Columns:
    """Masses of the test clusters, with their rows in the store as `row`."""
    rows = partition_rows(mocks, "test")
    masses = predictor(mocks.read("compton_y", rows), mocks.read("redshift", rows), prior)
    return masses | {"row": rows}


def simulated_msz(
    test: Columns,
    mocks: MapStore,
    relation: ScalingRelation,
    cosmology: Cosmology,
    pixel_arcmin: float,
) -> dict[str, Columns]:
    """Test clusters weighed by relations of Y and mass.

    Args:
        test: of `weigh_mocks`.
        mocks: the store of these.
        relation: that the clusters were made with.
        cosmology: E(z), h and distances.
        pixel_arcmin: side of a pixel.

    Returns:
        `m500_msun`, `msz_msun` and `bin` of the clusters that can be weighed so, by metric name
        of the relation.
    """
    rows, redshift, y = test["row"], test["redshift"], mocks.read("y500_cyl_arcmin2", test["row"])
    theta = mocks.read("theta500_arcmin", rows)
    resolved = np.flatnonzero(theta > RESOLVED_PIXELS * pixel_arcmin)
    everyone = np.arange(len(rows))
    msz: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "alpha_1p63": (relation_msun(y, redshift, relation, cosmology), everyone),
        "alpha_1p79": (planck_msz_msun(y, redshift, cosmology), everyone),
    }
    if len(resolved) >= len(rows) // 100:
        maps = mocks.read("compton_y", rows[resolved])
        in_maps = np.maximum(aperture_y_arcmin2(maps, theta[resolved], pixel_arcmin), 1e-9)
        masses = relation_msun(in_maps, redshift[resolved], relation, cosmology)
        msz["alpha_1p63_in_planck_maps"] = masses, resolved
    return {name: _beside(test, masses, which) for name, (masses, which) in msz.items()}


def _beside(test: Mapping[str, np.ndarray], msz_msun: np.ndarray, which: np.ndarray) -> Columns:
    masses = {name: test[name][which] for name in ("m500_msun", "bin")}
    return masses | {"msz_msun": msz_msun}
