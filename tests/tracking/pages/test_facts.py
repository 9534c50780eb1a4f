"""Which store a metric is of."""

from __future__ import annotations

from pathlib import Path

import pytest

from szmass.tracking.pages.facts import Description

STORES = {
    "clean_store": Path("clean.zarr"),
    "planck_store": Path("planck.zarr"),
    "psz2_store": Path("psz2.zarr"),
    "weighing_clusters": Path("weighing_clusters.zarr"),
    "weighing_record": Path("planck.npz"),
}


def description(stage: str, *keys: str) -> Description:
    md5 = {key: f"{key}.dir" for key in keys}
    return Description(stage, (), "now", {}, {}, STORES, md5)


@pytest.mark.parametrize(
    ("stage", "metric", "key"),
    [
        ("evaluate_weighing", "planck.relerr_median", "planck_store"),
        ("evaluate_weighing", "clean.relerr_median", "clean_store"),
        ("evaluate_weighing", "stand_in.coverage_68", "psz2_store"),
        ("evaluate_weighing", "validation_loss", "weighing_clusters"),
        ("evaluate_cnn", "planck_all/relerr_median_ensemble", "planck_store"),
        ("infer_psz2", "all.relerr_median_msz", "psz2_store"),
    ],
)
def test_a_metric_is_of_the_store_that_it_or_its_stage_names(stage: str, metric: str, key: str):
    data = description(stage, *STORES).data_of(metric)
    assert data["dataset_digest"] == f"{key}.dir"


def test_a_metric_is_of_the_only_store_and_of_none_of_several():
    only = description("evaluate_mresunet", "clean_store", "weighing_record")
    assert only.data_of("scatter")["dataset_name"] == "Compton-y maps without noise"
    assert description("evaluate_other", "clean_store", "psz2_store").data_of("scatter") == {}
