"""The study of shapes: the pipeline's own clusters, but for their axes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from helpers.mock_stores import draw_clusters, small_params, write_stores
from helpers.recording import ListRun
from szmass.compton.maps.clusters import ComptonSamples
from szmass.compton.maps.images import ClusterSimulator
from szmass.compton.maps.partitions import PartitionError, partition_rows
from szmass.compton.maps.stores import open_clean_store, open_planck_store
from szmass.params import Params
from szmass.sky.clusters.mock_clusters import MockClusters
from szmass.sky.grid import PixelGrid
from szmass.studies.shapes.judge import images_and_axes, noise_of, simulator_of
from szmass.studies.shapes.report import report
from szmass.studies.shapes.settings import Shape, Shapes

ROUND, LONG = Shape([1.0, 1.0], 0.0), Shape([0.6, 0.5], 0.0)


@pytest.fixture(scope="module")
def settings(params: Params) -> Params:
    return small_params(params)


@pytest.fixture(scope="module")
def samples(settings: Params) -> ComptonSamples:
    return draw_clusters(settings).at(slice(0, 12))


def made(samples: ComptonSamples, shape: Shape, settings: Params) -> tuple[np.ndarray, np.ndarray]:
    given = settings.compton, settings.morphology, settings.baryon_models
    return images_and_axes(samples, simulator=simulator_of(shape, *given))


def test_the_pipelines_own_shape_gives_its_own_maps(
    samples: ComptonSamples, settings: Params
) -> None:
    morphology = settings.morphology
    own = Shape(morphology.axis_ratio_mean, morphology.axis_ratio_scatter)
    maps, _ = made(samples, own, settings)
    pipelines = ClusterSimulator(
        MockClusters(**asdict(morphology)),
        tuple(model.cool_core_mean for model in settings.baryon_models.values()),
        PixelGrid.of(settings.compton),
        settings.compton.beam_fwhm_arcmin,
    )
    np.testing.assert_array_equal(maps, pipelines.beamed(samples)[0])


def test_axes_on_the_sky(samples: ComptonSamples, settings: Params) -> None:
    round_maps, round_axes = made(samples, ROUND, settings)
    long_maps, long_axes = made(samples, LONG, settings)
    np.testing.assert_allclose(round_axes, 1.0, rtol=1e-6)
    # no line of sight shows an ellipsoid longer than it is
    assert (long_axes > 0.5 - 1e-6).all()
    assert long_axes.mean() < 0.85
    # Y is that of the same mass, averaged over lines of sight; the same line shows another one
    share = long_maps.sum(axis=(1, 2)) / round_maps.sum(axis=(1, 2))
    assert share == pytest.approx(np.ones(len(samples)), abs=0.5)
    assert share.std() > 0.01


def test_noise_is_that_of_each_clusters_own_map(settings: Params, tmp_path: Path) -> None:
    paths = write_stores(tmp_path, settings)
    clean, planck = (
        opened(paths[key])
        for opened, key in ((open_clean_store, "clean_store"), (open_planck_store, "planck_store"))
    )
    rows = partition_rows(planck, "test")[[5, 2, 9]]
    expected = planck.read("compton_y")[rows] - clean.read("compton_y")[rows]
    found = noise_of(planck.read("cluster")[rows], clean, planck)
    np.testing.assert_array_equal(found, expected)
    development = partition_rows(planck, "development")[:1]
    with pytest.raises(PartitionError, match="development: expected test maps"):
        noise_of(planck.read("cluster")[development], clean, planck)


def test_the_table_has_a_row_a_shape(tmp_path: Path) -> None:
    study = Shapes(3, {"round": ROUND, "long": LONG})
    widths = {"round": 0.1, "long": 0.2}
    for name, width in widths.items():
        metrics = {"projected_axis_ratio": 1.0 - width}
        for data_set in ("clean", "planck"):
            for estimator in ("weighing", "matched_filter"):
                key = f"{data_set}_relerr_half_width_{estimator}"
                metrics |= {key: width, f"{key}_err": 0.01}
        metrics |= {"planck_coverage_68_weighing": 0.5, "planck_coverage_95_weighing": 0.9}
        folder = tmp_path / "items" / name
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text(json.dumps(metrics))
    run = ListRun()
    report(study, here=tmp_path, run=run)
    lines = (tmp_path / "table.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith(("| round", "| long"))]
    assert [row.count("0.100 +- 0.010") for row in rows] == [4, 0]
    assert "0.60, 0.50 | 0.80" in rows[1]
    assert [path.name for path in run.figures] == ["shapes.png"]
